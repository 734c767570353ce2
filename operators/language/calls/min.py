"""`min`: the smallest number in a property, to the nearest millionth; None of none.

>>> from operators.trial import trial
>>> trial("min('A', 'x', within='2h')", ("A", 0, {"x": 1}), ("A", 1, {"x": 3}), ("A", 2, {"x": 2}), at=2)
2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, PROPERTY, check_filters
from operators.language.event_slots import SmallestSlot
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(SmallestSlot, call, compared)
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="min",
    gives="number",
    parameters=(EVENTS, PROPERTY, *FILTERS),
    doc="the smallest number in a property, to the nearest millionth; None of none",
    boundaries="t + D for each E in the window",
    state="each value that is smaller than all after it; without `within` and `after` one",
    example="min('Product Viewed', 'price', within='7d') < 20",
    compile=compile,
    check=check_filters,
)
