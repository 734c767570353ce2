"""`age`: duration since the instant in x (RFC 3339, a date, or milliseconds), negative before it; None if it is no instant.

>>> from operators.trial import trial
>>> trial("age(trait.d)", ("Identified", 0, {"d": "1970-01-01"}), at=30)
'1d6h'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.instants import instant_of
from operators.language.canonical import canonical
from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared, DurationSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call, and the timer of its boundaries."""
    instant, zone = context.value(call["x"]), context.zone
    context.timer(DurationSlot, f"age {canonical(call['x'])}", lambda p, now: instant_of(instant(p, now), zone), compared)
    context.personal()

    def age(p: Any, now: int) -> int | None:
        start = instant_of(instant(p, now), zone)
        return None if start is None else now - start

    return age


ROW = CallRow(
    name="age",
    gives="duration",
    parameters=(Parameter("x", "value", required=True, accepts=("string", "number")),),
    doc="duration since the instant in x (RFC 3339, a date, or milliseconds), negative before it; None if it is no instant",
    boundaries="x + d, x + d + 1 ms",
    state="nothing but its boundary",
    example="age(trait.trial_started) >= '12d'",
    compile=compile,
)
