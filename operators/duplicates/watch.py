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
from operators.identity.resolve import Row, names_of, present
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
        if event.kind == "alias":
            self._accepted(p, event)
            return []
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
        merging = self._to_merge(found)
        self._withdraw(person, found)
        merged = []
        for other, (bits, evidence) in found.items():
            before = self.candidate(person, other)
            first, second = (other, person) if before is None else (before.person, before.other)
            candidate = Candidate(first, second, bits, evidence, message_id, t, "merged" if other in merging else "open")
            self._put(candidate)
            if other in merging:
                merged.append(candidate)
        return merged

    def _to_merge(self, found: dict[str, Score]) -> set[str]:
        """Who of those who were found is merged by itself: none of two of whom it was decided that they are two. Who is not the same as one
        of them is no candidate any more."""
        least = self._bounds.merge
        sure = {other for other, (bits, _) in found.items() if least is not None and bits >= least}
        apart = {other: self._apart(other) for other in sure}
        merging = {other for other in sure if not apart[other] & sure}
        for other in [other for other in found if any(other in apart[each] for each in merging)]:
            del found[other]
        return merging

    def _accepted(self, p: Person, event: Event) -> None:
        """An alias makes the two of a candidate one: somebody has decided. Who is not the one is not the other."""
        before = self.candidate(event.user_id or event.anonymous_id or "", event.previous_id or "")
        if before is not None and before.state == "open":
            self._put(msgspec.structs.replace(before, state="merged"))
        apart = self._apart(p.id)
        for name in names_of(p) if apart else ():
            self._withdraw(name, {other for other in self._others(name) if self._present(other) not in apart})

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
            found.setdefault(self._present(name), score)
        apart = {person} | (self._apart(person) if found else set())
        return {other: score for other, score in found.items() if other not in apart}

    def _present(self, name: str) -> str:
        """The name of the person that a name leads to."""
        p = present(self._row, name)
        return name if p is None else p.id

    def _apart(self, person: str) -> set[str]:
        """Of whom it was decided that they are not this person, whatever either was named by then."""
        p = present(self._row, person)
        pairs = [(name, other) for name in ([person] if p is None else names_of(p)) for other in self._others(name)]
        decided = {other for name, other in pairs if (before := self.candidate(name, other)) is not None and before.state != "open"}
        return {self._present(other) for other in decided} - {person if p is None else p.id}

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
