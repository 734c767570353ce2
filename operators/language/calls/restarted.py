"""`restarted`: true where an E in the window came at least `silent` after the one before it.

>>> from operators.trial import trial
>>> [trial("restarted('A', silent='4h', within='1h')", ("A", 0, {}), ("A", 4, {}), at=hours) for hours in (3, 4, 5)]
[False, True, False]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, WHERE
from operators.language.nodes import Call, CallRow, Parameter
from operators.language.rhythm_slots import RestartSlot
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(RestartSlot, call, compared)
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="restarted",
    gives="boolean",
    parameters=(
        EVENTS,
        Parameter("silent", "span", required=True, keyword=True),
        Parameter("within", "within", required=True, keyword=True),
        WHERE,
    ),
    doc="true where an E in the window came at least `silent` after the one before it",
    boundaries="t + D for each E in the window",
    state="each time in the window, and the last before it",
    example="restarted('Page Viewed', silent='30d', within='7d')",
    compile=compile,
    never_none=True,
    reach=lambda call: call["within"] + call["silent"],
)
