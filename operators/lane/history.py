"""`History`: the events of each person as they are kept, and with them the check that an event comes once.

One row holds the events of a person with one messageId, so the look for a duplicate and the write of the history are one key. A row leaves
the history when its events are older than what the plan keeps: a sweep reads as many rows with each batch as the batch brought events, so
that what should be gone is never more than what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from operators.change import Past, Seen
from operators.decode import storable
from operators.instants import EARLIEST
from operators.lane.keys import HISTORY, HISTORY_END, Kept, Meta, history_key, history_prefix, numbered_key, prefix_of, read_message_id
from operators.lane.store import Store, Writes
from operators.plan.checked import Plan
from schemas.event import Event

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Kept]).decode
_decode_properties = msgspec.msgpack.Decoder(dict[str, Any] | None).decode
LATE_MS = 7 * 86_400_000
"""A messageId is known for this long beyond the plan's `duplicates`, so the check holds for records that are up to so late."""


_SOURCED = frozenset(
    {
        "Identified",
        "Consent Given",
        "Consent Withdrawn",
        "Unsubscribed",
        "Email Marked as Spam",
        "Email Bounced",
        "Email Verified",
    }
)
"""Events of these names say something of the person, so their source is kept; all others are spared its bytes."""
_BESIDE = (None, False, None, 0, False, False)
"""What stands in a row between the properties and the source, where there is nothing else to tell."""

_GONE = b""
"""Stands in a batch for a row that is taken out."""


class Moving(NamedTuple):
    """An event on its way from one person to another."""

    kept: Kept
    message_id: str


class Once:
    """Tells events that come again."""

    def __init__(self, once_ms: int | None) -> None:
        self._once_ms = once_ms
        self._met: dict[str, list[int]] = {}

    def is_new(self, row: Moving) -> bool:
        """True where none was met of which this is a duplicate; from then on it is met."""
        t, met = row.kept.t, self._met.setdefault(row.message_id, [])
        if self._once_ms is not None and any(abs(t - other) < self._once_ms for other in met):
            return False
        met.append(t)
        return True


class History:
    """The history of one lane, with what a batch adds to it."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self._store = store
        self.keeps = plan.history_ms is not None
        self._once_ms = plan.duplicates_ms
        self._retention_ms = max(plan.history_ms or 0, 0 if plan.duplicates_ms is None else plan.duplicates_ms + LATE_MS)
        self._on = self.keeps or self._once_ms is not None
        self._replayed = plan.identity is not None
        self._added: dict[bytes, bytes] = {}
        self._keys: dict[bytes, list[bytes]] = {}
        self._indexed = b""

    def add(self, person: str, event: Event, n: int, watermark: int) -> int:
        """Takes the `n`-th event of a person in. Gives the bytes that it adds; -1 where it is a duplicate and changes nothing."""
        if not self._on:
            return 0
        t = event.t
        # As `Kept` lies in the store; a tuple is cheaper to make.
        row: tuple[Any, ...] = (t, n, event.kind, event.name, event.properties) if self.keeps else (t, n)
        if t < watermark and self._replayed:
            row = (*row, watermark) if self.keeps else (*row, None, None, None, watermark)
        if event.source is not None and event.name in _SOURCED and self.keeps:
            row = (*row, *_BESIDE[len(row) - 5 :], event.source)
        before = None
        if self._once_ms is None:
            key = numbered_key(person, n, event.message_id)
        else:
            key = history_key(person, event.message_id)
            if n > 1:
                before = self._get(key)
        rows: list[Any] = [row]
        if before is not None:
            kept = _decode(before)
            if any(abs(t - other.t) < self._once_ms for other in kept):  # type: ignore[operator]  # None leaves no `before`
                return -1
            rows = [*kept, row]
        try:
            value = _encode(rows)
        except OverflowError:
            rows[-1] = (*row[:4], storable(event.properties), *row[5:])
            value = _encode(rows)
        self._added[key] = value
        return len(key) + len(value)

    def near(self, person: str, event: Event) -> list[Kept]:
        """The rows of a person of which an event would be a duplicate; those that are shadowed too."""
        before = self._get(history_key(person, event.message_id)) if self._once_ms is not None else None
        rows = [] if before is None else _decode(before)
        return [row for row in rows if abs(event.t - row.t) < self._once_ms]  # type: ignore[operator]  # None leaves no rows

    def has(self, person: str, event: Event) -> bool:
        """True where the person has the event already."""
        return any(not row.shadowed for row in self.near(person, event))

    def once(self, rows: Iterable[Moving] = ()) -> Once:
        """What tells the events that were not met yet; these were."""
        met = Once(self._once_ms)
        for row in rows:
            met.is_new(row)
        return met

    def take(self, person: str, watermark: int) -> list[Moving]:
        """Takes all events of a person out. Gives them by arrival, but for those that are older than the plan keeps."""
        prefix = history_prefix(person)
        self._index()
        pairs = dict(self._store.scan(prefix, prefix + b"\xff", 1 << 30))
        pairs |= {key: self._added[key] for key in self._keys.get(prefix, ())}
        start = watermark - self._retention_ms
        values = [(read_message_id(key, prefix), value) for key, value in pairs.items() if value]
        found = [Moving(kept, message_id) for message_id, value in values for kept in _decode(value) if kept.t >= start]
        self._added |= dict.fromkeys(pairs, _GONE)
        return sorted(found, key=lambda moving: moving.kept.n)

    def bring(self, person: str, rows: list[Moving], count: int) -> tuple[list[Past], int, list[Kept]]:
        """Gives a person events that were another's, with numbers from behind `count` on. Gives those that it did not have, the bytes that
        they add, and those that it had."""
        past, size, had = list[Past](), 0, list[Kept]()
        for kept, message_id in rows:
            n = count + len(past) + 1
            moved = Kept(kept.t, n, kept.kind, kept.name, kept.properties, kept.watermark, linked=True, source=kept.source)
            key = numbered_key(person, n, message_id) if self._once_ms is None else history_key(person, message_id)
            before = self._get(key)
            have = [] if before is None else _decode(before)
            if self._once_ms is not None and any(abs(kept.t - other.t) < self._once_ms for other in have):
                had.append(kept)
                continue
            value = self._added[key] = _encode([*have, moved])
            size += len(key) + len(value)
            past.append(Past(n, event_of(person, message_id, kept)))
        return past, size, had

    def put(self, person: str, rows: list[Moving]) -> int:
        """Adds rows to those of a person as they are. Gives the bytes that they add."""
        if not self._on:
            return 0
        size = 0
        for kept, message_id in rows:
            number = kept.n or kept.number
            key = numbered_key(person, number, message_id) if self._once_ms is None else history_key(person, message_id)
            before = self._get(key)
            row = kept if self.keeps else replace(kept, kind=None, name=None, properties=None)
            try:
                value = _encode([*([] if before is None else _decode(before)), row])
            except OverflowError:
                row.properties = storable(kept.properties)
                value = _encode([*([] if before is None else _decode(before)), row])
            self._added[key] = value
            size += len(key) + len(value)
        return size

    def _get(self, key: bytes) -> bytes | None:
        """The value of a key as the batch so far has made it, None where there is none."""
        value = self._added.get(key)
        return self._store.get(key) if value is None else value or None

    def _index(self) -> None:
        """Knows the keys of what was added by the person whose they are: those that were added since it was last asked for."""
        new = list(takewhile(lambda key: key != self._indexed, reversed(self._added)))
        for key in reversed(new):
            self._keys.setdefault(prefix_of(key), []).append(key)
        if new:
            self._indexed = new[0]

    def flush(self, meta: Meta, writes: Writes) -> None:
        """Puts what was added into the batch of writes, after the sweep: of a row that both touch, what was added counts."""
        added, put = self._added, writes.put
        self._sweep(meta, 2 * len(added), writes)
        for key, value in added.items():
            if value:
                put(key, value)
            else:
                writes.delete(key)
        self._added, self._keys, self._indexed = {}, {}, b""

    def _sweep(self, meta: Meta, rows: int, writes: Writes) -> None:
        """Reads so many rows on over the history, and lets go of what is older than the plan keeps."""
        if not rows or meta.watermark is None or meta.oldest is None:
            return
        end = meta.watermark - self._retention_ms
        if meta.oldest >= end:
            return
        start = meta.sweep or HISTORY
        pairs = self._store.scan(start, HISTORY_END, rows)
        for key, value in pairs:
            kept = _decode(value)
            staying = [event for event in kept if event.t >= end]
            if not staying:
                writes.delete(key)
            elif len(staying) < len(kept):
                writes.put(key, _encode(staying))
        if len(pairs) < rows:
            # A whole pass is done; the next one is due when something has grown too old again.
            meta.sweep = b""
            meta.oldest = end
        else:
            meta.sweep = pairs[-1][0] + b"\0"


class _Glance(msgspec.Struct, array_like=True, gc=False):
    """A `Kept` whose properties are not looked at yet."""

    t: int
    n: int
    kind: str | None = None
    name: str | None = None
    properties: msgspec.Raw = msgspec.Raw(b"\xc0")
    watermark: int | None = None
    linked: bool = False
    of: str | None = None
    number: int = 0
    joined: bool = False
    shadowed: bool = False
    source: str | None = None
    came: int = -1


_ONE_EVENT = b"\x91\x95\xcf"
"""What a row begins with that holds one event of five items, the first of which is a number of eight bytes (of 1970 or later): nearly all
rows. Most are too old for a new window, and need no decoding to tell."""
_glance = msgspec.msgpack.Decoder(list[_Glance]).decode


See = Callable[[str, dict[str, Any]], None]
"""Takes note of the name and the properties of an event."""


class PersonHistory:
    """The kept events of a person, as a changed plan asks for them; none where the plan kept no content. `read` is how many rows were read
    for it. `see` is called with each event that is looked at."""

    def __init__(self, store: Store, person: str, see: See | None = None) -> None:
        self._store, self._person, self._see = store, person, see
        self.read = 0

    def whole(self) -> list[Past]:
        """All of them, by arrival."""
        events = read_history(self._store, self._person)
        self.read += len(events)
        return by_arrival(self._person, events)

    def seen(self, looks_at: Callable[[str], bool], start: int | None) -> list[Seen]:
        """Those whose names are looked at and that are younger than `start`, by arrival."""
        prefix = history_prefix(self._person)
        values = self._store.values(prefix, prefix + b"\xff")
        self.read += len(values)
        start = EARLIEST - 1 if start is None else start
        oldest = _ONE_EVENT + max(start, 0).to_bytes(8, "big")
        found = [
            (kept.n, kept.t, kept.name, _decode_properties(kept.properties) or {})
            for value in values
            if not _ONE_EVENT < value[:11] <= oldest
            for kept in _glance(value)
            if kept.t > start and kept.name is not None and looks_at(kept.name) and not kept.shadowed
        ]
        # No two have the same number, so nothing behind it is compared.
        found.sort()
        if self._see is not None:
            for _, _, name, properties in found:
                self._see(name, properties)
        return found


def by_arrival(person: str, history: list[tuple[str, Kept]]) -> list[Past]:
    """What was read of a person's history as events, by arrival; those without content are left out."""
    found = [
        Past(kept.n, event_of(person, message_id, kept), kept.watermark, kept.linked)
        for message_id, kept in history
        if kept.kind is not None
    ]
    return sorted(found, key=lambda past: past.n)


def source_kept(event: Event) -> str | None:
    """The source of an event as far as its row in the history has it."""
    return event.source if event.name in _SOURCED else None


def is_seen(kept: Kept) -> bool:
    """True where rules see a row: it has content, and is no copy."""
    return kept.kind is not None and not kept.shadowed


def words_in(rows: Iterable[Kept]) -> set[tuple[str, int]]:
    """The traits, with their times, that identify events brought."""
    return {(name, row.t) for row in rows if row.kind == "identify" for name in row.properties or ()}


def event_of(person: str, message_id: str, kept: Kept) -> Event:
    """A kept event as an event of the person."""
    return Event(kept.t, kept.kind, kept.name, message_id, person, None, kept.properties or {}, source=kept.source)  # type: ignore[arg-type]  # a kind


def read_history(store: Store, person: str) -> list[tuple[str, Kept]]:
    """All kept events of a person with their messageIds, by time, then arrival."""
    return [each for each in history_of(store, person) if not each[1].shadowed]


def history_of(store: Store, person: str) -> list[tuple[str, Kept]]:
    """As `read_history`, copies too."""
    prefix = history_prefix(person)
    pairs = store.scan(prefix, prefix + b"\xff", 1 << 30)
    events = [(read_message_id(key, prefix), kept) for key, value in pairs for kept in _decode(value)]
    return sorted(events, key=lambda event: (event[1].t, event[1].n))
