"""`Seal`: what travels through a browser and must come back as it was: a visit from page to page, a grant through a mail.

A token is the JSON of the value and its HMAC-SHA256 (RFC 2104), cut to 160 bits, each in base64url. It can be read by who has it, but not
made or changed; what it is for is part of what is signed. How long it holds is for the value to say.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import sha256
from typing import TypeVar

import msgspec

Value = TypeVar("Value")
MOST_LENGTH = 16_384
"""A longer text is no token."""
_BYTES = 20


class Seal:
    """Signs by a key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, value: object) -> str:
        """The token of a value.

        >>> seal = Seal(b"a key of sixteen bytes")
        >>> seal.open(seal.close(["a", 1]), list), seal.open(seal.close(["a", 1]) + "A", list), seal.open("", list)
        (['a', 1], None, None)
        """
        told = msgspec.json.encode(value)
        return f"{_text(told)}.{_text(self._sign(told, type(value)))}"

    def open(self, token: str, kind: type[Value]) -> Value | None:
        """The value of a token of this kind; None where it is none of ours."""
        told, _, signed = token.partition(".")
        try:
            raw, signature = _bytes(told), _bytes(signed)
        except (Error, ValueError):
            return None
        if len(token) > MOST_LENGTH or not hmac.compare_digest(signature, self._sign(raw, kind)) or _text(signature) != signed:
            return None
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.ValidationError, msgspec.DecodeError):
            # Of an earlier version of this program.
            return None

    def _sign(self, told: bytes, kind: type) -> bytes:
        return hmac.digest(self._key, b"beckon forms " + kind.__name__.encode() + b"\0" + told, sha256)[:_BYTES]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
