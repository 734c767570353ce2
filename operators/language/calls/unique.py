"""`unique`: the different values of a property as a list, that of the latest event first.

>>> from operators.trial import trial
>>> trial("unique('A', 'x')", ("A", 0, {"x": "a"}), ("A", 1, {"x": "b"}), ("A", 2, {"x": "a"}), at=2)
['a', 'b']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, PROPERTY, check_filters
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared
from operators.language.unique_slots import UniqueSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(UniqueSlot, call, compared)
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="unique",
    gives="list",
    parameters=(EVENTS, PROPERTY, *FILTERS),
    doc="the different values of a property as a list, that of the latest event first",
    boundaries="t + D for each E in the window",
    state="each different value, with the time of its latest event",
    example="'SKU-1' in unique('Product Viewed', 'product_id', within='7d')",
    compile=compile,
    check=check_filters,
    never_none=True,
)
