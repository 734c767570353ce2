"""`latest`: true where the latest E satisfies the `where`, which is asked of it alone.

>>> from operators.trial import trial
>>> trial("latest('A', where=x == 1)", ("A", 0, {"x": 1}), at=0)
True
>>> trial("latest('A', where=x == 1)", ("A", 0, {"x": 1}), ("A", 1, {"x": 2}), at=1)
False
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, FILTERS, check_filters
from operators.language.edge_slots import LatestTestSlot
from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(LatestTestSlot, call, compared)
    read = slot.reading()
    return lambda p, now: read(p, now) is True


ROW = CallRow(
    name="latest",
    gives="boolean",
    parameters=(EVENTS, *(replace(each, required=each.name == "where") for each in FILTERS)),
    doc="true where the latest E satisfies the `where`, which is asked of it alone",
    boundaries="t + D for each E in the window",
    state="the last time",
    example="latest('Subscription Changed', where=plan == 'pro')",
    compile=compile,
    check=check_filters,
    never_none=True,
)
