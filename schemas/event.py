"""The tracking event: the Segment envelope as it comes (`Record`) and as the stages see it (`Event`)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Kind = Literal["identify", "track", "page", "screen", "group", "alias", "unmerge", "erase"]
KINDS: tuple[Kind, ...] = ("identify", "track", "page", "screen", "group", "alias", "unmerge", "erase")
"""Those of the Segment spec, `unmerge`, which undoes an alias, and `erase`, by which a person is forgotten."""

MAX_RECORD_BYTES = 512 * 1024
"""A record of more bytes is rejected as `too_large`; the HTTP edge takes no larger body either."""


MAX_ID_LENGTH = 1024
"""An id or event name of more characters is rejected as `too_large`."""


class Library(msgspec.Struct, gc=False):
    """What a sender calls the library that sent a record."""

    name: str | None = None


class Context(msgspec.Struct, gc=False):
    """The part of a record's `context` that means something here."""

    library: Library | None = None


class Envelope(msgspec.Struct, gc=False, rename="camel"):
    """The fields of the Segment envelope that a record must have right; all others are skipped. `previous_id` is that of an alias.

    Source: Segment, "Spec: Common Fields".
    """

    type: str | None = None
    message_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    timestamp: str | None = None
    original_timestamp: str | None = None
    sent_at: str | None = None
    received_at: str | None = None


class Record(Envelope, gc=False, rename="camel"):
    """The fields of the Segment envelope that mean something here, with where the record comes from."""

    context: Context | None = None


class Event(msgspec.Struct, gc=False):
    """One usable event.

    `t` is the event time in ms since 1970 (UTC). `name` is the name in rules: the track's event, `Page Viewed`, `Screen Viewed`,
    `Identified`; None for group, alias, unmerge and erase, which nothing matches. `properties` may hold nulls: rules read them as missing,
    and in an identify, whose properties are its traits, a null takes a trait away. `clamped` is true where the time lay in the future and
    was set to that of receipt. `previous_id` is that of an alias or unmerge; the properties of an alias tell why the two are one, those of
    an erase hold `identifiers`. `source` is what the sender calls the library that sent it, as `operators.tracking.sources` takes it; None
    where it says nothing.
    """

    t: int
    kind: Kind
    name: str | None
    message_id: str
    user_id: str | None
    anonymous_id: str | None
    properties: dict[str, Any]
    clamped: bool = False
    previous_id: str | None = None
    source: str | None = None
