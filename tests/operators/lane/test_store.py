"""One contract, every store: `MemoryStore` and `RocksStore` pass the same suite, also for random programs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.lane.memory_store import MemoryStore
from operators.lane.rocks import open_live, open_store
from operators.lane.store import Store

Reopen = Callable[[Store | None], Store]
"""Closes the store, where one is given, and opens it again."""


@pytest.fixture(params=["memory", "rocks"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    memory = MemoryStore()

    def again(store: Store | None) -> Store:
        if store is not None:
            store.close()
        return memory if request.param == "memory" else open_store(tmp_path / "state" / "lane-0")

    return again


@pytest.fixture
def store(reopen: Reopen) -> Store:
    """An empty store."""
    return reopen(None)


def put(store: Store, **pairs: bytes) -> None:
    writes = store.writes()
    for key, value in pairs.items():
        writes.put(key.encode(), value)
    store.write(writes)


def everything(store: Store) -> list[tuple[bytes, bytes]]:
    return store.scan(b"", b"\xff" * 8, 1 << 30)


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.get(b"a") is None
    assert store.get(b"") is None
    assert everything(store) == []


def test_get_gives_the_last_value_put(store: Store) -> None:
    put(store, a=b"1", b=b"")
    put(store, a=b"2")
    assert (store.get(b"a"), store.get(b"b"), store.get(b"c")) == (b"2", b"", None)


def test_keys_and_values_are_any_bytes(store: Store) -> None:
    keys = [b"\0", b"\0\0", b"a\0b", b"\xff", b"\xff\xff", b"k" * 70_000]
    writes = store.writes()
    for key in keys:
        writes.put(key, key[::-1] * 2)
    store.write(writes)
    assert [key[::-1] * 2 for key in keys] == [store.get(key) for key in keys]


def test_a_compacted_store_is_as_it_was(reopen: Reopen, store: Store) -> None:
    put(store, **{f"k{number:04}": bytes(100) for number in range(2_000)}, gone=b"1", b=b"2")
    for _ in range(2):
        writes = store.writes()
        writes.delete(b"gone")
        writes.put(b"b", b"3")
        store.write(writes)
        before = everything(store)
        store.compact()
        assert everything(store) == before
        store = reopen(store)
        assert everything(store) == before
    assert (store.get(b"gone"), store.get(b"b"), len(before)) == (None, b"3", 2_001)


@pytest.mark.usefixtures("uncompressed")
def test_what_was_taken_away_is_in_no_file_of_a_compacted_store(tmp_path: Path) -> None:
    store = open_store(tmp_path / "lane-0")
    for number in range(4):
        put(store, **{f"key-that-goes-{number}": b"value-that-goes" + bytes(number), f"stays-{number}": b"value-that-stays"})
        if number == 2:
            store.close()
            store = open_store(tmp_path / "lane-0")
    writes = store.writes()
    for number in range(4):
        writes.delete(f"key-that-goes-{number}".encode())
    store.write(writes)
    store.compact()
    for _ in range(2):
        content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"that-goes" not in content
        assert b"that-stays" in content
        store.close()
        store = open_store(tmp_path / "lane-0")
    store.close()


SCANS: dict[str, tuple[bytes, bytes, int, bytes]] = {
    "all": (b"", b"z", 10, b"abcde"),
    "from a key on, which counts": (b"b", b"z", 10, b"bcde"),
    "up to a key, which does not": (b"a", b"d", 10, b"abc"),
    "between keys": (b"aa", b"cc", 10, b"bc"),
    "the first of them": (b"b", b"z", 2, b"bc"),
    "as many as there are": (b"a", b"c", 2, b"ab"),
    "none wanted": (b"a", b"z", 0, b""),
    "an empty stretch": (b"c", b"c", 10, b""),
    "a stretch the wrong way round": (b"d", b"b", 10, b""),
    "behind everything": (b"f", b"z", 10, b""),
    "before everything": (b"", b"a", 10, b""),
}


@pytest.mark.parametrize(("start", "end", "limit", "expected"), SCANS.values(), ids=SCANS)
def test_scan_gives_the_first_pairs_of_a_stretch_in_order(store: Store, start: bytes, end: bytes, limit: int, expected: bytes) -> None:
    put(store, d=b"4", b=b"2", e=b"5", a=b"1", c=b"3")
    assert [bytes([key]) for key in expected] == [key for key, _ in store.scan(start, end, limit)]
    assert [b"%d" % (key - 96) for key in expected] == [value for _, value in store.scan(start, end, limit)]


def test_keys_are_ordered_as_bytes(store: Store) -> None:
    keys = [b"", b"\0", b"\0a", b"A", b"a", b"a\0", b"aa", b"b", b"\x7f", b"\x80", b"\xfe"]
    writes = store.writes()
    for key in reversed(keys):
        writes.put(key, b"")
    store.write(writes)
    assert keys == [key for key, _ in store.scan(b"", b"\xff", 100)]


def test_what_is_gathered_is_not_seen_before_it_is_written(store: Store) -> None:
    put(store, a=b"1")
    writes = store.writes()
    writes.put(b"b", b"2")
    writes.delete(b"a")
    assert everything(store) == [(b"a", b"1")]
    assert store.get(b"b") is None
    store.write(writes)
    assert everything(store) == [(b"b", b"2")]


def test_within_a_batch_the_last_word_on_a_key_counts(store: Store) -> None:
    writes = store.writes()
    writes.put(b"put, then deleted", b"1")
    writes.delete(b"put, then deleted")
    writes.delete(b"deleted, then put")
    writes.put(b"deleted, then put", b"2")
    writes.put(b"put twice", b"3")
    writes.put(b"put twice", b"4")
    store.write(writes)
    assert everything(store) == [(b"deleted, then put", b"2"), (b"put twice", b"4")]


def test_to_delete_what_is_not_there_is_fine(store: Store) -> None:
    writes = store.writes()
    writes.delete(b"a")
    store.write(writes)
    store.write(store.writes())
    assert everything(store) == []


def test_sizes_grow_with_what_is_put(store: Store) -> None:
    writes = store.writes()
    before = writes.size_in_bytes()
    writes.put(b"a", b"x" * 10_000)
    assert writes.size_in_bytes() >= before + 10_000
    store.write(writes)
    assert store.size() >= 10_000


def test_what_was_written_is_there_when_the_store_is_opened_again(store: Store, reopen: Reopen) -> None:
    put(store, a=b"1", b=b"2")
    lost = store.writes()
    lost.put(b"c", b"3")
    store = reopen(store)
    assert everything(store) == [(b"a", b"1"), (b"b", b"2")]
    put(store, a=b"3")
    assert everything(reopen(store)) == [(b"a", b"3"), (b"b", b"2")]


KEYS = st.sampled_from([b"", b"a", b"ab", b"b", b"b\0", b"c", b"\xfe"])
OPERATION = st.one_of(
    st.tuples(st.just("put"), KEYS, st.binary(max_size=3)),
    st.tuples(st.just("delete"), KEYS, st.none()),
    st.tuples(st.just("write"), st.none(), st.none()),
    st.tuples(st.just("drop"), st.none(), st.none()),
    st.tuples(st.just("scan"), st.tuples(KEYS, KEYS), st.integers(0, 8)),
    st.tuples(st.just("reopen"), st.none(), st.none()),
)
numbers = itertools.count()


def run_program(reopen: Reopen, program: list[tuple[str, Any, Any]]) -> None:
    """Does to the store and to a dict the same, and compares."""
    store = reopen(None)
    kept: dict[bytes, bytes] = {}
    writes, gathered = store.writes(), dict(kept)
    for operation, key, value in program:
        if operation == "put":
            writes.put(key, value)
            gathered[key] = value
        elif operation == "delete":
            writes.delete(key)
            gathered.pop(key, None)
        elif operation == "scan":
            expected = [(name, kept[name]) for name in sorted(kept) if key[0] <= name < key[1]][:value]
            assert expected == store.scan(key[0], key[1], value)
        else:
            if operation == "write":
                store.write(writes)
                kept = dict(gathered)
            elif operation == "reopen":
                store = reopen(store)
            writes, gathered = store.writes(), dict(kept)
        assert {name: kept.get(name) for name in (b"a", b"b\0")} == {name: store.get(name) for name in (b"a", b"b\0")}
    assert sorted(kept.items()) == everything(store)
    store.close()


@given(program=st.lists(OPERATION, max_size=25))
def test_random_programs_in_memory(program: list[tuple[str, Any, Any]]) -> None:
    memory = MemoryStore()
    run_program(lambda _: memory, program)


@settings(max_examples=40)
@given(program=st.lists(OPERATION, max_size=25))
def test_random_programs_on_disk(tmp_path_factory: pytest.TempPathFactory, program: list[tuple[str, Any, Any]]) -> None:
    path = tmp_path_factory.mktemp("program")

    def again(store: Store | None) -> Store:
        if store is not None:
            store.close()
        return open_store(path)

    run_program(again, program)


def test_a_live_view_sees_what_was_written_when_it_was_opened(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    put(store, a=b"1")
    view = open_live(tmp_path)
    put(store, a=b"2", b=b"3")
    assert everything(view) == [(b"a", b"1")]
    newer = open_live(tmp_path)
    assert everything(newer) == [(b"a", b"2"), (b"b", b"3")]
    for each in (view, newer, store):
        each.close()
