"""`month`: the month where the person is, 1 to 12.

>>> from operators.trial import trial
>>> trial("month()", ("A", 0, {}), at=0), trial("month()", ("A", 0, {}), at=0, zone="America/New_York")
(1, 12)
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
    return lambda p, now: local(now, zone_of(p, zone)).month


ROW = CallRow(
    name="month",
    gives="number",
    parameters=(),
    doc="the month where the person is, 1 to 12",
    boundaries="the first instant of each day",
    state="nothing but its boundary",
    example="month() == 12 and did('Order Completed', within='365d')",
    compile=compile,
    never_none=True,
)
