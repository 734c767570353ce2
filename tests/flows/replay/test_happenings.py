"""The index by person: persons in the order of their bytes, each with its own, whatever their ids hold."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from flows.replay.happenings import ENTERED, Happening, Story, encode, escaped, index_key, side_by_side, stories
from operators.lane.memory_store import MemoryStore

PERSONS = st.text(st.sampled_from("\0\1ab\u00ff\uffff\U0001f600"), min_size=1, max_size=4)


def stored(persons: list[str], first: int = 1) -> MemoryStore:
    """A store with one happening a person and batch, its instant the number of the batch."""
    store, numbers = MemoryStore(), count(first)
    writes = store.writes()
    writes.put(b"m", b"the lane's own")
    for person in persons:
        number = next(numbers)
        writes.put(index_key(person, number), encode([Happening(number, ENTERED, "keen", "", 0, 0)]))
    store.write(writes)
    return store


@given(st.lists(PERSONS, max_size=12), st.sampled_from([1, 250, 1 << 40]))
def test_each_person_comes_once_in_the_order_of_bytes_with_all_that_happened(persons: list[str], first: int) -> None:
    found = list(stories({0: stored(persons, first)}))
    assert [story.person for story in found] == sorted(set(persons), key=str.encode)
    for story in found:
        assert [each.t for each in story.happenings] == [n for n, person in enumerate(persons, first) if person == story.person]


def test_many_persons_are_read_in_pages() -> None:
    persons = [f"p{n:05}" for n in range(5_001)]
    assert [story.person for story in stories({0: stored(persons)})] == persons


def test_partitions_are_merged_by_person() -> None:
    found = stories({0: stored(["b", "d"]), 1: stored(["a", "d", "c"])})
    assert [(story.person, story.partition) for story in found] == [("a", 1), ("b", 0), ("c", 1), ("d", 0), ("d", 1)]


def test_two_replays_stand_side_by_side() -> None:
    pairs = list(side_by_side(stories({0: stored(["a", "c"])}), stories({0: stored(["b", "c"])})))
    assert [(new.person, len(new.happenings), len(old.happenings)) for new, old in pairs] == [("a", 1, 0), ("b", 0, 1), ("c", 1, 1)]
    assert all(new.key == old.key for new, old in pairs)


def test_the_story_of_nobody_is_no_story() -> None:
    assert list(stories({0: stored([])})) == []
    assert list(side_by_side(iter(()), iter([Story((escaped("a"), 0), [])]))) != []
