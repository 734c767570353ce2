"""`weekday`: the day of the week where the person is: 'monday' to 'sunday'.

>>> from operators.trial import trial
>>> trial("weekday()", ("A", 0, {}), at=0), trial("weekday()", ("A", 0, {}), at=23, zone="Europe/Berlin")
('thursday', 'friday')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.dates import WEEKDAYS, local, next_day, zone_of
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared, TimerSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call, and the timer of its boundaries."""
    zone = context.calendar()
    context.timer(TimerSlot, "day", lambda p, now: next_day(now, zone_of(p, zone)))
    return lambda p, now: WEEKDAYS[local(now, zone_of(p, zone)).weekday()]


ROW = CallRow(
    name="weekday",
    gives="string",
    parameters=(),
    doc="the day of the week where the person is: 'monday' to 'sunday'",
    boundaries="the first instant of each day",
    state="nothing but its boundary",
    example="weekday() in ['saturday', 'sunday']",
    compile=compile,
    never_none=True,
)
