"""`bucket`: a number in [0, 1) that is fixed for the name and the person."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from operators.language.nodes import Call, CallRow, Parameter
from operators.language.slots import Compared

if TYPE_CHECKING:
    from operators.language.compile import Context
    from operators.language.expressions import Value


def bucket(name: str, person: str) -> float:
    """The first 8 bytes of SHA-256 of the name, a zero byte and the person (UTF-8), big-endian, over 2^64.

    >>> 0 <= bucket("holdout", "u1") < 1
    True
    """
    return int.from_bytes(sha256(name.encode() + b"\0" + person.encode()).digest()[:8], "big") / 2**64


def compile(context: Context, call: Call, compared: Compared) -> Value:
    """The closure of the call."""
    name = call["name"]
    context.personal()
    return lambda p, now: bucket(name, p.id)


ROW = CallRow(
    name="bucket",
    gives="number",
    parameters=(Parameter("name", "text", required=True),),
    doc="a number in [0, 1) that is fixed for the name and the person",
    boundaries="none",
    state="nothing",
    example="bucket('new-mail') < 0.5",
    compile=compile,
    never_none=True,
)
