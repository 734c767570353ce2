"""What is read of traits, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.duplicates.blocks import keys_of
from operators.duplicates.record import NAMES, NOTHING, TRAITS, Record, plain, record_of

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["street", "city", "zip", "x"]), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(TRAITS)), JSON, max_size=10))
def test_any_traits_give_a_record_and_keys(traits: dict[str, Any]) -> None:
    record = record_of(traits)
    assert all(isinstance(getattr(record, field), str) for field in Record.__struct_fields__)
    assert bool(keys_of(record)) <= (record != NOTHING)


@given(st.text())
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert plain(plain(text)) == plain(text)


def test_the_first_trait_that_is_there_counts() -> None:
    assert Record(given="anna") == record_of({"first_name": "Anna", "given_name": "Berta"})
    assert Record(given="berta") == record_of({"first_name": "", "given_name": "Berta"})


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("Ring 3, 53111 Bonn", Record(street="ring bonn", house="3")),
        ({"street": "Ring 3", "postal_code": 53111, "city": "Bonn"}, Record(street="ring", house="3", postcode="53111", city="bonn")),
        ({"zip": "K1A 0B1"}, Record(postcode="k1a0b1")),
        ([], NOTHING),
    ],
)
def test_an_address_is_a_text_or_a_mapping(address: object, expected: Record) -> None:
    assert expected == record_of({"address": address})


def test_no_trait_tells_two_things() -> None:
    assert len(TRAITS) == sum(map(len, NAMES.values()))
