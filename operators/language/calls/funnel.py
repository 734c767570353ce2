"""`funnel`: as `sequence`, and nothing that stands with `not` between two steps, or after the last, was done there.

>>> from operators.trial import trial
>>> [trial("funnel('A', 'B', not 'C', within='9h')", ("A", 0, {}), ("B", 1, {}), (last, 2, {}), at=2) for last in ("C", "D")]
[False, True]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from operators.language.nodes import Call, CallRow, Parameter
from operators.language.path_slots import PathSlot, steps_of
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(PathSlot, call, compared)
    read: Value = slot.reading()
    return read


def check(call: Call) -> Iterator[str]:
    """What must be otherwise in the steps."""
    yield from steps_of(call, "funnel")
    if call["steps"][0].negated:
        yield "the first step of `funnel()` must be one that was done; got `not`"


ROW = CallRow(
    name="funnel",
    gives="boolean",
    parameters=(Parameter("steps", "steps", required=True), Parameter("within", "within", required=True, keyword=True)),
    doc="as `sequence`, and nothing that stands with `not` between two steps, or after the last, was done there",
    boundaries="t + D for the last step",
    state="each event that is a step, of the last 2 D",
    example="funnel('Product Added', 'Checkout Started', not 'Order Completed', within='3d')",
    compile=compile,
    check=check,
    never_none=True,
)
