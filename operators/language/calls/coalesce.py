"""`coalesce`: the first that is not None.

>>> from operators.trial import trial
>>> trial("coalesce(trait.a, trait.b, 3)", ("Identified", 0, {"b": 2}), at=0)
2
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call; what the call is compared with, its arguments are compared with."""
    items = [context.value(item, compared) for item in call["items"]]

    def coalesce(p: Any, now: int) -> Any:
        for item in items:
            value = item(p, now)
            if value is not None:
                return value
        return None

    return coalesce


ROW = CallRow(
    name="coalesce",
    gives=None,
    parameters=(Parameter("items", "values", required=True),),
    doc="the first that is not None",
    boundaries="those of its arguments",
    state="what its arguments keep",
    example="coalesce(trait.tier, 'none') == 'none'",
    compile=compile,
    pure=True,
)
