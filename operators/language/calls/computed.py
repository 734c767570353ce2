"""`computed`: the value that computed.yaml defines under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the definition."""
    return context.value(call["name"].node, compared)


ROW = CallRow(
    name="computed",
    gives=None,
    parameters=(Parameter("name", "computed", required=True),),
    doc="the value that computed.yaml defines under a name",
    boundaries="those of its definition",
    state="what its definition keeps",
    example="computed('lead_score') >= 50",
    compile=compile,
)
