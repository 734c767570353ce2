"""`distinct`: the number of different values of a property.

>>> from operators.trial import trial
>>> trial("distinct('A', 'x')", *(("A", 0, {"x": x}) for x in (1, 1.0, True, "1", None)), at=0)
3
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, PROPERTY, check_filters
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared
from operators.language.unique_slots import DistinctSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(DistinctSlot, call, compared)
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="distinct",
    gives="number",
    parameters=(EVENTS, PROPERTY, *FILTERS),
    doc="the number of different values of a property",
    boundaries="t + D for each E in the window",
    state="each different value, with the time of its latest event",
    example="distinct('Product Viewed', 'category', within='7d') >= 3",
    compile=compile,
    check=check_filters,
    never_none=True,
)
