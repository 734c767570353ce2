"""`Moves`: settles who an event belongs to where it is not plain, and makes persons one in a lane: what was under several names is under
one from then on, events, traits and all.

*Guarantees*: what is moved is durable with the batch of the record that moved it. Of events older than the plan keeps none is moved,
however far the history was swept, so the outcome does not hang on the batches.
"""

from __future__ import annotations

from typing import NamedTuple

from operators.change import Past
from operators.emit import Emit
from operators.identity.link import link, note
from operators.identity.resolve import Resolve, Resolved, owner
from operators.lane.history import History
from operators.lane.keys import Meta
from operators.lane.people import People
from operators.person import PersonStage
from operators.plan.checked import Identity
from schemas.event import Event
from schemas.output import Reject
from schemas.person import Person, redirect


class Brought(NamedTuple):
    """What an event brings with it: events, and the mask of the rules that what else is known may change; `size` is about how many bytes of
    the batch that takes."""

    past: list[Past]
    touched: int
    size: int


NOTHING = Brought([], 0, 0)
BLOCKED = Reject("blocked_id", "each identifier of the record is one that stands for nobody")


class Moves:
    """The moves of one lane."""

    def __init__(self, identity: Identity, stage: PersonStage, people: People, history: History, meta: Meta, emit: Emit) -> None:
        self._stage, self._people, self._history, self._meta, self._emit = stage, people, history, meta, emit
        self._resolve = Resolve(identity, people.row)

    def settle(self, named: Person | None, event: Event, watermark: int) -> tuple[Person, Brought] | None:
        """The person that an event belongs to from now on, and what it brings with it; None where all its identifiers are blocked. `named`
        is what stands under its first. Where a person that it links has the event already nothing changes: that is the person then."""
        p = None if named is None else owner(self._people.row, named, event)
        if p is not None:
            return p, NOTHING
        resolved = self._resolve(event, self._meta.offset)
        if resolved is None:
            return None
        persons = resolved.persons
        if not resolved.links and not resolved.conflicts:
            return persons[0], NOTHING
        for p in persons:
            if self._history.has(p.id, event):
                return p, NOTHING
        p = next((p for p in persons if p.id == resolved.name), None) or self._born(resolved)
        brought = self._one(p, resolved, event, watermark) if resolved.links else NOTHING
        if resolved.conflicts:
            note(p, resolved.conflicts)
            self._emit.counts.conflicts += len(resolved.conflicts)
        return p, brought

    def _born(self, resolved: Resolved) -> Person:
        p = self._people.born(resolved.name)
        # Under another name it was there before.
        self._emit.counts.persons += not resolved.persons
        return p

    def _one(self, p: Person, resolved: Resolved, event: Event, watermark: int) -> Brought:
        """Makes the persons of an event one."""
        p.rank, p.came = resolved.rank, resolved.came
        if not resolved.persons and len(resolved.ids) == 1:
            return NOTHING
        past: list[Past] = []
        first: dict[str, tuple[int, str]] = {}
        touched = size = 0
        others = [other for other in resolved.persons if other.id != p.id]
        for other in others:
            self._stage.leave(other, event, watermark, self._emit)
            rows = self._history.take(other.id, watermark)
            if rows:
                first[other.id] = (rows[0].kept.t, rows[0].message_id)
            came, added = self._history.bring(p.id, rows, p.count + len(past))
            past += came
            size += added
            touched |= self._stage.inherit(p, other)
        for name in link(p, resolved, event, self._meta.offset, first):
            self._people.put(redirect(name, p.id))
            size += len(name)
        self._meta.persons -= len(others)
        self._emit.counts.linked += len(others)
        return Brought(past, touched, size)
