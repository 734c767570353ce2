"""`today`: true where the date in x, or the day that holds the instant in x, is today where the person is.

>>> from operators.trial import trial
>>> [trial("today(trait.d)", ("Identified", 0, {"d": "1970-01-02"}), at=hours) for hours in (23, 24, 48)]
[False, True, False]
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from operators.language.canonical import canonical
from operators.language.dates import day_of, start_of, zone_of
from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared, TimerSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call, and the timer of its boundaries."""
    item, zone = context.value(call["x"]), context.calendar()

    def bounds(p: Any, now: int) -> tuple[int, int] | None:
        its = zone_of(p, zone)
        day = day_of(item(p, now), its)
        return None if day is None else (start_of(day, its), start_of(day + timedelta(days=1), its))

    def next(p: Any, now: int) -> int | None:
        return min((bound for bound in bounds(p, now) or () if bound > now), default=None)

    def today(p: Any, now: int) -> bool:
        day = bounds(p, now)
        return day is not None and day[0] <= now < day[1]

    context.timer(TimerSlot, f"today {canonical(call['x'])}", next)
    return today


ROW = CallRow(
    name="today",
    gives="boolean",
    parameters=(Parameter("x", "value", required=True, accepts=("string", "number")),),
    doc="true where the date in x, or the day that holds the instant in x, is today where the person is",
    boundaries="the first instant of that day, and of the next",
    state="nothing but its boundary",
    example="today(trait.renewal_date)",
    compile=compile,
    never_none=True,
)
