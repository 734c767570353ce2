"""`regularly`: true where at least `at_least` of the last `of` periods have an E; each is `every` long, and the last ends now.

>>> from operators.trial import trial
>>> trial("regularly('A', every='1h', at_least=2, of=3)", ("A", 1, {}), ("A", 2.5, {}), at=3)
True
>>> trial("regularly('A', every='1h', at_least=2, of=3)", ("A", 2.2, {}), ("A", 2.5, {}), at=3)
False
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from operators.language.calls.events import EVENTS, WHERE
from operators.language.nodes import Call, CallRow, Parameter
from operators.language.rhythm_slots import RegularSlot
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    slot = context.slot(RegularSlot, call, compared)
    read: Value = slot.reading()
    return read


def check(call: Call) -> Iterator[str]:
    """More periods cannot have an event than there are."""
    if call["at_least"] > call["of"]:
        yield f"`at_least` must be at most `of`, {call['of']}; got {call['at_least']}"


ROW = CallRow(
    name="regularly",
    gives="boolean",
    parameters=(
        EVENTS,
        Parameter("every", "span", required=True, keyword=True),
        Parameter("at_least", "times", required=True, keyword=True),
        Parameter("of", "times", required=True, keyword=True),
        WHERE,
    ),
    doc="true where at least `at_least` of the last `of` periods have an E; each is `every` long, and the last ends now",
    boundaries="t + each whole number of periods, for each E",
    state="each time in these periods",
    example="regularly('Order Completed', every='30d', at_least=3, of=4)",
    compile=compile,
    check=check,
    never_none=True,
    reach=lambda call: call["every"] * call["of"],
)
