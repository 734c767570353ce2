"""`any`: true where one of the items of a list satisfies an expression over it.

>>> from operators.trial import trial
>>> trial("any(trait.pets, kind == 'dog')", ("Identified", 0, {"pets": [{"kind": "cat"}, {"kind": "dog"}]}), at=0)
True
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
    items, test = context.value(call["list"]), context.item(call["item"])

    def some(p: Any, now: int) -> bool:
        found = items(p, now)
        return type(found) is list and any(test(item, now) is True for item in found)

    return some


ROW = CallRow(
    name="any",
    gives="boolean",
    parameters=(
        Parameter("list", "value", required=True, accepts=("list",)),
        Parameter("item", "item", required=True, accepts=("boolean",)),
    ),
    doc="true where one of the items of a list satisfies an expression over it",
    boundaries="those of its list",
    state="what its list keeps",
    example="any(trait.pets, kind == 'dog' and age < 2)",
    compile=compile,
    pure=True,
    never_none=True,
)
