"""`count`: number of events E.

>>> from operators.trial import trial
>>> trial("count('A', within='2h')", ("A", 0, {}), ("A", 1, {}), ("A", 2, {}), at=2)
2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, check_filters
from operators.language.count_slots import measure_of
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call; its slot keeps no more than `compared` needs."""
    slot = context.slot(measure_of(call), call, compared)
    slot.shown = True
    read: Value = slot.reading()
    return read


ROW = CallRow(
    name="count",
    gives="number",
    parameters=(EVENTS, *FILTERS),
    doc="number of events E",
    boundaries="t + D for each E in the window",
    state="as many of the last times as the comparisons tell apart; without `within` and `after` one number",
    example="count('Product Viewed', within='7d') > 3",
    compile=compile,
    check=check_filters,
    never_none=True,
)
