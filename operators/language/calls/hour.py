"""`hour`: the hour of the day where the person is, 0 to 23.

>>> from operators.trial import trial
>>> trial("hour()", ("Identified", 0, {"timezone": "Asia/Kolkata"}), at=0)
5
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.dates import local, next_hour, zone_of
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared, TimerSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call, and the timer of its boundaries."""
    zone = context.calendar()
    context.timer(TimerSlot, "hour", lambda p, now: next_hour(now, zone_of(p, zone)))
    return lambda p, now: local(now, zone_of(p, zone)).hour


ROW = CallRow(
    name="hour",
    gives="number",
    parameters=(),
    doc="the hour of the day where the person is, 0 to 23",
    boundaries="the first instant of each hour",
    state="nothing but its boundary",
    example="9 <= hour() < 18",
    compile=compile,
    never_none=True,
)
