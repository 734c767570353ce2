"""`People`: the persons of a lane as they are now, read from the store when they are met, written back with the batch.

What stands under a name is a person, or the name of the one that it has become part of.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from operators.lane.keys import Meta, person_key
from operators.lane.store import Store, Writes
from operators.lane.timers import Timers
from schemas.person import SLOT_BITS, Person, new_person

_encode = msgspec.msgpack.Encoder().encode
_decode_person = msgspec.msgpack.Decoder(Person).decode


class People:
    """`hot` are the persons at work, `warm` those that were not met lately, `touched` those that are to be written. `adopt` brings one to a
    changed plan."""

    def __init__(self, store: Store, meta: Meta, timers: Timers, adopt: Callable[[Person], int]) -> None:
        self._store, self._meta, self._timers, self._adopt = store, meta, timers, adopt
        self.hot: dict[str, Person] = {}
        self.warm: dict[str, Person] = {}
        self.touched: dict[str, Person] = {}
        self._gone: set[str] = set()

    def row(self, name: str) -> Person | None:
        """What stands under a name, None where it is new."""
        p = self.hot.get(name)
        if p is not None:
            return p
        # Whom the sweep has brought to a changed plan in this batch, the store does not have yet.
        p = self.warm.get(name) or self.touched.get(name)
        if p is None:
            if name in self._gone:
                return None
            p = person_of(self._store.get(person_key(name)))
            if p is None:
                return None
            if p.layout != self._meta.layout and p.to is None:
                self._adopt(p)
        self.hot[name] = p
        return p

    def born(self, name: str) -> Person:
        """A person that is met for the first time, and becomes part of the batch when it is touched."""
        p = self.hot[name] = new_person(name)
        p.layout = self._meta.layout
        self._meta.persons += 1
        return p

    def put(self, p: Person) -> None:
        """From now on this stands under its name, and is to be written."""
        self._gone.discard(p.id)
        self.hot[p.id] = self.touched[p.id] = p

    def forget(self, name: str) -> None:
        """From now on nothing stands under a name."""
        for persons in (self.hot, self.warm, self.touched):
            persons.pop(name, None)
        self._gone.add(name)

    def is_known(self, name: str) -> bool:
        """True where the store may not have the latest of what stands under the name."""
        return name in self.hot or name in self.warm or name in self.touched

    def arm(self, p: Person, writes: Writes) -> None:
        """Sees to it that the timer index has an entry for the person that is no later than its next boundary."""
        if p.heap:
            due = p.heap[0] >> SLOT_BITS
            if p.armed is None or due < p.armed:
                p.armed = due
                self._timers.add(due, p.id, writes)

    def flush(self, writes: Writes) -> None:
        """Puts what is to be written into the batch."""
        put = writes.put
        for name, p in self.touched.items():
            put(person_key(name), _encode(p))
        for name in self._gone - self.touched.keys():
            writes.delete(person_key(name))

    def written(self, most: int) -> None:
        """What was put into the batch is durable; of more than `most` persons at work those not met lately are let go."""
        self.touched.clear()
        self._gone.clear()
        if len(self.hot) > most:
            self.warm, self.hot = self.hot, {}


def person_of(raw: bytes | None) -> Person | None:
    """What is stored under a name, a person or where it leads; None where there is nothing."""
    return None if raw is None else _decode_person(raw)
