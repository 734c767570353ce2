"""`held`: true where a condition has been true without a break for so long.

>>> from operators.trial import trial
>>> [trial("held(did('A', within='5h'), at_least='3h')", ("A", 0, {}), at=hours) for hours in (2, 3, 4, 5)]
[False, True, True, False]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.language.canonical import meaning
from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared, DurationSlot

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call: how long the person has been in the hidden segment of the condition."""
    least, id = call["at_least"], condition(call)
    no = context.segment(id)
    context.timer(DurationSlot, f"in_segment_for {id}", lambda p, now: p.members.get(no), ((">=", least),))

    def held(p: Any, now: int) -> bool:
        entry = p.members.get(no)
        return entry is not None and now - entry >= least

    return held


def condition(call: Call) -> str:
    """The id of the hidden segment that the condition of the call makes."""
    return HIDDEN + meaning(call["rule"])


HIDDEN = "held "
"""What the ids of hidden segments begin with, and no other does."""


ROW = CallRow(
    name="held",
    gives="boolean",
    parameters=(
        Parameter("rule", "value", required=True, accepts=("boolean",)),
        Parameter("at_least", "span", required=True, keyword=True),
    ),
    doc="true where a condition has been true without a break for so long",
    boundaries="the time since which it has been true + at_least",
    state="what its condition keeps, and since when it has been true",
    example="held(trait.plan == 'trial', at_least='7d')",
    compile=compile,
    never_none=True,
)
