"""`count`: number of events E."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared, CountSlot

if TYPE_CHECKING:
    from operators.language.compile import Context, Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call; its slot keeps no more than `compared` needs."""
    slot = context.slot(CountSlot, call, compared)
    slot.shown = True
    no = slot.no
    return lambda p, now: slot.value(p.slots.get(no), now)


ROW = CallRow(
    name="count",
    gives="number",
    parameters=(EVENTS, *FILTERS),
    doc="number of events E",
    boundaries="t + D for each E in the window",
    compile=compile,
    never_none=True,
)
