"""`Stats`: what the audit needs and no look at the persons can tell: what happened on which day, what was found in the data of events of
that day, and what rules have met.

A move from one segment to another is an evaluation in which a person left the one and entered the other; where several are left or entered
at once, each pair counts.

*Guarantees*: what a batch counts is written with the batch, so a crash neither loses nor repeats it. A state that was begun without these
rows has counted nothing until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from operators.lane.keys import DAYS, DAYS_END, MET, day_in, day_key
from operators.lane.store import Store, Writes
from operators.language.feeds import Comparison, Rules
from operators.language.reads import Path, Property, reads_of
from operators.language.slots import at_path
from operators.plan.checked import Plan
from operators.tally import Tallies, Tally
from schemas.counts import Quality

_MOST_DAYS = 100
"""Days that are kept decoded between batches."""


class Day(msgspec.Struct, array_like=True):
    """One day of a lane: by segment how often it was entered and how often exited, by segment left and segment entered at once how
    often, by campaign and reason (`operators.tally.TRIGGERED` among them) how often, by source what was found in data
    how often (field, problem and outcome as a JSON list)."""

    segments: dict[str, list[int]] = {}
    moves: dict[str, dict[str, int]] = {}
    campaigns: dict[str, dict[str, int]] = {}
    quality: dict[str, dict[str, int]] = {}

    def add(self, tally: Tally, ids: list[str]) -> None:
        """Adds what a batch counted; `ids` are those of the segments by number."""
        for place, counts in enumerate((tally.entered, tally.exited)):
            for no, n in counts.items():
                self.segments.setdefault(ids[no], [0, 0])[place] += n
        for id, n in tally.ended.items():
            self.segments.setdefault(id, [0, 0])[1] += n
        for left, row in tally.moves.items():
            for no, n in row.items():
                _add(self.moves, ids[left], ids[no], n)
        for (campaign, reason), n in tally.sendings.items():
            _add(self.campaigns, campaign, reason, n)
        for found, n in tally.found.items():
            _add(self.quality, found.source, _encode_found(found[1:]).decode(), n)

    def include(self, other: Day) -> None:
        """Adds the same day of another lane."""
        for id, numbers in other.segments.items():
            self.segments[id] = [a + b for a, b in zip(self.segments.get(id, [0, 0]), numbers, strict=True)]
        for mine, theirs in ((self.moves, other.moves), (self.campaigns, other.campaigns), (self.quality, other.quality)):
            for outer, row in theirs.items():
                for inner, n in row.items():
                    _add(mine, outer, inner, n)

    def found(self) -> dict[Quality, int]:
        """What was found in data, and how often."""
        rows = ((source, *_decode_found(text), n) for source, row in self.quality.items() for text, n in row.items())
        return {Quality(source, field, problem, outcome): n for source, field, problem, outcome, n in rows}


class Met(msgspec.Struct, array_like=True):
    """What the rules of a lane have met since it began: the properties that were filled, by event as rules name it and path (the empty path
    is the event itself), and how often each comparison had values of two kinds."""

    filled: set[Property] = set()
    mismatched: dict[Comparison, int] = {}

    def include(self, other: Met) -> None:
        """Adds what another lane has met."""
        self.filled |= other.filled
        for comparison, n in other.mismatched.items():
            self.mismatched[comparison] = self.mismatched.get(comparison, 0) + n


# What is stored has one order: a set has another in each process, and what comes first hangs on the batches.
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_encode_met = msgspec.msgpack.Encoder().encode
_decode_day = msgspec.msgpack.Decoder(Day).decode
_encode_found = msgspec.json.Encoder().encode
_decode_found = msgspec.json.Decoder(tuple[str, str, str]).decode
_decode_met = msgspec.msgpack.Decoder(Met).decode


class Stats:
    """The counts of one lane; `awaited` are the properties that
    rules read and no event has filled yet, by event as rules name it, `stars` those names that end in a star."""

    def __init__(self, plan: Plan, store: Store, rules: Rules) -> None:
        self._store = store
        self._mismatched = rules.mismatched
        self._ids = [rule.id for rule in rules.rules]
        self._days: dict[int, Day] = {}
        self._changed: set[int] = set()
        self._met = read_met(store)
        self._met_changed = False
        self.awaited: dict[str, list[Path]] = {}
        for event, path in reads_of(plan).properties:
            if (event, path) not in self._met.filled:
                self.awaited.setdefault(event, []).append(path)
        self.stars = [name for name in self.awaited if name.endswith("*")]

    def see(self, event: str, properties: dict[str, Any]) -> None:
        """Takes note of what rules read in an event, and none has filled before."""
        for name in (event, *(star for star in self.stars if event.startswith(star[:-1]))):
            paths = self.awaited.get(name, [])
            filled = [path for path in paths if at_path(properties, path) is not None]
            if not filled:
                continue
            self._met_changed = True
            self._met.filled.update((name, path) for path in filled)
            self.awaited[name] = [path for path in paths if path not in filled]
            if not self.awaited[name]:
                del self.awaited[name]
                self.stars = [star for star in self.stars if star != name]

    def flush(self, tallies: Tallies, writes: Writes) -> None:
        """Counts what came out since the last time, and puts what changed into the batch."""
        for number, tally in tallies.take().items():
            self._day(number).add(tally, self._ids)
        for number in self._changed:
            writes.put(day_key(number), _encode(self._days[number]))
        self._changed.clear()
        if len(self._days) > _MOST_DAYS:
            self._days.clear()
        self._flush_met(writes)

    def _flush_met(self, writes: Writes) -> None:
        met = self._met
        met.include(Met(mismatched=dict(self._mismatched)))
        if self._met_changed or self._mismatched:
            writes.put(MET, _encode_met((sorted(met.filled), dict(sorted(met.mismatched.items())))))
            self._met_changed = False
            self._mismatched.clear()

    def _day(self, number: int) -> Day:
        """The day, to be changed."""
        self._changed.add(number)
        day = self._days.get(number)
        if day is None:
            raw = self._store.get(day_key(number))
            day = self._days[number] = Day() if raw is None else _decode_day(raw)
        return day


def _add(table: dict[str, dict[str, int]], outer: str, inner: str, n: int) -> None:
    row = table.setdefault(outer, {})
    row[inner] = row.get(inner, 0) + n


def read_met(store: Store) -> Met:
    """What the rules of the lane have met."""
    raw = store.get(MET)
    return Met() if raw is None else _decode_met(raw)


def read_days(store: Store) -> Iterator[tuple[int, Day]]:
    """The days of the lane by number since 1970, ascending."""
    start = DAYS
    while pairs := store.scan(start, DAYS_END, _MOST_DAYS):
        for key, raw in pairs:
            yield day_in(key), _decode_day(raw)
        start = pairs[-1][0] + b"\0"
