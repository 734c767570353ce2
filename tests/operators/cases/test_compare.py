"""What a check expects against what there is: as many as can be are paired, and each kind looks at its own."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.cases.checked import Check, Entry, Want
from operators.cases.compare import ACTUAL, compare, unmatched
from operators.cases.outcome import Change, Outcome, Sending
from schemas.cases import ENTRIES

IN, OUT = True, False
OUTCOME = Outcome(
    [
        Change("anna", "a", IN, 1, "m1", {}),
        Change("anna", "b", IN, 1, "m1", {}),
        Change("ben", "c", IN, 2, "m2", {}),
        Change("anna", "a", OUT, 3, None, {}),
        Change("anna", "a", IN, 4, "m3", {}),
        Change("anna", "b", OUT, 5, None, {}),
    ],
    [
        Sending("anna", "x", "t1", 1, None, "m1"),
        Sending("anna", "x", "t2", 1, None, "m1"),
        Sending("ben", "y", "t3", 2, None, "m2"),
        Sending("anna", "y", "t3", 4, "cap", "m3"),
    ],
)

HOLDS: list[tuple[str, str, list[Entry]]] = [
    ("members", "anna", [Entry("a")]),
    ("members", "ben", [Entry("c")]),
    ("members", "carl", []),
    ("not_members", "anna", [Entry("b"), Entry("c")]),
    ("not_members", "anna", []),
    ("entered", "anna", [Entry("a", 4), Entry("a")]),
    ("entered", "anna", [Entry("b"), Entry("a"), Entry("a")]),
    ("entered", "carl", []),
    ("exited", "anna", [Entry("b", 5)]),
    ("triggers", "anna", [Entry("x"), Entry("x", 1)]),
    ("triggers", "anna", [Entry("x", 1), Entry("x", None, "t1")]),
    ("triggers", "carl", []),
    ("decisions", "anna", [Entry("y", 4, "cap")]),
    ("decisions", "ben", []),
]
FAILS: list[tuple[str, str, list[Entry], list[Entry], list[Entry]]] = [
    ("members", "anna", [], [], [Entry("a")]),
    ("members", "anna", [Entry("a"), Entry("b")], [Entry("b")], []),
    ("not_members", "anna", [Entry("a"), Entry("b")], [], [Entry("a")]),
    ("entered", "anna", [Entry("a", 1)], [], [Entry("a", 4)]),
    ("entered", "anna", [Entry("c")], [Entry("c")], []),
    ("entered", "ben", [], [], [Entry("c", 2)]),
    ("exited", "anna", [Entry("b", 4)], [Entry("b", 4)], [Entry("b", 5)]),
    ("triggers", "anna", [Entry("x")], [], [Entry("x", 1, "t2")]),
    ("triggers", "anna", [Entry("x"), Entry("x"), Entry("y")], [Entry("y")], []),
    ("triggers", "anna", [Entry("x", 1, "t1"), Entry("x", 1, "t1")], [Entry("x", 1, "t1")], [Entry("x", 1, "t2")]),
    ("decisions", "anna", [Entry("y", None, "re_entry")], [Entry("y", None, "re_entry")], [Entry("y", 4, "cap")]),
    ("decisions", "anna", [], [], [Entry("y", 4, "cap")]),
]


@pytest.mark.parametrize(("kind", "person", "entries"), HOLDS)
def test_what_holds(kind: str, person: str, entries: list[Entry]) -> None:
    assert compare(Check(1, 9, (Want(kind, person, tuple(entries)),)), OUTCOME) == []


@pytest.mark.parametrize(("kind", "person", "entries", "missing", "extra"), FAILS)
def test_what_does_not(kind: str, person: str, entries: list[Entry], missing: list[Entry], extra: list[Entry]) -> None:
    want = Want(kind, person, tuple(entries))
    [difference] = compare(Check(1, 9, (want,)), OUTCOME)
    assert (difference.want, [*difference.missing], [*difference.extra]) == (want, missing, extra)


def test_a_check_gives_a_difference_for_each_want_that_does_not_hold() -> None:
    wants = [Want(kind, person, tuple(entries)) for kind, person, entries, *_ in FAILS]
    assert [difference.want for difference in compare(Check(1, 9, tuple(wants)), OUTCOME)] == wants


def test_every_kind_that_can_be_written_is_compared() -> None:
    assert ENTRIES.keys() == ACTUAL.keys()


expected = st.builds(Entry, st.sampled_from("ab"), st.sampled_from([None, 1, 2]), st.sampled_from([None, "s", "t"]))
actual = st.builds(Entry, st.sampled_from("ab"), st.sampled_from([1, 2]), st.sampled_from(["s", "t"]))


@given(st.lists(expected, max_size=5), st.lists(actual, max_size=5))
def test_as_many_as_can_be_are_paired(wanted: list[Entry], there: list[Entry]) -> None:
    missing, extra = unmatched(wanted, there)
    assert len(wanted) - len(missing) == len(there) - len(extra) == most(wanted, there)


def most(wanted: list[Entry], there: list[Entry]) -> int:
    """The largest number of pairs, by trying all."""
    padded = [*there, *[None] * len(wanted)]
    return max(
        sum(other is not None and fits(one, other) for one, other in zip(wanted, order, strict=False))
        for order in set(permutations(padded, len(wanted)))
    )


def fits(one: Entry, other: Entry) -> bool:
    return one.id == other.id and one.at_ms in (None, other.at_ms) and one.detail in (None, other.detail)
