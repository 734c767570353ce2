"""`last`: the value of the property at the latest E that has one, else None.

>>> from operators.trial import trial
>>> trial("last('A', 'x')", ("A", 1, {"x": 1}), ("A", 2, {"x": 2}), ("A", 3, {}), at=3)
2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, PROPERTY, check_filters
from operators.language.edge_slots import LatestSlot
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(LatestSlot, call, compared)
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="last",
    gives="any",
    parameters=(EVENTS, PROPERTY, *FILTERS),
    doc="the value of the property at the latest E that has one, else None",
    boundaries="t + D for each E in the window",
    state="the last value",
    example="last('Order Completed', 'total') > 100",
    compile=compile,
    check=check_filters,
)
