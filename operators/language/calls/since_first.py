"""`since_first`: duration since the earliest E in the window, None where there is none.

>>> from operators.trial import trial
>>> trial("since_first('A')", ("A", 0, {}), ("A", 1, {}), at=3)
'3h'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, check_filters
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
    name="since_first",
    gives="duration",
    parameters=(EVENTS, *FILTERS),
    doc="duration since the earliest E in the window, None where there is none",
    boundaries="t + d and t + d + 1 ms for each duration d it is compared with, and those of the window",
    state="the first time; with `within` or `after` each time",
    example="since_first('Signed Up') < '14d'",
    compile=compile,
    check=check_filters,
)
