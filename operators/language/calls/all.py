"""`all`: true where each item of a list satisfies an expression over it; false where there is no list.

>>> from operators.trial import trial
>>> trial("all(trait.x, item > 1)", ("Identified", 0, {"x": [2, 3]}), at=0), trial("all(trait.x, item > 1)", ("Identified", 0, {}), at=0)
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
    items, test = context.value(call["list"]), context.item(call["item"])

    def every(p: Any, now: int) -> bool:
        found = items(p, now)
        return type(found) is list and all(test(item, now) is True for item in found)

    return every


ROW = CallRow(
    name="all",
    gives="boolean",
    parameters=(
        Parameter("list", "value", required=True, accepts=("list",)),
        Parameter("item", "item", required=True, accepts=("boolean",)),
    ),
    doc="true where each item of a list satisfies an expression over it; false where there is no list",
    boundaries="those of its list",
    state="what its list keeps",
    example="all(trait.addresses, country == 'DE')",
    compile=compile,
    pure=True,
    never_none=True,
)
