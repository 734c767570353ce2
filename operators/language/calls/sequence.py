"""`sequence`: true where the steps were done in this order, from the first to the last in less than D, and the last in the window.

>>> from operators.trial import trial
>>> trial("sequence('A', 'B', within='2h')", ("A", 0, {}), ("B", 1, {}), at=2)
True
>>> trial("sequence('A', 'B', within='2h')", ("B", 0, {}), ("A", 1, {}), at=2)
False
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
    yield from steps_of(call, "sequence")
    if any(step.negated for step in call["steps"]):
        yield "the steps of `sequence()` must be done; a step with `not` stands in `funnel()`"


ROW = CallRow(
    name="sequence",
    gives="boolean",
    parameters=(Parameter("steps", "steps", required=True), Parameter("within", "within", keyword=True)),
    doc="true where the steps were done in this order, from the first to the last in less than D, and the last in the window",
    boundaries="t + D for the last step",
    state="each event that is a step, of the last 2 D; without `within` until the sequence is done",
    example="sequence('Product Viewed', 'Product Added', 'Order Completed', within='1d')",
    compile=compile,
    check=check,
    never_none=True,
)
