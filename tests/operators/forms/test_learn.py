"""What forms learn of other events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.forms.learn import Lesson, lessons

FIELDS = frozenset({"city", "email", "news@3"})
LEARNT: dict[str, tuple[dict[str, Any], list[Lesson]]] = {
    "traits of a visitor": ({"type": "identify", "anonymousId": "a", "traits": {"city": "Ulm"}}, [Lesson(("a",), ("city",))]),
    "identifiers of one person": ({"type": "identify", "anonymousId": "a", "userId": "u", "traits": {}}, [Lesson(("u", "a"))]),
    "an address": (
        {"type": "identify", "anonymousId": "a", "traits": {"email": "a@Example.com"}},
        [Lesson(("a@example.com", "a"), ("email",))],
    ),
    "no address": ({"type": "identify", "anonymousId": "a", "traits": {"email": "at home", "city": ""}}, []),
    "empty traits": ({"type": "identify", "anonymousId": "a", "traits": {"city": None, "other": 1}}, []),
    "one of its own": (
        {"type": "identify", "anonymousId": "a", "traits": {"city": "Ulm"}, "context": {"library": {"name": "beckon-forms"}}},
        [],
    ),
    "consent": (
        {"type": "track", "event": "Consent Given", "userId": "u", "properties": {"topic": "news", "text_version": 3}},
        [Lesson(("u",), ("news@3",))],
    ),
    "withdrawn": (
        {"type": "track", "event": "Consent Withdrawn", "userId": "u", "properties": {"topics": ["news", 7]}},
        [Lesson(("u",), withdrawn=("news",))],
    ),
    "unsubscribed of all": ({"type": "track", "event": "Unsubscribed", "anonymousId": "a"}, [Lesson(("a",), withdrawn=())]),
    "another event": ({"type": "track", "event": "Product Viewed", "userId": "u"}, []),
    "an event that is none": ({"type": "track", "event": ["Unsubscribed"], "userId": "u"}, []),
    "of nobody": ({"type": "track", "event": "Unsubscribed", "userId": 7}, []),
}


@pytest.mark.parametrize("what", LEARNT)
def test_a_lesson(what: str) -> None:
    record, expected = LEARNT[what]
    assert expected == list(lessons([record], FIELDS))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["identify", "track", "Unsubscribed", "Consent Given"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "event", "traits", "properties", "userId", "context", "library", "topic", "topics", "email", "city"]),
            inner,
        )
    ),
    max_leaves=10,
)


@given(st.lists(values))
def test_anything_can_pass_by(records: list[Any]) -> None:
    for lesson in lessons(records, FIELDS):
        assert lesson.ids
        assert set(lesson.fields) <= FIELDS
