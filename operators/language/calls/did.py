"""`did`: true where there is an event E.

>>> from operators.trial import trial
>>> trial("did('A', within='2h', where=x > 1)", ("A", 0, {"x": 2}), at=1.5), trial("did('A', within='2h')", ("A", 0, {}), at=2)
(True, False)
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
    """The closure of the call: `count(E) >= 1`."""
    some: Value = context.slot(measure_of(call), call, ((">=", 1),)).some()
    return some


ROW = CallRow(
    name="did",
    gives="boolean",
    parameters=(EVENTS, *FILTERS),
    doc="true where there is an event E",
    boundaries="t + D for each E in the window",
    state="the last time",
    example="did('Order Completed', within='30d', where=total >= 100)",
    compile=compile,
    check=check_filters,
    never_none=True,
)
