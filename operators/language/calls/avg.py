"""`avg`: the average of the numbers in a property, each to the nearest millionth; None of none.

>>> from operators.trial import trial
>>> trial("avg('A', 'x')", ("A", 0, {"x": 1}), ("A", 1, {"x": 2}), at=1), trial("avg('A', 'x')", at=0)
(1.5, None)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, PROPERTY, check_filters
from operators.language.event_slots import AverageSlot
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(AverageSlot, call, compared)
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="avg",
    gives="number",
    parameters=(EVENTS, PROPERTY, *FILTERS),
    doc="the average of the numbers in a property, each to the nearest millionth; None of none",
    boundaries="t + D for each E in the window",
    state="each value; without `within` and `after` two numbers",
    example="avg('Order Completed', 'total') > 80",
    compile=compile,
    check=check_filters,
)
