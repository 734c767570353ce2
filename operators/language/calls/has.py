"""`has`: true where x is neither None nor empty.

>>> from operators.trial import trial
>>> trial("has(trait.a)", ("Identified", 0, {"a": 0}), at=0), trial("has(trait.a)", ("Identified", 0, {"a": ""}), at=0)
(True, False)
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

    def has(p: Any, now: int) -> bool:
        value = item(p, now)
        return value is not None and not (type(value) in (str, list, dict) and not value)

    return has


ROW = CallRow(
    name="has",
    gives="boolean",
    parameters=(Parameter("x", "value", required=True),),
    doc="true where x is neither None nor empty",
    boundaries="those of its argument",
    state="what its argument keeps",
    example="has(trait.phone)",
    compile=compile,
    pure=True,
    never_none=True,
)
