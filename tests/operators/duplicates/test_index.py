"""The index finds whom a look at all persons finds, whatever is put into it, in whatever batches."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.duplicates import index as module
from operators.duplicates.blocks import keys_of
from operators.duplicates.index import Index
from operators.duplicates.record import NOTHING, Record
from operators.duplicates.rows import BLOCKS, RECORDS_END
from operators.lane.memory_store import MemoryStore

NAMES = st.sampled_from(["", "anna", "hans", "berg", "kern"])
RECORDS = st.builds(Record, NAMES, NAMES, birthday=st.sampled_from(["", "19850302", "19790302"]), postcode=st.sampled_from(["", "53111"]))
STEPS = st.lists(st.tuples(st.sampled_from("abcdefgh"), RECORDS | st.just(NOTHING), st.booleans()), max_size=30)


def flush(index: Index, store: MemoryStore) -> None:
    """Makes what was put into the index durable."""
    writes = store.writes()
    index.flush(writes)
    store.write(writes)


def expected(records: dict[str, Record], person: str, record: Record, most: int) -> list[str]:
    """Who is near, by a look at all."""
    blocks = {key: [other for other, its in records.items() if key in keys_of(its)] for key in keys_of(record)}
    met = Counter(other for others in blocks.values() if len(others) <= most for other in others if other != person)
    return sorted(met, key=lambda other: (-met[other], other))


@given(STEPS, RECORDS, st.integers(1, 5))
def test_who_is_near(steps: list[tuple[str, Record, bool]], record: Record, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_BLOCK", most)
        store, records = MemoryStore(), dict[str, Record]()
        index = Index(store)
        for person, its, durable in steps:
            index.put(person, its)
            records[person] = its
            if durable:
                flush(index, store)
                index = Index(store)
        assert expected(records, "a", record, most) == [other for other, _ in index.near("a", record)]
        assert [records[other] for other, _ in index.near("a", record)] == [its for _, its in index.near("a", record)]


def test_nothing_stays_of_a_person_who_is_taken_out() -> None:
    store = MemoryStore()
    index = Index(store)
    for record in (Record("anna", "berg", birthday="19850302"), Record("anna", "kern"), NOTHING):
        index.put("u1", record)
        flush(index, store)
    assert store.scan(BLOCKS, RECORDS_END, 100) == []


def test_so_many_are_compared_at_most() -> None:
    index = Index(MemoryStore())
    for n in range(module.MOST_NEAR + 10):
        index.put(f"u{n}", Record("anna", "berg"))
    assert len(index.near("u", Record("anna", "berg"))) == module.MOST_NEAR
