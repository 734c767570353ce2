"""`source_of`: where a record comes from, as its sender says: the name of the library that sent it.

A record can say anything, so what is told of it is bounded: a text that does not look like the name of a library is `other`.
"""

from __future__ import annotations

import re

import msgspec

NONE, OTHER = "none", "other"

MOST_SOURCES = 50
"""So many are told apart; those that are met later are `other`."""

_NAME = re.compile(r"@?[A-Za-z][A-Za-z0-9_./ -]{0,49}")


class _Library(msgspec.Struct, gc=False):
    name: str | None = None


class _Context(msgspec.Struct, gc=False):
    library: _Library | None = None


class _Sent(msgspec.Struct, gc=False):
    context: _Context | None = None


_decode = msgspec.json.Decoder(_Sent).decode


class Sources:
    """The sources that a lane tells apart."""

    def __init__(self) -> None:
        self._met: set[str] = set()

    def of(self, raw: bytes) -> str:
        """The source of a record, `other` where too many were met before it."""
        source = source_of(raw)
        if source not in self._met:
            if len(self._met) >= MOST_SOURCES:
                return OTHER
            self._met.add(source)
        return source


def source_of(raw: bytes) -> str:
    """The `context.library.name` of a record, `none` where it says nothing, `other` where that is no such name.

    >>> source_of(b'{"context": {"library": {"name": "analytics.js"}}}'), source_of(b'{"context": {"library": {"name": "a@b.c"}}}')
    ('analytics.js', 'other')
    """
    try:
        context = _decode(raw).context
    except (msgspec.DecodeError, RecursionError, ValueError):
        return OTHER
    name = context.library.name if context is not None and context.library is not None else None
    if not name:
        return NONE
    return name if _NAME.fullmatch(name) else OTHER
