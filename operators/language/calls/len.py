"""`len`: the length of a string, a list or an object; None of anything else.

>>> from operators.trial import trial
>>> trial("len(trait.x)", ("Identified", 0, {"x": [1, 2]}), at=0), trial("len(trait.x)", ("Identified", 0, {"x": 5}), at=0)
(2, None)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    item = context.value(call["x"])

    def length(p: Any, now: int) -> int | None:
        value = item(p, now)
        return len(value) if type(value) in (str, list, dict) else None

    return length


ROW = CallRow(
    name="len",
    gives="number",
    parameters=(Parameter("x", "value", required=True, accepts=("string", "list", "object")),),
    doc="the length of a string, a list or an object; None of anything else",
    boundaries="those of its argument",
    state="what its argument keeps",
    example="len(trait.interests) >= 2",
    compile=compile,
    pure=True,
)
