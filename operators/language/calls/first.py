"""`first`: the value of the property at the earliest E that has one, else None.

>>> from operators.trial import trial
>>> trial("first('A', 'x')", ("A", 0, {}), ("A", 1, {"x": 1}), ("A", 2, {"x": 2}), at=3)
1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, PROPERTY, check_filters
from operators.language.edge_slots import EarliestSlot
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(EarliestSlot, call, compared)
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="first",
    gives="any",
    parameters=(EVENTS, PROPERTY, *FILTERS),
    doc="the value of the property at the earliest E that has one, else None",
    boundaries="t + D for each E in the window",
    state="the first value; with `within` or `after` each value",
    example="first('Page Viewed', 'referrer') == 'newsletter'",
    compile=compile,
    check=check_filters,
)
