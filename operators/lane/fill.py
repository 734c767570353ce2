"""`Fill`: brings the persons of a lane to the layout of a changed plan, each before its next event, the rest by a sweep.

The layouts of all persons that were not reached yet are kept, so a plan can change again in the middle; the sweep then begins anew.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from operators.change import Change, Difference, Layout, difference, layout_of
from operators.emit import Emit
from operators.lane.history import PersonHistory, See
from operators.lane.keys import LAYOUT, LAYOUT_END, PERSONS, PERSONS_END, Meta, layout_in, layout_key
from operators.lane.standings import changed, completed, put_standings, read_standings, whole_from
from operators.lane.store import Store, Writes
from operators.person import PersonStage, about_of
from operators.plan.checked import Plan
from schemas.errors import UnavailableError
from schemas.person import Person

MOST_EVENTS = 3_000
"""So many kept events are read in one step of the sweep, about: it then takes some 10 ms, and records wait no longer."""
PERSON_EVENTS = 25
"""A person takes as long as so many of its events."""
PAGE = 64
"""So many persons are looked at at once."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Layout).decode
_decode_person = msgspec.msgpack.Decoder(Person).decode


class Fill:
    """The persons of one lane that are of an older layout than the plan's. `see` is called with the name and the properties of each event
    that new slots look at."""

    def __init__(self, plan: Plan, store: Store, stage: PersonStage, meta: Meta, see: See | None = None) -> None:
        self._plan, self._store, self._stage, self._meta, self._see = plan, store, stage, meta, see
        self._changes: dict[int, Change] = {}
        self.layout = layout_of(plan, stage.rules)
        self.change: Difference | None = None
        """What the plan changes of the state that was opened with it; None where that was made with this very plan."""

    def open(self, writes: Writes) -> bool:
        """Compares the stored layout with the plan's, and begins a sweep where persons are to be touched; true where there is something to
        write."""
        meta, raw = self._meta, self._store.get(layout_key(self._meta.layout))
        if raw is None and (meta.version != self._plan.version or meta.layout):
            raise UnavailableError(
                f"the state was made with version {meta.version} of the plan by a Beckon that did not keep what it means; go back to that "
                f"plan, or start with a new --state and a new output (on Kafka: a new name of the plan) and read the input again"
            )
        old = _decode(raw) if raw is not None else self.layout
        self._standings = read_standings(self._store, old)
        if raw is not None and old == self.layout:
            return False
        if raw is not None:
            self.change = difference(old, self.layout)
            self._standings = changed(self._standings, old, self.layout, meta)
            put_standings(self._standings, writes)
            if (self.layout.history or 0) > (old.history or 0):
                meta.kept = whole_from(meta, old.history)
        if not self.layout.means(old) or (self.layout.profiles and not old.profiles):
            meta.layout += 1
            meta.fill, meta.fill_total, meta.filled, meta.changed = PERSONS, meta.persons, 0, meta.watermark
        meta.version = self._plan.version
        writes.put(layout_key(meta.layout), _encode(self.layout))
        return True

    def adopt(self, p: Person, watermark: int | None, emit: Emit) -> int:
        """Brings a person to the plan's layout; gives how many events were read for it."""
        change = self._changes.get(p.layout)
        if change is None:
            raw = self._store.get(layout_key(p.layout))
            if raw is None:
                raise UnavailableError(f"the state lacks the layout {p.layout} of a person; restore it, or start with a new --state")
            change = Change(_decode(raw), self._plan, self._stage, about_of(self._plan), self._meta.layout)
            self._changes[p.layout] = change
        history = PersonHistory(self._store, p.id, self._see)
        change.adopt(self._stage, p, history, p.clock if watermark is None else watermark, emit)
        if change.tells or emit.moved:
            self._stage.tell(p, emit, [self._plan.version, self._meta.layout])
        self._meta.filled += 1
        return history.read

    def sweep(self, is_known: Callable[[str], bool], adopt: Callable[[Person], int], writes: Callable[[], Writes]) -> None:
        """One step over the persons in the store: `adopt` is called with each that is of an older layout, and gives how many events that
        took. `is_known` says of whom the store may not have the latest; they were reached when they were loaded."""
        meta, left = self._meta, MOST_EVENTS
        while meta.fill is not None:
            pairs = self._store.scan(meta.fill, PERSONS_END, PAGE)
            for key, value in pairs:
                if left <= 0:
                    return
                meta.fill = key + b"\0"
                left -= 1
                if not is_known(key[len(PERSONS) :].decode()):
                    p = _decode_person(value)
                    if p.layout != meta.layout and p.to is None:
                        left -= PERSON_EVENTS + adopt(p)
            if len(pairs) < PAGE:
                self._end(writes())

    def _end(self, writes: Writes) -> None:
        """All persons are of the plan's layout: the older ones are of no more use."""
        meta = self._meta
        meta.fill = None
        self._standings = completed(self._standings, meta.watermark)
        put_standings(self._standings, writes)
        for number in range(meta.layout):
            writes.delete(layout_key(number))


def read_layouts(store: Store) -> dict[int, Layout]:
    """The layouts that the persons of a lane are of, by number."""
    return {layout_in(key): _decode(raw) for key, raw in store.scan(LAYOUT, LAYOUT_END, 1 << 30)}
