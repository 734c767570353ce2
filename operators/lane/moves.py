"""`Moves`: settles who an event belongs to where it is not plain, and makes persons one in a lane: what was under several names is under
one from then on, events, traits and all.

*Guarantees*: what is moved is durable with the batch of the record that moved it. Of events older than the plan keeps none is moved,
however far the history was swept, so the outcome does not hang on the batches.
"""

from __future__ import annotations

from typing import NamedTuple

from operators.change import Past
from operators.emit import Emit
from operators.identity.link import First, link, note
from operators.identity.resolve import Resolve, Resolved, owner, place
from operators.lane.history import History, words_in
from operators.lane.keys import Meta
from operators.lane.merges import Brought, Merges
from operators.lane.people import People
from operators.person import PersonStage
from operators.plan.checked import Identity
from schemas.event import Event
from schemas.output import Reject
from schemas.person import USER_ID, Merge, Person, Ties, redirect

NOTHING = Brought([], 0, 0)
BLOCKED = Reject("blocked_id", "each identifier of the record is one that stands for nobody")


class Settled(NamedTuple):
    """The person that an event belongs to from now on, and what it brings with it."""

    person: Person
    brought: Brought


class Moves:
    """The moves of one lane."""

    def __init__(self, identity: Identity, stage: PersonStage, people: People, history: History, meta: Meta, emit: Emit) -> None:
        self._stage, self._people, self._history, self._meta, self._emit = stage, people, history, meta, emit
        self._resolve = Resolve(identity, people.row)
        self.merges = Merges(stage, people, history, meta, emit)

    def settle(self, named: Person | None, event: Event, watermark: int) -> Settled | Reject | None:
        """Who an event belongs to from now on; why it cannot be used; None where somebody whom it would make one has it already, and
        nothing changes. `named` is what stands under its `userId`, else under its `anonymousId`."""
        if named is None:
            p = self._stranger(event)
            if p is not None:
                return Settled(p, NOTHING)
        else:
            p = owner(self._people.row, named, event)
            if p is not None:
                return Settled(p, NOTHING)
        resolved = self._resolve(event, self._meta.offset)
        if resolved is None:
            return BLOCKED
        merge = self._merge(resolved, event) if event.kind == "alias" and event.previous_id is not None else None
        if merge is None and not resolved.links and not resolved.conflicts:
            return as_is(resolved)
        if self._has(resolved, merge, event, watermark):
            return None
        self._emit.counts.conflicts += len(resolved.conflicts)
        return self._one(resolved, merge, event, watermark)

    def _stranger(self, event: Event) -> Person | None:
        """A person that is met for the first time, by one identifier alone; None where that takes a closer look."""
        user, anonymous = event.user_id, event.anonymous_id
        name = user or anonymous or ""
        if (user and anonymous) or event.kind in ("identify", "alias") or self._resolve.is_blocked(name):
            return None
        p = self._people.born(name)
        p.rank, p.came = USER_ID if user else 1, self._meta.offset
        self._emit.counts.persons += 1
        return p

    def _merge(self, resolved: Resolved, event: Event) -> Merge | None:
        """The merge that an alias asks for; None where links or other merges make the two one already. One of a duplicate found need not
        know of a userId: it is as well of the person of its `anonymousId`."""
        evidence, previous = dict(event.properties), event.previous_id or ""
        kind = "duplicate" if evidence.pop("kind", None) == "duplicate" else "alias"
        user = event.user_id or (event.anonymous_id if kind == "duplicate" else None)
        if self._resolve.is_blocked(previous) or user is None or self._resolve.is_blocked(user):
            return None
        other = place(self._people.row, previous)
        ids = {each.value for each in resolved.ids}
        if previous in ids or (other is not None and other.person in resolved.persons):
            return None
        return Merge(kind, user, previous, event.message_id, event.t, evidence)

    def _has(self, resolved: Resolved, merge: Merge | None, event: Event, watermark: int) -> bool:
        """Whether somebody whom an event makes one has it already, or has undone it."""
        for each in resolved.ids:
            found = place(self._people.row, each.value)
            if found is not None and self._history.has(found.person.id, event):
                if is_merged(found.person):
                    # Should they be parted again, it is of whom it would have been of then; its links stay unmade.
                    self.merges.add(found.person, event, 0, watermark, Brought([], 0, 0, found.name))
                return True
        if merge is None:
            return False
        other = place(self._people.row, merge.previous)
        persons = [*resolved.persons, *([] if other is None else [other.person])]
        undone = [each for p in persons if p.ties is not None for each in p.ties.merges if each.undone is not None]
        again = (merge.source, merge.user, merge.previous)
        return any((each.source, each.user, each.previous) == again for each in undone) or (
            other is not None and self._history.has(other.person.id, event)
        )

    def _one(self, resolved: Resolved, merge: Merge | None, event: Event, watermark: int) -> Settled:
        if merge is None and not resolved.links:
            settled = as_is(resolved)
        elif merge is not None or any(is_merged(p) for p in resolved.persons):
            settled = Settled(*self.merges.regroup(resolved, merge, event, watermark))
        else:
            p = next((p for p in resolved.persons if p.id == resolved.name), None) or self._people.born(resolved.name)
            settled = Settled(p, self._linked(p, resolved, event, watermark))
        # Under another name it was there before.
        self._emit.counts.persons += not resolved.persons
        if resolved.conflicts:
            note(settled.person, resolved.name, resolved.conflicts)
        return settled

    def _linked(self, p: Person, resolved: Resolved, event: Event, watermark: int) -> Brought:
        """Makes the persons of an event one, of whom none is merged."""
        past: list[Past] = []
        first: First = {}
        touched = size = 0
        others, words = [other for other in resolved.persons if other is not p], list[set[tuple[str, int]]]()
        for other in others:
            self._stage.leave(other, p.id, event, watermark, self._emit)
            rows = self._history.take(other.id, watermark)
            if rows:
                first[other.id] = (rows[0].kept.t, rows[0].message_id)
            came, added, had = self._history.bring(p.id, rows, p.count + len(past))
            words.append(words_in(had))
            past += came
            size += added
        # What was due before does not see what is known from now on.
        self._stage.meet(p, past, event, watermark, self._emit)
        for other, without in zip(others, words, strict=True):
            touched |= self._stage.inherit(p, other, without)
        linked, names = link(resolved, event, self._meta.offset, first)
        merges = [each for other in resolved.persons if other.ties is not None for each in other.ties.merges]
        # One that was undone is known to both whom it had made one.
        merges = [each for number, each in enumerate(merges) if each not in merges[:number]]
        p.rank, p.came = resolved.rank, resolved.came
        p.ties = Ties(None, {p.id: linked}, merges) if linked.known or linked.conflicts or merges else None
        for name in names:
            self._people.put(redirect(name, p.id))
            size += len(name)
        self._meta.persons -= len(others)
        self._emit.counts.linked += len(others)
        return Brought(past, touched, size)


def as_is(resolved: Resolved) -> Settled:
    """Who an event belongs to that links nobody."""
    p, name, _ = resolved.places[0]
    return Settled(p, Brought([], 0, 0, name) if is_merged(p) else NOTHING)


def is_merged(p: Person) -> bool:
    """True where merges lie over what links have made one."""
    return p.ties is not None and p.ties.is_merged
