"""`read_body` and `parse`: what a request brings, within limits, and the JSON in it.

*Guarantees*: no more than the limit is ever held, also of what is packed, and no more than another one of all bodies together; a body that
comes too slowly is given up. Which JSON is taken is RFC 8259's: UTF-8, no NaN.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, ClassVar, Self

import orjson
from starlette.requests import ClientDisconnect, Request

from flows.collect.refusal import Refusal, busy
from schemas.event import MAX_RECORD_BYTES

MAX_BODY_BYTES = MAX_RECORD_BYTES
"""A larger body is refused (413), packed or not."""
MAX_DEPTH = 20
"""So deep can lists and objects be nested."""
PASSED_OVER = 8
"""Of a body that is too large, up to so many times the limit is read and let go before it is refused: a sender that is still sending would
not see the answer, but a broken connection, and try again (RFC 9112, 9.6)."""
BODY_S = 30.0
"""So long may a body take."""
FREE_BYTES = 32 * 1024
MOST_HELD_BYTES = 128 << 20
"""So much is held of bodies that are still coming, of all connections together, beside the first `FREE_BYTES` of each: those who send large
ones slowly do not keep out who sends small ones."""

_GZIP = 16 + zlib.MAX_WBITS
"""What zlib wants to be told of gzip (RFC 1952)."""


async def read_body(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """The body as it was before it was packed; a `Refusal` where it is too large, comes too slowly, or cannot be unpacked."""
    length = request.headers.get("content-length")
    # Who expects to be asked for the body is not asked for one that is too large.
    bound = most if "expect" in request.headers else PASSED_OVER * most
    if length is not None and length.isdecimal() and int(length[:20]) > bound:
        raise _too_large(most)
    try:
        async with asyncio.timeout(BODY_S):
            raw = await _read(request, most)
    except TimeoutError:
        raise Refusal(408, f"the body must come within {BODY_S:g} s", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise Refusal(400, "the body must come whole") from None
    return _unpacked(raw, request.headers.get("content-encoding", "").strip().lower(), most)


async def _read(request: Request, most: int) -> bytes:
    parts: list[bytes] = []
    size, full = 0, False
    with _Held() as held:
        async for part in request.stream():
            size += len(part)
            if size > PASSED_OVER * most:
                break
            full = full or not held.grow(size)
            if full or size > most:
                parts.clear()
                held.grow(0)
            else:
                parts.append(part)
    if size > most:
        raise _too_large(most)
    if full:
        raise busy(1, "too many large bodies are on their way")
    return b"".join(parts)


class _Held:
    """What is held of a body that is still coming."""

    of_all: ClassVar[int] = 0

    def __init__(self) -> None:
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.grow(0)

    def grow(self, size: int) -> bool:
        """Whether so many bytes can be held from now on, with those of all others."""
        counted = max(size - FREE_BYTES, 0)
        _Held.of_all += counted - self._bytes
        self._bytes = counted
        return not counted or _Held.of_all <= MOST_HELD_BYTES


def _unpacked(raw: bytes, encoding: str, most: int) -> bytes:
    if encoding in ("", "identity"):
        return raw
    if encoding != "gzip":
        raise Refusal(415, "the body must be packed with gzip, or not at all", {"Accept-Encoding": "gzip"})
    unpacking = zlib.decompressobj(_GZIP)
    try:
        body = unpacking.decompress(raw, most + 1)
    except zlib.error:
        raise Refusal(400, "the body must be gzip, as its Content-Encoding says") from None
    if len(body) > most:
        raise _too_large(most)
    if not unpacking.eof or unpacking.unused_data:
        raise Refusal(400, "the body must be one whole gzip member")
    return body


def _too_large(most: int) -> Refusal:
    # What is left of the body is not read, so the connection cannot serve again.
    return Refusal(413, f"the body must have at most {most} bytes", {"Connection": "close"})


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; a `Refusal` where it is none, or is nested too deep.

    >>> parse(b'{"event": "A"}')
    {'event': 'A'}
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(400, "the body must be JSON (RFC 8259)") from None
    if type(value) is not dict:
        raise Refusal(400, "the body must be a JSON object")
    if deeper_than(value, MAX_DEPTH):
        raise Refusal(400, f"the body must be nested at most {MAX_DEPTH} deep")
    return value


def deeper_than(value: Any, most: int) -> bool:
    """Whether lists and objects are nested deeper than that.

    >>> deeper_than({"a": [1]}, 2), deeper_than({"a": [[]]}, 2), deeper_than(7, 2)
    (False, True, False)
    """
    level = [value] if type(value) is dict or type(value) is list else []
    for _ in range(most):
        inner: list[Any] = []
        for outer in level:
            inner += [each for each in (outer.values() if type(outer) is dict else outer) if type(each) is dict or type(each) is list]
        if not inner:
            return False
        level = inner
    return True
