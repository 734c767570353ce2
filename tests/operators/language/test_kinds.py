"""Comparing values: within a kind by value, across kinds never, for every pair of values there is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.language.kinds import COMPARE, FLIPPED, different, equal, less, less_or_equal

SAME: list[tuple[Any, Any]] = [
    (1, 1.0),
    (0, -0.0),
    (2**53, float(2**53)),
    ("", ""),
    ("é", "é"),
    (True, True),
    ([], []),
    ({}, {}),
    ([1, "a", None], [1.0, "a", None]),
    ({"a": 1, "b": [None]}, {"b": [None], "a": 1.0}),
    ([[True]], [[True]]),
]
OTHER: list[tuple[Any, Any]] = [
    (1, 2),
    (2**53 + 1, float(2**53)),
    (10**400, 1e308),
    ("a", "A"),
    ("é", "e\u0301"),
    (True, False),
    ([1], [1, 1]),
    ([1], [True]),
    ([0], [False]),
    (["1"], [1]),
    ([None], [0]),
    ([None], [[]]),
    ({"a": 1}, {"a": True}),
    ({"a": 1}, {"b": 1}),
    ({"a": None}, {}),
    ({"a": None}, {"b": None}),
    ({"a": 1}, {"a": 1, "b": 1}),
]
STRANGERS: list[Any] = [1, "1", True, [1], {"1": 1}, None]
"""No two of these are of one kind."""


@pytest.mark.parametrize(("a", "b"), SAME, ids=repr)
def test_same_values_of_one_kind(a: Any, b: Any) -> None:
    assert (equal(a, b), equal(b, a)) == (True, True)
    assert (different(a, b), different(b, a)) == (False, False)


@pytest.mark.parametrize(("a", "b"), OTHER, ids=lambda value: f"{value!r:.20}")
def test_different_values_of_one_kind(a: Any, b: Any) -> None:
    assert (equal(a, b), equal(b, a)) == (False, False)
    assert (different(a, b), different(b, a)) == (True, True)


@pytest.mark.parametrize("op", COMPARE)
def test_every_comparison_of_two_kinds_is_false(op: str) -> None:
    for number, a in enumerate(STRANGERS):
        for b in STRANGERS[number + 1 :]:
            assert not COMPARE[op](a, b)
            assert not COMPARE[op](b, a)


@pytest.mark.parametrize("op", COMPARE)
def test_every_comparison_with_none_is_false(op: str) -> None:
    for value in [*STRANGERS, 0, "", False, [], {}, [None]]:
        assert not COMPARE[op](value, None)
        assert not COMPARE[op](None, value)


ASCENDING: list[list[Any]] = [
    [-(10**400), -1e308, -1, -0.5, 0, 0.5, 1, 2**53, float(2**53) + 2, 2**63, 1e308, 10**400],
    ["", "\0", "A", "B", "Z", "a", "aa", "b", "z", "é", "\uffff", "\U0001f600"],
    [False, True],
]


@pytest.mark.parametrize("values", ASCENDING, ids=["numbers", "strings by code point", "booleans"])
def test_order_within_a_kind(values: list[Any]) -> None:
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            assert (i < j, i <= j) == (less(a, b), less_or_equal(a, b))
            assert [i == j, i != j, i < j, i <= j, i > j, i >= j] == [COMPARE[op](a, b) for op in ("==", "!=", "<", "<=", ">", ">=")]


@pytest.mark.parametrize("op", ["<", "<=", ">", ">="])
@pytest.mark.parametrize(("a", "b"), [([1], [2]), ([1], [1]), ({}, {}), ({"a": 1}, {"a": 2})])
def test_lists_and_objects_have_no_order(op: str, a: Any, b: Any) -> None:
    assert not COMPARE[op](a, b)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=2) | st.sampled_from([0, 1, 1.0, "1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)


@given(a=VALUES, b=VALUES)
def test_the_laws_of_comparing(a: Any, b: Any) -> None:
    for op, compare in COMPARE.items():
        assert isinstance(compare(a, b), bool)
        assert compare(a, b) == COMPARE[FLIPPED[op]](b, a)
    assert equal(a, a) == (a is not None)
    assert not (equal(a, b) and different(a, b))
    assert less_or_equal(a, b) == (less(a, b) or (equal(a, b) and not isinstance(a, (list, dict))))
    if less(a, b) or less(b, a):
        assert different(a, b)
