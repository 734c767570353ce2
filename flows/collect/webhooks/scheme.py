"""`Scheme`: how an ESP proves that a request is its own (`verify`), and what it tells (`read`). Pure: bytes, keys and the time are given.

Adding one is a file with its `SCHEME`, and a row in `flows.collect.webhooks.table`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from flows.collect.refusal import Refusal
from flows.collect.webhooks.mail_event import Told

WINDOW_MS = 5 * 60_000
"""A stamp further from now than this is old, or of the future."""
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class Arrival(NamedTuple):
    """A request: its headers by lower-case name, its raw body, and when it came, ms since 1970. A stamp of its signature may be
    `window_ms` old; None where this very body was refused with 503 while it was fresh, and so may come again at any time."""

    headers: Mapping[str, str]
    body: bytes
    now_ms: int
    window_ms: int | None = WINDOW_MS


class Proved(NamedTuple):
    """What an authentic request holds: its payload, and the `id` that its ESP gave to it, empty where there is none. A `token` is one that
    must come once only: the signature covers it and not the payload."""

    payload: Any
    id: str = ""
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Scheme:
    """An ESP. `name` is what `context.library.name` tells; `key_of` makes a key of a text of the environment (ValueError that says what a
    key must be); `verify` gives what any of the keys proves, and raises a Refusal of a forged request. `window_ms` is how old a stamp may
    be, where the plan says nothing."""

    name: str
    key_of: Callable[[str], Any]
    verify: Callable[[Arrival, Sequence[Any]], Proved]
    read: Callable[[Proved], list[Told]]
    window_ms: int = WINDOW_MS
    words: str = field(default="a key", kw_only=True)


def forged(why: str) -> NoReturn:
    """Refuses with 401. An honest ESP sends again for hours, so nothing is lost while a key is mended."""
    raise Refusal(401, why)


NO_SIGNATURE = "the request has no signature of this webhook"
WRONG_SIGNATURE = "the signature is not one of this webhook"
BAD_PAYLOAD = "the body is not what this service sends"


def seconds(text: Any) -> int:
    """A stamp in whole seconds since 1970, as ms.

    >>> seconds("1770920772")
    1770920772000
    """
    if not isinstance(text, str) or not _SECONDS.fullmatch(text):
        forged("the stamp of the signature must be seconds since 1970")
    return int(text) * 1000


def timely(arrival: Arrival, stamp_ms: int) -> None:
    """Refuses a stamp that is too old, or more than 5 minutes ahead."""
    if stamp_ms > arrival.now_ms + WINDOW_MS:
        forged("the stamp of the signature lies in the future")
    if arrival.window_ms is not None and stamp_ms < arrival.now_ms - arrival.window_ms:
        forged("the signature is too old")


def same(given: bytes, *expected: bytes) -> bool:
    """Whether it is one of these. Takes as long whichever it is, and if it is none.

    >>> same(b"b", b"a", b"b"), same(b"c", b"a", b"b")
    (True, False)
    """
    found = False
    for each in expected:
        found |= hmac.compare_digest(given, each)
    return found
