"""`day`: the day of the month where the person is, 1 to 31.

>>> from operators.trial import trial
>>> trial("day()", ("A", 0, {}), at=36)
2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.dates import local, next_day, zone_of
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared, TimerSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call, and the timer of its boundaries."""
    zone = context.calendar()
    context.timer(TimerSlot, "day", lambda p, now: next_day(now, zone_of(p, zone)))
    return lambda p, now: local(now, zone_of(p, zone)).day


ROW = CallRow(
    name="day",
    gives="number",
    parameters=(),
    doc="the day of the month where the person is, 1 to 31",
    boundaries="the first instant of each day",
    state="nothing but its boundary",
    example="day() == 1",
    compile=compile,
    never_none=True,
)
