"""`sum`: the sum of the numbers in a property, each to the nearest millionth; 0 of none.

>>> from operators.trial import trial
>>> trial("sum('A', 'x', within='2h')", ("A", 0, {"x": 5}), ("A", 1, {"x": 0.1}), ("A", 1, {"x": 0.2}), ("A", 2, {"x": "1"}), at=2)
0.3
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, PROPERTY, check_filters
from operators.language.event_slots import SumSlot
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(SumSlot, call, compared)
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="sum",
    gives="number",
    parameters=(EVENTS, PROPERTY, *FILTERS),
    doc="the sum of the numbers in a property, each to the nearest millionth; 0 of none",
    boundaries="t + D for each E in the window",
    state="each value; without `within` and `after` one number",
    example="sum('Order Completed', 'total', within='90d') >= 250",
    compile=compile,
    check=check_filters,
)
