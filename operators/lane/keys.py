"""The byte layout of a lane's store.

| key | value |
|---|---|
| `m` | `Meta` |
| `p` name | `Person`, also where the name leads to another one |
| `h` length of person (a character), person, `i`, messageId | the person's events with that messageId: history and seen-set in one row |
| the same with `n`, number of arrival (8 bytes), messageId | one event, where the plan does not check for duplicates |
| `l` number (4 bytes) | `Layout`, by which the slots and segments of a person are told |
| `s` | `Standing` of each segment, by its id |
| `o` sequence number (8 bytes) | `Row` of the outbox, by its first number |
| `d` day since 1970 (4 bytes) | `Day`: what happened on it |
| `r` | `Met`: what rules have met |
| `t` due (8 bytes), person | empty: the timer index |
| `b`, `c`, `f` | what is kept for the search for duplicates: `operators.duplicates.rows` |
| `k` keyed hash (32 bytes) | `Suppressed`: an address of a person who was erased |
| `x` name | empty: erased, but files of the store may still have it |
| `x` | empty: the store has let go of those names, but not yet all of its files |

Numbers are big-endian, so that the order of the keys is theirs; values are msgpack arrays.
"""

from __future__ import annotations

from typing import Any

import msgspec

FORMAT = 1
"""The version of this layout."""

META = b"m"
LAYOUT = b"l"
LAYOUT_END = b"m"
STANDINGS = b"s"
OUTBOX = b"o"
PERSONS = b"p"
PERSONS_END = b"q"
HISTORY = b"h"
TIMERS = b"t"
TIMERS_END = b"u"
HISTORY_END = b"i"
OUTBOX_END = b"p"
DAYS = b"d"
DAYS_END = b"e"
MET = b"r"
SUPPRESSED = b"k"
SUPPRESSED_END = b"l"
ERASED = b"x"
ERASED_END = b"y"

_BIAS = 1 << 62
_DAY_BIAS = 1 << 30


class Meta(msgspec.Struct, array_like=True):
    """A lane's standing, written with each batch.

    `offset` is the highest input offset applied (-1: none), `hint` where the source finds what follows it. `sequence` is the number of the
    last output. `watermark` and `latest` (the largest event time applied) are None before the first event. `skipped` counts the records
    after `until`. `oldest` is no later than the oldest event time in the history; `sweep` the key up to which the present pass over the
    history has come. `layout` is the number of the plan's layout. While persons are brought to it, `fill` is the key up to which the sweep
    has come, None where all are; `filled` of `fill_total` are. The last change came at the watermark `changed`. From the instant `kept` on
    the history has all events (None: as far as it goes back).
    """

    format: int
    plan: str
    version: str
    partition: int
    commit_no: int = 0
    offset: int = -1
    hint: str = ""
    sequence: int = 0
    watermark: int | None = None
    latest: int | None = None
    persons: int = 0
    skipped: int = 0
    until: int | None = None
    oldest: int | None = None
    sweep: bytes = b""
    layout: int = 0
    fill: bytes | None = None
    fill_total: int = 0
    filled: int = 0
    changed: int | None = None
    kept: int | None = None


class Standing(msgspec.Struct, array_like=True, frozen=True):
    """How a segment stands in a lane. Its present `version` came by a changed plan at the watermark `since` (None: it was there from the
    start); the history had all events from the instant `kept` on; at the watermark `complete` all persons were brought to it (None: not
    yet)."""

    version: str
    since: int | None = None
    kept: int | None = None
    complete: int | None = None


class Suppressed(msgspec.Struct, array_like=True, frozen=True):
    """An address on the suppression list: the id of the key that its hash was made with, and the instant of the erasure."""

    key: str
    t: int


class Kept(msgspec.Struct, array_like=True, gc=False):
    """One event in the history: its time, its number of arrival, and its content (None for name and properties where the plan keeps no
    history). `linked` says that it was another person's when it came, and was evaluated with the next that was not. Of a late event
    `watermark` is that of the lane when it came.

    Of a merged person `of` is the name under which links alone had it when it came, and `came` its place in the order of arrival in the
    lane. One that came before the person was merged has -1 there; `number` is its number of arrival with that one, and `joined` says
    whether it was linked there. One that is `shadowed` is a copy of what another of the merged has: it counts once.
    `source` is that of the event, kept where it matters for what is known of the person."""

    t: int
    n: int
    kind: str | None = None
    name: str | None = None
    properties: dict[str, Any] | None = None
    watermark: int | None = None
    linked: bool = False
    of: str | None = None
    number: int = 0
    joined: bool = False
    shadowed: bool = False
    source: str | None = None
    came: int = -1


def person_key(person: str) -> bytes:
    """Where a person's state lies."""
    return b"p" + person.encode()


def history_prefix(person: str) -> bytes:
    """What the keys of a person's history begin with."""
    return f"h{chr(len(person))}{person}".encode()


def history_key(person: str, message_id: str) -> bytes:
    """Where the person's events with this messageId lie, in a plan that tells events apart by it."""
    return f"h{chr(len(person))}{person}i{message_id}".encode()


def numbered_key(person: str, n: int, message_id: str) -> bytes:
    """Where the person's `n`-th event lies, in a plan without the check for duplicates."""
    return history_prefix(person) + b"n" + n.to_bytes(8, "big") + message_id.encode()


def prefix_of(key: bytes) -> bytes:
    """What the keys of the same person's history begin with.

    >>> prefix_of(history_key("ü1", "m")) == history_prefix("ü1")
    True
    """
    text = key[1:].decode(errors="replace")
    return history_prefix(text[1 : 1 + ord(text[0])])


def read_message_id(key: bytes, prefix: bytes) -> str:
    """The messageId of a key of the history with this prefix.

    >>> [read_message_id(key, history_prefix("u")) for key in (history_key("u", "m"), numbered_key("u", 1, "m"))]
    ['m', 'm']
    """
    rest = key[len(prefix) :]
    return rest[1 if rest[:1] == b"i" else 9 :].decode()


def layout_key(number: int) -> bytes:
    """Where a layout lies."""
    return LAYOUT + number.to_bytes(4, "big")


def layout_in(key: bytes) -> int:
    """Which layout it is.

    >>> layout_in(layout_key(3))
    3
    """
    return int.from_bytes(key[1:], "big")


def outbox_key(sequence: int) -> bytes:
    """Where the outbox row that begins with this number lies."""
    return OUTBOX + sequence.to_bytes(8, "big")


def timer_key(due: int, person: str) -> bytes:
    """A person's entry in the timer index; instants before 1970 sort first."""
    return TIMERS + (due + _BIAS).to_bytes(8, "big") + person.encode()


def due_in(key: bytes) -> int:
    """When an entry of the timer index is due.

    >>> due_in(timer_key(-5, "u1"))
    -5
    """
    return int.from_bytes(key[1:9], "big") - _BIAS


def person_in(key: bytes) -> str:
    """Whose entry of the timer index it is.

    >>> person_in(timer_key(-5, "u1"))
    'u1'
    """
    return key[9:].decode()


def day_key(day: int) -> bytes:
    """Where the counts of a day lie; days before 1970 sort first."""
    return DAYS + (day + _DAY_BIAS).to_bytes(4, "big")


def day_in(key: bytes) -> int:
    """Whose counts they are.

    >>> day_in(day_key(-5))
    -5
    """
    return int.from_bytes(key[1:], "big") - _DAY_BIAS


def erased_key(name: str) -> bytes:
    """Where it stands that a name was erased; the empty one stands for files."""
    return ERASED + name.encode()
