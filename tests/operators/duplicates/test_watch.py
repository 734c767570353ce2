"""Candidates come, change and go with profiles; what was decided stays decided; batches make no difference."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from operators.duplicates.rows import Candidate
from operators.duplicates.watch import Bounds, Watch, read_candidates
from operators.lane.memory_store import MemoryStore
from schemas.person import Person, new_person, redirect

ANNA = {"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02"}
HANS = {"firstName": "Hans", "lastName": "Kern", "birthday": "1979-11-20"}
HOME = {"phone": "0171 5550142", "address": {"street": "Ring 3", "city": "Bonn", "postalCode": "53111"}}
REVIEW = Bounds(0.5)
MERGE = Bounds(0.5, 6.0)


class Job:
    """A watch over a store, as a lane drives it."""

    def __init__(self, bounds: Bounds = REVIEW) -> None:
        self.bounds, self.store, self.number = bounds, MemoryStore(), 0
        self.names: dict[str, Person] = {}
        self.watch = Watch(bounds, self.store, self.names.get)

    def changed(self, person: str, *traits: dict[str, Any]) -> list[Candidate]:
        """A profile is so from now on."""
        self.number += 1
        told = {name: [self.number, value] for each in traits for name, value in each.items()}
        return self.watch.changed(person, told, 1_000, f"m{self.number}", self.number)

    def commit(self) -> None:
        """Makes it durable, and starts again from the store."""
        writes = self.store.writes()
        self.watch.flush(writes)
        self.store.write(writes)
        self.watch = Watch(self.bounds, self.store, self.names.get)

    def open(self) -> list[tuple[str, str]]:
        """The pairs that are up for review."""
        self.commit()
        return [(each.person, each.other) for each in read_candidates(self.store)]


def test_who_is_probably_one_is_put_up_with_evidence() -> None:
    job = Job()
    assert job.changed("z", ANNA) == []
    assert job.changed("a", ANNA) == []
    assert job.open() == [("z", "a")]
    [candidate] = read_candidates(job.store)
    assert (candidate.message_id, candidate.t, candidate.state) == ("m2", 2, "open")
    assert [each.field for each in candidate.evidence] == ["persons", "given", "family", "birthday", "twins"]


def test_a_household_is_not_put_up() -> None:
    job = Job(MERGE)
    assert job.changed("a", ANNA, HOME) == []
    assert job.changed("b", HANS, HOME) == []
    assert job.open() == []


def test_above_the_upper_threshold_they_are_to_be_merged() -> None:
    job = Job(MERGE)
    job.changed("z", ANNA)
    [merged] = job.changed("a", ANNA)
    assert (merged.person, merged.other, merged.state) == ("z", "a", "merged")
    assert job.open() == []
    assert job.changed("a", ANNA, HOME) == []


def test_a_candidate_that_does_not_hold_any_more_is_withdrawn() -> None:
    job = Job()
    job.changed("a", ANNA)
    job.changed("b", ANNA)
    assert job.open() == [("a", "b")]
    job.changed("a", HANS)
    assert job.open() == []
    job.changed("b", HANS)
    assert job.open() == [("a", "b")]
    job.watch.forget("b")
    assert job.open() == []


def test_what_was_refused_is_not_put_up_again() -> None:
    job = Job(MERGE)
    job.watch.refuse("b", "a", "m", 0)
    job.changed("a", ANNA)
    assert job.changed("b", ANNA) == []
    job.changed("a", HANS)
    job.changed("b", HANS)
    assert job.open() == []
    assert [each.state for each in read_candidates(job.store, None)] == ["refused"]


def test_a_name_that_was_linked_to_another_tells_of_that_one() -> None:
    job = Job()
    job.changed("visitor", ANNA)
    job.names |= {"visitor": redirect("visitor", "anna"), "anna": new_person("anna")}
    job.changed("anna", ANNA)
    assert job.open() == []
    job.changed("b", ANNA)
    assert job.open() == [("anna", "b")]


def test_what_was_refused_stays_so_under_another_name() -> None:
    job = Job()
    job.changed("a", ANNA)
    job.watch.refuse("b", "a", "m", 0)
    job.names |= {"a": redirect("a", "anna"), "anna": new_person("anna")}
    job.changed("b", ANNA)
    assert job.open() == []


def test_a_change_of_nothing_that_is_compared_looks_nothing_up() -> None:
    job = Job()
    job.changed("a", ANNA)
    job.commit()
    job.changed("a", ANNA, {"tier": "gold"})
    assert job.watch.size == 0


STEPS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["anna", "hans", "none", "forget", "refuse"]), st.booleans()), max_size=25
)


@given(STEPS)
def test_batches_make_no_difference(steps: list[tuple[str, str, bool]]) -> None:
    some, one = Job(MERGE), Job(MERGE)
    for person, what, commit in steps:
        given_back = []
        for job in (some, one):
            match what:
                case "forget":
                    job.watch.forget(person)
                case "refuse":
                    job.watch.refuse(person, "a" if person != "a" else "b", "r", 0)
                case _:
                    given_back.append(job.changed(person, {"anna": ANNA, "hans": HANS, "none": {}}[what]))
        assert given_back[1:] == given_back[:-1]
        if commit:
            some.commit()
    for job in (some, one):
        job.commit()
    assert one.store.scan(b"", b"\xff", 1 << 30) == some.store.scan(b"", b"\xff", 1 << 30)
