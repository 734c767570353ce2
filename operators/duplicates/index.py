"""`Index`: which persons have a blocking key in common with a record, over all persons of a lane.

*Guarantees*: the index is what the records put into it make it, whatever their order and the batches. A look-up reads a bounded number of
rows: a block of more than `MOST_BLOCK` persons tells too little and is passed over, and of all that are found the `MOST_NEAR` with the most
keys in common are compared.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from operators.duplicates.blocks import keys_of
from operators.duplicates.record import NOTHING, Record
from operators.duplicates.rows import block_prefix, person_in_block, record_key
from operators.lane.store import Store, Writes

MOST_BLOCK = 100
"""Persons of a block that is still looked at."""
MOST_NEAR = 30
"""Persons that are compared with one."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


class Index:
    """The index of one lane. What was changed since the last `flush` is known here, and not yet in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records: dict[str, Record] = {}
        self._blocks: dict[bytes, dict[str, bool]] = {}

    def record(self, person: str) -> Record:
        """What the person is compared by; `NOTHING` where nothing is known."""
        found = self._records.get(person)
        if found is None:
            raw = self._store.get(record_key(person))
            found = NOTHING if raw is None else _decode(raw)
        return found

    def put(self, person: str, record: Record) -> int:
        """Sets what the person is compared by; `NOTHING` takes the person out. Gives the bytes that it adds to a batch, about."""
        before = self.record(person)
        if record == before:
            return 0
        old, new = keys_of(before), keys_of(record)
        for key in old ^ new:
            self._blocks.setdefault(block_prefix(key), {})[person] = key in new
        self._records[person] = record
        return 200 + len(old ^ new) * (len(person) + 10)

    def near(self, person: str, record: Record) -> list[tuple[str, Record]]:
        """The other persons that have a key in common with the record, those with the most first, then by name."""
        met: Counter[str] = Counter()
        for key in keys_of(record):
            met.update(self._block(block_prefix(key)))
        del met[person]
        nearest = sorted(met.items(), key=lambda item: (-item[1], item[0]))[:MOST_NEAR]
        return [(other, self.record(other)) for other, _ in nearest]

    def flush(self, writes: Writes) -> None:
        """Puts what was changed into a batch of writes."""
        for person, record in self._records.items():
            if record == NOTHING:
                writes.delete(record_key(person))
            else:
                writes.put(record_key(person), _encode(record))
        for prefix, persons in self._blocks.items():
            for person, there in persons.items():
                if there:
                    writes.put(prefix + person.encode(), b"")
                else:
                    writes.delete(prefix + person.encode())
        self._records, self._blocks = {}, {}

    def _block(self, prefix: bytes) -> list[str]:
        """The persons of a block; none where they are too many."""
        changed = self._blocks.get(prefix)
        # Of as many rows as were taken out since, the store may still have every one.
        most = MOST_BLOCK + (len(changed) if changed else 0)
        rows = self._store.scan(prefix, prefix + b"\xff", most + 1)
        persons = [person_in_block(key) for key, _ in rows]
        if changed:
            persons = [each for each in persons if each not in changed] + [each for each, there in changed.items() if there]
        return persons if len(persons) <= MOST_BLOCK else []
