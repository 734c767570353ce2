"""`segment`: true where the person is a member now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    no = context.segment(call["id"])
    return lambda p, now: no in p.members


ROW = CallRow(
    name="segment",
    gives="boolean",
    parameters=(Parameter("id", "segment", required=True),),
    doc="true where the person is a member now",
    boundaries="those of that segment",
    state="nothing",
    example="segment('viewers') and not segment('buyers')",
    compile=compile,
    never_none=True,
)
