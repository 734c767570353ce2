"""`Watch`: as profiles change, who is probably one person is put up for review, or named to be merged.

*Guarantees*: the candidates hang on the records of the lane alone, not on its batches. A pair that was refused is never put up again, nor
merged by itself. A candidate that does not hold any more, since a profile changed, is withdrawn. A profile that changes in nothing by which
persons are compared costs no look-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from operators.duplicates.decisions import REFUSED, merging
from operators.duplicates.find import find
from operators.duplicates.index import Index
from operators.duplicates.record import NOTHING, TRAITS, Record, record_of
from operators.duplicates.rows import CANDIDATES, CANDIDATES_END, Candidate, State, candidate_key, candidates_prefix, mirror_key
from operators.duplicates.score import Score, bits_of
from operators.identity.resolve import Row, present
from operators.lane.store import Store, Writes
from operators.plan.checked import Plan
from schemas.event import MAX_ID_LENGTH, Event
from schemas.person import USER_ID, Person

CANDIDATE_BYTES = 500
"""What a candidate adds to a batch, about."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Candidate).decode


@dataclass(frozen=True, slots=True)
class Bounds:
    """From so many bits on two persons are put up for review, or merged (None: never by itself)."""

    review: float
    merge: float | None = None


class Watch:
    """The search for duplicates of one lane."""

    def __init__(self, bounds: Bounds, store: Store, row: Row) -> None:
        """`row` gives what stands under a name: what a name that was linked to another was compared by tells of that one."""
        self._bounds, self._store, self._index, self._row = bounds, store, Index(store), row
        self._candidates: dict[tuple[str, str], Candidate | None] = {}
        self.size = 0
        """What the last `see` adds to a batch, about."""

    def see(self, p: Person, event: Event, persons: int) -> list[Event]:
        """Takes note of an event that was applied to a person. Gives the aliases that make persons one."""
        self.size = 0
        if event.kind == "identify":
            return [self._merging(each) for each in self.changed(p.id, p.traits, persons, event.message_id, event.t)]
        other = event.properties.get("other") if event.name == REFUSED else None
        if isinstance(other, str) and other and other != p.id and len(other) <= MAX_ID_LENGTH:
            self.refuse(p.id, other, event.message_id, event.t)
        return []

    def changed(self, person: str, traits: Mapping[str, list[Any]], persons: int, message_id: str, t: int) -> list[Candidate]:
        """Takes note of a person's traits, as they are after the event `message_id` at `t`. Gives those pairs that are to be merged; the
        others are put up for review."""
        record = record_of({name: traits[name][1] for name in TRAITS & traits.keys()})
        added = self._index.put(person, record)
        if not added:
            return []
        self.size += added
        found = self._find(person, record, persons)
        self._withdraw(person, found)
        merged = []
        for other, (bits, evidence) in found.items():
            before = self.candidate(person, other)
            merge = self._bounds.merge is not None and bits >= self._bounds.merge
            first, second = (other, person) if before is None else (before.person, before.other)
            candidate = Candidate(first, second, bits, evidence, message_id, t, "merged" if merge else "open")
            self._put(candidate)
            if merge:
                merged.append(candidate)
        return merged

    def _merging(self, candidate: Candidate) -> Event:
        """The alias of a candidate; the higher-ranking of the two names both."""
        ranks = {name: p.rank if (p := self._row(name)) is not None else 0 for name in (candidate.person, candidate.other)}
        if ranks[candidate.other] > ranks[candidate.person]:
            candidate = msgspec.structs.replace(candidate, person=candidate.other, other=candidate.person)
        return merging(candidate, is_user=ranks[candidate.person] == USER_ID)

    def _find(self, person: str, record: Record, persons: int) -> dict[str, Score]:
        """The present persons that are probably this one, and of whom nothing was decided; the highest score first."""
        found: dict[str, Score] = {}
        for name, score in find(self._index, person, record, persons, self._bounds.review):
            p = present(self._row, name)
            other = name if p is None else p.id
            if other != person and not self._is_decided(person, name) and not self._is_decided(person, other):
                found.setdefault(other, score)
        return found

    def _is_decided(self, person: str, other: str) -> bool:
        before = self.candidate(person, other)
        return before is not None and before.state != "open"

    def refuse(self, person: str, other: str, message_id: str, t: int) -> None:
        """Two persons are two: they are never put up again."""
        before = self.candidate(person, other)
        if before is None:
            before = Candidate(person, other, 0.0, [], message_id, t)
        self._put(msgspec.structs.replace(before, state="refused"))

    def forget(self, person: str) -> None:
        """Nothing is kept by which the person could be found."""
        self.size += self._index.put(person, NOTHING)
        self._withdraw(person, [])

    def erase(self, person: str) -> None:
        """As `forget`, and what was decided is gone too."""
        self.forget(person)
        for other in self._others(person):
            self._candidates[min(person, other), max(person, other)] = None
            self.size += CANDIDATE_BYTES

    def candidate(self, a: str, b: str) -> Candidate | None:
        """The candidate of these two; None where there is none."""
        pair = (min(a, b), max(a, b))
        if pair in self._candidates:
            return self._candidates[pair]
        raw = self._store.get(candidate_key(a, b))
        return None if raw is None else _decode(raw)

    def flush(self, writes: Writes) -> None:
        """Puts what was changed into a batch of writes."""
        self._index.flush(writes)
        for (a, b), candidate in self._candidates.items():
            if candidate is None:
                writes.delete(candidate_key(a, b))
                writes.delete(mirror_key(a, b))
            else:
                writes.put(candidate_key(a, b), _encode(candidate))
                writes.put(mirror_key(a, b), b"")
        self._candidates = {}

    def _put(self, candidate: Candidate) -> None:
        a, b = candidate.person, candidate.other
        self._candidates[min(a, b), max(a, b)] = candidate
        self.size += CANDIDATE_BYTES

    def _withdraw(self, person: str, found: Iterable[str]) -> None:
        """Open candidates of a person that were not found again are no more."""
        for other in self._others(person).difference(found):
            candidate = self.candidate(person, other)
            if candidate is not None and candidate.state == "open":
                self._candidates[min(person, other), max(person, other)] = None
                self.size += CANDIDATE_BYTES

    def _others(self, person: str) -> set[str]:
        """With whom the person has candidates, decided ones too."""
        prefix = candidates_prefix(person)
        stored = {key[len(prefix) :].decode() for key, _ in self._store.scan(prefix, prefix + b"\xff", 1 << 30)}
        return stored | {b if a == person else a for a, b in self._candidates if person in (a, b)}


def watch_of(plan: Plan, store: Store, row: Row) -> Watch | None:
    """The search that a plan asks for; None where it asks for none."""
    asked = plan.duplicate_persons
    if asked is None:
        return None
    # Without links there are no merges either.
    merge = None if asked.merge is None or plan.identity is None else bits_of(asked.merge)
    return Watch(Bounds(bits_of(asked.review), merge), store, row)


def read_candidates(store: Store, state: State | None = "open") -> list[Candidate]:
    """The candidates in the store in that state (None: in any), the surest first."""
    found = [_decode(value) for _, value in store.scan(CANDIDATES, CANDIDATES_END, 1 << 30) if value]
    return sorted((each for each in found if state in (None, each.state)), key=lambda each: (-each.bits, each.person, each.other))
