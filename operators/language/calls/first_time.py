"""`first_time`: true where the first E of all lies in the window.

>>> from operators.trial import trial
>>> [trial("first_time('A', within='2h')", ("A", 0, {}), ("A", 3, {}), at=hours) for hours in (1, 3)]
[True, False]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.language.calls.events import EVENTS, WHERE
from operators.language.edge_slots import EarliestSlot
from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call: `since_first(E) < D`."""
    within = call["within"]
    where = (("where", call["where"]),) if call["where"] is not None else ()
    slot = context.slot(EarliestSlot, Call("since_first", (("events", call["events"]), *where)), (("<", within),))
    read = slot.reading()

    def first_time(p: Any, now: int) -> bool:
        since = read(p, now)
        return since is not None and since < within

    return first_time


ROW = CallRow(
    name="first_time",
    gives="boolean",
    parameters=(EVENTS, Parameter("within", "span", required=True, keyword=True), WHERE),
    doc="true where the first E of all lies in the window",
    boundaries="t + D for the first E",
    state="the first time",
    example="first_time('Order Completed', within='7d')",
    compile=compile,
    reach=lambda _call: 0,
    never_none=True,
)
