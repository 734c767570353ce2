"""`in_segment_for`: duration since the time of the last entry, None where not a member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared, DurationSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call, and the timer of its boundaries."""
    no = context.segment(call["id"])
    context.timer(DurationSlot, f"in_segment_for {call['id']}", lambda p, now: p.members.get(no), compared)

    def in_segment_for(p: Any, now: int) -> int | None:
        entry = p.members.get(no)
        return None if entry is None else now - entry

    return in_segment_for


ROW = CallRow(
    name="in_segment_for",
    gives="duration",
    parameters=(Parameter("id", "segment", required=True),),
    doc="duration since the time of the last entry, None where not a member",
    boundaries="entry + d, entry + d + 1 ms",
    state="nothing but its boundary",
    example="in_segment_for('viewers') > '1h'",
    compile=compile,
)
