"""`most`: the most frequent value of a property; of equals the smallest (false, true, numbers, strings, lists, objects); None of none.

>>> from operators.trial import trial
>>> trial("most('A', 'x')", *(("A", 0, {"x": x}) for x in ("b", "a", "b", "a", "c")), at=0)
'a'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, PROPERTY, check_filters
from operators.language.event_slots import MostSlot
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(MostSlot, call, compared)
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="most",
    gives="any",
    parameters=(EVENTS, PROPERTY, *FILTERS),
    doc="the most frequent value of a property; of equals the smallest (false, true, numbers, strings, lists, objects); None of none",
    boundaries="t + D for each E in the window",
    state="each value; without `within` and `after` each different one with its number",
    example="most('Product Viewed', 'category', within='30d') == 'shoes'",
    compile=compile,
    check=check_filters,
)
