"""`everyone`: true.

>>> from operators.trial import trial
>>> trial("everyone", at=0)
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.language.nodes import Call, CallRow
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    return lambda p, now: True


ROW = CallRow(
    name="everyone",
    gives="boolean",
    parameters=(),
    doc="true",
    boundaries="none",
    state="nothing",
    example="everyone",
    compile=compile,
    pure=True,
    bare=True,
    never_none=True,
)
