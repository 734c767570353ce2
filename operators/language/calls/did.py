"""`did`: true where there is an event E."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS
from operators.language.count_slots import measure_of
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call: `count(E) >= 1`."""
    return context.slot(measure_of(call), call, ((">=", 1),)).some()


ROW = CallRow(
    name="did",
    gives="boolean",
    parameters=(EVENTS, *FILTERS),
    doc="true where there is an event E",
    boundaries="t + D for each E in the window",
    compile=compile,
    never_none=True,
)
