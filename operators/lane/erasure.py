"""`Erasure`: how a lane forgets a person: everything of it goes, under each name that leads to it, at the record's place in the order.

Two things are not done at once, since they need a look over the whole store, but with all that was erased lately (`clear`): entries of the
timer index that were stale already, and what is said of the person with others. Neither changes what comes out.

*Guarantees*: what is erased is gone with the batch of the record. Names are kept aside until no file of the store has them any more, also
over a crash. Counts by day, and what rules have met, hold no values of persons and stay.
"""

from __future__ import annotations

from collections.abc import Iterator

from operators.duplicates.watch import Bounds, Watch
from operators.emit import Emit
from operators.identity.relay import Erased
from operators.identity.resolve import names_of, present
from operators.lane.history import History
from operators.lane.keys import ERASED, ERASED_END, PERSONS, PERSONS_END, Meta, erased_key
from operators.lane.people import People
from operators.lane.store import Store, Writes
from operators.lane.suppression import Suppression, mailbox_of
from operators.lane.timers import Timers
from operators.person import PersonStage
from operators.survive import words_of
from schemas.event import Event
from schemas.person import Person

_PAGE = 1_000
"""Persons that are looked at at once."""


class Erasure:
    """The erasures of one lane. `owed` says that files of the store may still have what was erased."""

    def __init__(
        self,
        stage: PersonStage,
        store: Store,
        meta: Meta,
        people: People,
        history: History,
        timers: Timers,
        watch: Watch | None,
        suppression: Suppression,
        emit: Emit,
    ) -> None:
        self._stage, self._store, self._meta, self._people, self._history = stage, store, meta, people, history
        self._timers, self._suppression, self._emit = timers, suppression, emit
        # Without a search for duplicates there may be rows of an older plan's.
        self._watch = watch if watch is not None else Watch(Bounds(0.0), store, people.row)
        self._erased: set[str] = set()
        self.owed = bool(store.scan(ERASED, ERASED_END, 1))

    def erase(self, event: Event) -> int:
        """Forgets whom an event names, by its `userId`, else its `anonymousId`, and those who are named just as one of its other
        identifiers. Gives how many persons that is."""
        persons = self._meant(event)
        watermark = event.t if self._meta.watermark is None else self._meta.watermark
        for p in persons:
            self._erase(p, event, watermark)
        return len(persons)

    def forget(self, name: str, event: Event, watermark: int, told: Erased) -> int:
        """Forgets what stands under a name, as another stage says; gives how many persons that is."""
        found = self._people.row(name)
        is_person = found is not None and found.to is None
        if found is not None and is_person:
            self._erase(found, event, watermark)
        elif found is not None:
            self._let_go(name)
        if told.key == self._suppression.key_id:
            self._suppression.add(told.addresses, event.t)
        return int(is_person)

    def flush(self, writes: Writes) -> None:
        """Puts what was erased into a batch of writes."""
        self._suppression.flush(writes)
        self._watch.flush(writes)
        for name in sorted(self._erased):
            writes.put(erased_key(name), b"")
        self._erased.clear()

    def clear(self, writes: Writes) -> None:
        """Takes the last traces of all that was erased out of the store; nothing may be unwritten. Then its files are to be compacted."""
        rows = [key for key, _ in self._store.scan(ERASED, ERASED_END, 1 << 30)]
        names = {key[len(ERASED) :].decode() for key in rows} - {""}
        if names:
            self._timers.drop(names, self._is_due, writes)
            self._drop_mentions(names)
            self._meta.sweep = b"" if _is_in(names, self._meta.sweep) else self._meta.sweep
            if self._meta.fill is not None and _is_in(names, self._meta.fill):
                # Who was reached before is of the present layout, and passed over.
                self._meta.fill = PERSONS
        for key in rows:
            writes.delete(key)
        writes.put(erased_key(""), b"")

    def cleared(self, writes: Writes) -> None:
        """The files are compacted."""
        writes.delete(erased_key(""))
        self.owed = False

    def _meant(self, event: Event) -> list[Person]:
        row, others = self._people.row, list(event.properties.get("identifiers") or [])
        first = event.user_id or event.anonymous_id or ""
        if event.user_id and event.anonymous_id:
            others.append(event.anonymous_id)
        found: dict[str, Person] = {}
        for place, given in enumerate((first, *others)):
            for name in (given, mailbox_of(given)):
                p = None if name is None else present(row, name) if place == 0 else row(name)
                if p is not None and p.to is None:
                    found.setdefault(p.id, p)
        return list(found.values())

    def _erase(self, p: Person, event: Event, watermark: int) -> None:
        leading = [name for name in names_of(p) if (found := present(self._people.row, name)) is not None and found.id == p.id]
        addresses = {self._suppression.hash(each) for each in self._addresses(p, watermark)} - {None}
        told = Erased(self._suppression.key_id, sorted(each for each in addresses if each is not None))
        self._stage.erase(p, leading, event, watermark, told, self._emit)
        # What was due before knows nothing of it.
        self._suppression.add(told.addresses, event.t)
        for name in leading:
            self._let_go(name)
        self._meta.persons -= 1

    def _addresses(self, p: Person, watermark: int) -> set[str]:
        """All texts that may be addresses of a person; its history is taken out."""
        values = [*names_of(p), *(act.about for act in p.acts), *(word[1] for word in words_of(p.traits.get("email", [0, None])))]
        rows = self._history.take(p.id, watermark)
        values += [(each.kept.properties or {}).get("email") for each in rows if each.kept.kind == "identify"]
        return {each for each in values if type(each) is str}

    def _let_go(self, name: str) -> None:
        self._people.forget(name)
        self._watch.erase(name)
        self._erased.add(name)
        self.owed = True

    def _is_due(self, name: str, due: int) -> bool:
        """Whether a name is that of a person again who has this boundary next."""
        p = self._people.row(name)
        return p is not None and p.armed == due

    def _drop_mentions(self, names: set[str]) -> None:
        """Takes what is said of the names out of what is kept of others."""
        for name in self._mentioning(names):
            p = self._people.row(name)
            if p is not None and p.ties is not None and _unmention(p, names):
                self._people.put(p)

    def _mentioning(self, names: set[str]) -> Iterator[str]:
        """Who may be kept with one of the names in it."""
        sought, start = [name.encode() for name in sorted(names)], PERSONS
        while pairs := self._store.scan(start, PERSONS_END, _PAGE):
            # Nearly all pages have none of them, and one look at a page is cheaper than one at each person.
            page = b"".join([value for _, value in pairs])
            there = [each for each in sought if each in page]
            for key, value in pairs if there else ():
                if any(each in value for each in there):
                    yield key[len(PERSONS) :].decode()
            start = pairs[-1][0] + b"\0"


def _unmention(p: Person, names: set[str]) -> bool:
    """Drops links with the names that were not made, and merges with them that were undone; true where there was one."""
    assert p.ties is not None
    ties, before = p.ties, _length(p)
    for linked in ties.linked.values():
        linked.conflicts = [each for each in linked.conflicts if each.person not in names and each.identifier not in names]
    own = set(names_of(p))
    ties.merges = [each for each in ties.merges if each.undone is None or not ({each.user, each.previous} - own) & names]
    return _length(p) != before


def _length(p: Person) -> int:
    return 0 if p.ties is None else len(p.ties.merges) + sum(len(linked.conflicts) for linked in p.ties.linked.values())


def _is_in(names: set[str], key: bytes) -> bool:
    return any(name.encode() in key for name in names)
