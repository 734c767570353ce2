"""`anniversary`: true on the day on which the date in x returns in a later year, and for the time D before it.

>>> from operators.trial import trial
>>> [trial("anniversary(trait.d, within='1d')", ("Identified", 0, {"d": "1960-01-03"}), at=hours) for hours in (23, 24, 71, 72)]
[False, True, True, False]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.language.canonical import canonical
from operators.language.dates import anniversary, day_of, zone_of
from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared, TimerSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call, and the timer of its boundaries."""
    item, zone, within = context.value(call["x"]), context.calendar(), call["within"] or 0

    def look(p: Any, now: int) -> tuple[bool, int | None]:
        its = zone_of(p, zone)
        day = day_of(item(p, now), its)
        return (False, None) if day is None else anniversary(day, within, now, its)

    context.timer(TimerSlot, f"anniversary {within} {canonical(call['x'])}", lambda p, now: look(p, now)[1])
    return lambda p, now: look(p, now)[0]


ROW = CallRow(
    name="anniversary",
    gives="boolean",
    parameters=(Parameter("x", "value", required=True, accepts=("string", "number")), Parameter("within", "span", keyword=True)),
    doc="true on the day on which the date in x returns in a later year, and for the time D before it",
    boundaries="D before the first instant of that day, and its end",
    state="nothing but its boundary",
    example="anniversary(trait.birthday, within='3d')",
    compile=compile,
    never_none=True,
)
