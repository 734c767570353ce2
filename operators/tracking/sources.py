"""`source_named`: where a record comes from, as its sender says: the name of the library that sent it.

A record can say anything, so what is told of it is bounded: a text that does not look like the name of a library is `other`.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from schemas.event import Context

NONE, OTHER = "none", "other"

MOST_SOURCES = 50
"""So many are told apart; those that are met later are `other`."""

MOST_NAME = 51
_NAME = re.compile(r"@?[A-Za-z][A-Za-z0-9_./ -]{0,49}")


class _Sent(msgspec.Struct, gc=False):
    context: Context | None = None


_decode = msgspec.json.Decoder(_Sent).decode


class Sources:
    """The sources that a lane tells apart."""

    def __init__(self) -> None:
        self._met: set[str] = set()

    def of(self, source: str | None) -> str:
        """The source of an event as it is counted: `none` where it has none, `other` where too many were met before it."""
        if source is None:
            return NONE
        if source not in self._met:
            if len(self._met) >= MOST_SOURCES:
                return OTHER
            self._met.add(source)
        return source


def source_named(name: str) -> str:
    """The source of this name: `other` where that is no name of a library.

    >>> source_named("analytics.js"), source_named("a@b.c")
    ('analytics.js', 'other')
    """
    # A name that is met again is looked up; one of any length is not kept for that.
    return _named(name) if len(name) <= MOST_NAME else OTHER


@lru_cache(maxsize=256)
def _named(name: str) -> str:
    return name if _NAME.fullmatch(name) else OTHER


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
    return source_named(name) if name else NONE
