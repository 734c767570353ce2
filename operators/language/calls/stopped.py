"""`stopped`: true where there is no E in the time `silent` that ends now, but one in the time `active` before it.

>>> from operators.trial import trial
>>> [trial("stopped('A', active='4h', silent='2h')", ("A", 0, {}), at=hours) for hours in (1, 2, 5, 6)]
[False, True, True, False]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.language.calls.events import EVENTS, WHERE
from operators.language.edge_slots import LatestSlot
from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call: the latest E lies so far back."""
    silent, active = call["silent"], call["active"]
    where = (("where", call["where"]),) if call["where"] is not None else ()
    since = Call("since", (("events", call["events"]), ("within", silent + active), *where))
    slot = context.slot(LatestSlot, since, ((">=", silent),))
    read = slot.reading()

    def stopped(p: Any, now: int) -> bool:
        since = read(p, now)
        return since is not None and since >= silent

    return stopped


ROW = CallRow(
    name="stopped",
    gives="boolean",
    parameters=(
        EVENTS,
        Parameter("active", "span", required=True, keyword=True),
        Parameter("silent", "span", required=True, keyword=True),
        WHERE,
    ),
    doc="true where there is no E in the time `silent` that ends now, but one in the time `active` before it",
    boundaries="t + silent and t + silent + active for each E",
    state="the last time",
    example="stopped('Email Opened', active='30d', silent='7d')",
    compile=compile,
    never_none=True,
    reach=lambda call: call["active"] + call["silent"],
)
