"""The timer index against a sorted list: the earliest entry comes first, whatever was added, taken, written or opened again in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.instants import EARLIEST, LATEST
from operators.lane import timers as module
from operators.lane.keys import TIMERS, TIMERS_END, due_in, person_in, timer_key
from operators.lane.memory_store import MemoryStore
from operators.lane.rocks import open_store
from operators.lane.store import Store
from operators.lane.timers import Entry, Timers


@pytest.fixture(autouse=True, scope="module")
def small_front() -> Any:
    """A front of 3 entries, so that it is loaded and cut back all the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FRONT", 3)
        yield


class Index:
    """The index as a lane uses it: one entry a person is armed, what differs from it is stale; a crash forgets what was not written."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.timers = Timers(store)
        self.writes = store.writes()
        self.armed: dict[str, int] = {}
        self.written: dict[str, int] = {}

    def arm(self, due: int, person: str) -> None:
        if person not in self.armed or due < self.armed[person]:
            self.armed[person] = due
            self.timers.add(due, person, self.writes)

    def take(self, limit: float, most: int = 1 << 30) -> list[Entry]:
        """The valid entries before `limit`, as they come."""
        taken: list[Entry] = []
        while len(taken) < most and (due := self.timers.next) is not None and due < limit:
            entry = self.timers.pop(self.writes)
            assert due == entry[0]
            if self.armed.get(entry[1]) == due:
                del self.armed[entry[1]]
                taken.append(entry)
        return taken

    def expected(self, limit: float, most: int = 1 << 30) -> list[Entry]:
        return sorted((due, person) for person, due in self.armed.items() if due < limit)[:most]

    def write(self) -> None:
        self.store.write(self.writes)
        self.timers.written()
        self.writes = self.store.writes()
        self.written = dict(self.armed)

    def crash(self) -> None:
        self.timers = Timers(self.store)
        self.writes = self.store.writes()
        self.armed = dict(self.written)


def test_an_empty_index_has_nothing_next() -> None:
    assert Timers(MemoryStore()).next is None


def test_entries_come_by_instant_then_person() -> None:
    index = Index(MemoryStore())
    for due, person in [(5, "b"), (-5, "z"), (5, "a"), (0, "c"), (LATEST, "d"), (EARLIEST, "e"), (5, "a\0"), (5, "é")]:
        index.arm(due, person)
    index.write()
    index.crash()
    order = [(EARLIEST, "e"), (-5, "z"), (0, "c"), (5, "a"), (5, "a\0"), (5, "b"), (5, "é"), (LATEST, "d")]
    assert order == index.take(LATEST + 1)


def test_entries_added_and_not_written_are_found_when_the_front_is_loaded_again() -> None:
    index = Index(MemoryStore())
    for number in range(10):
        index.arm(10 * number, f"p{number}")
    index.write()
    index.crash()  # the front holds the first three
    for number in range(10):
        index.arm(10 * number + 5, f"q{number}")  # most lie behind the front, and only in the batch
    assert index.expected(1000) == index.take(1000)
    assert index.armed == {}


def test_a_taken_entry_that_is_not_written_yet_is_not_met_as_valid_again() -> None:
    index = Index(MemoryStore())
    for number in range(7):
        index.arm(number, f"p{number}")
    assert [(number, f"p{number}") for number in range(5)] == index.take(5)
    assert index.take(100) == [(5, "p5"), (6, "p6")]
    index.write()
    assert Index(index.store).take(100) == []
    assert index.store.scan(TIMERS, TIMERS_END, 10) == []


def test_an_earlier_entry_makes_the_later_one_stale() -> None:
    index = Index(MemoryStore())
    index.arm(9, "p")
    index.write()
    index.arm(4, "p")
    assert index.take(100) == [(4, "p")]
    index.arm(9, "p")
    assert index.take(100) == [(9, "p")]


def test_a_crash_forgets_what_was_not_written_and_nothing_else() -> None:
    index = Index(MemoryStore())
    for number in range(9):
        index.arm(number, f"p{number}")
    index.write()
    index.take(6)
    index.arm(3, "new")
    index.crash()
    assert [(number, f"p{number}") for number in range(9)] == index.take(100)


def test_what_was_taken_leaves_the_store() -> None:
    index = Index(MemoryStore())
    for number in range(50):
        index.arm(number, f"p{number}")
    index.write()
    index.take(45)
    index.write()
    assert len(index.store.scan(TIMERS, TIMERS_END, 100)) == 5


PERSONS = st.sampled_from("abcdefgh")
DUES = st.integers(-3, 12)
STEP = st.one_of(
    st.tuples(st.just("arm"), DUES, PERSONS),
    st.tuples(st.just("arm"), DUES, PERSONS),
    st.tuples(st.just("arm"), DUES, PERSONS),
    st.tuples(st.just("take"), DUES, st.integers(1, 4)),
    st.tuples(st.just("pass"), DUES, st.none()),
    st.tuples(st.just("write"), st.none(), st.none()),
    st.tuples(st.just("crash"), st.none(), st.none()),
)


def run_program(store: Store, program: list[tuple[str, Any, Any]]) -> None:
    index = Index(store)
    for step, first, second in program:
        match step:
            case "arm":
                index.arm(first, second)
            case "take":
                expected = index.expected(first, second)
                assert expected == index.take(first, second)
            case "pass":
                expected = index.expected(first)
                assert expected == index.take(first)
            case "write":
                index.write()
            case "crash":
                index.crash()
        found = [person for person, due in index.armed.items() if index.timers.next is not None and index.timers.next <= due]
        assert len(found) == len(index.armed)
    index.write()
    index.crash()
    expected = index.expected(100)
    assert expected == index.take(100)


@given(program=st.lists(STEP, max_size=60))
def test_random_programs(program: list[tuple[str, Any, Any]]) -> None:
    run_program(MemoryStore(), program)


@settings(max_examples=25)
@given(program=st.lists(STEP, max_size=60))
def test_random_programs_on_disk(tmp_path_factory: pytest.TempPathFactory, program: list[tuple[str, Any, Any]]) -> None:
    store = open_store(tmp_path_factory.mktemp("timers"))
    run_program(store, program)
    store.close()


@given(due=st.integers(EARLIEST * 2, LATEST * 2), other=st.integers(EARLIEST * 2, LATEST * 2), person=st.text(max_size=5))
def test_a_key_is_read_back_and_sorts_by_its_instant(due: int, other: int, person: str) -> None:
    key = timer_key(due, person)
    assert (due, person) == (due_in(key), person_in(key))
    assert (due < other) == (timer_key(due, "x") < timer_key(other, "x"))


def test_an_index_of_many_survives_reopening_on_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    index = Index(store)
    for number in range(200):
        index.arm(number * 7 % 200, f"p{number}")
    index.write()
    store.close()
    store = open_store(tmp_path)
    again = Index(store)
    again.armed = dict(index.armed)
    assert again.expected(1000) == again.take(1000)
    store.close()
