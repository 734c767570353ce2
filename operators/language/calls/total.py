"""`total`: the sum of the numbers that an expression gives for the items of a list, as `sum`; None where there is no list.

>>> from operators.trial import trial
>>> trial("total(last('A', 'lines'), price * n)", ("A", 0, {"lines": [{"price": 2.5, "n": 2}, {"price": 1, "n": 3}]}), at=0)
8
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.language.millionths import millionths, number
from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    items, each = context.value(call["list"]), context.item(call["item"])

    def total(p: Any, now: int) -> int | float | None:
        found = items(p, now)
        if type(found) is not list:
            return None
        return number(sum(millionths(each(item, now)) or 0 for item in found))

    return total


ROW = CallRow(
    name="total",
    gives="number",
    parameters=(
        Parameter("list", "value", required=True, accepts=("list",)),
        Parameter("item", "item", required=True, accepts=("number",)),
    ),
    doc="the sum of the numbers that an expression gives for the items of a list, as `sum`; None where there is no list",
    boundaries="those of its list",
    state="what its list keeps",
    example="did('Order Completed', where=total(products, price * quantity) >= 100)",
    compile=compile,
    pure=True,
)
