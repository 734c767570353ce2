"""Which identifiers an event carries."""

from __future__ import annotations

from typing import Any

import pytest

from operators.identify import blocked_by, carried, identify
from schemas.event import Event, Kind
from schemas.person import ANONYMOUS_ID, EMAIL, USER_ID


def event(user: str | None = None, anonymous: str | None = None, kind: Kind = "identify", **traits: Any) -> Event:
    return Event(0, kind, None, "m", user, anonymous, traits)


CARRIED: dict[str, tuple[Event, list[tuple[int, str]]]] = {
    "all three, by rank": (event("u", "a", email="e@x.example"), [(USER_ID, "u"), (EMAIL, "e@x.example"), (ANONYMOUS_ID, "a")]),
    "an address in the form that is compared": (event(None, "a", email=" E@X.Example "), [(EMAIL, "e@x.example"), (ANONYMOUS_ID, "a")]),
    "no address": (event("u", email="n/a"), [(USER_ID, "u")]),
    "an address without a domain": (event("u", email="n@"), [(USER_ID, "u")]),
    "no text": (event("u", email=5), [(USER_ID, "u")]),
    "a property of a track": (event("u", kind="track", email="e@x.example"), [(USER_ID, "u")]),
    "one value in two places": (event("x", "x"), [(USER_ID, "x")]),
    "a blocked userId": (event("null", "a"), [(ANONYMOUS_ID, "a")]),
    "nothing is left": (event("0000-0000", "Anonymous"), []),
}


@pytest.mark.parametrize(("given", "expected"), CARRIED.values(), ids=CARRIED)
def test_an_event_carries(given: Event, expected: list[tuple[int, str]]) -> None:
    assert expected == carried(given, blocked_by())


@pytest.mark.parametrize("value", ["0", "00000000-0000", "-", "-1", "null", "NULL", "undefined", "Anonymous", "guest"])
def test_some_values_stand_for_nobody(value: str) -> None:
    assert blocked_by()(value)


@pytest.mark.parametrize("value", ["01", "null1", "a guest", "guest\n", "-2", "u1"])
def test_others_do_not(value: str) -> None:
    assert not blocked_by()(value)


def test_a_plan_blocks_more() -> None:
    blocked = blocked_by(["test-.*", "bot"])
    assert [blocked(value) for value in ("TEST-1", "bot", "robot", "guest")] == [True, True, False, True]


def test_a_pattern_must_be_one() -> None:
    with pytest.raises(ValueError, match="no regular expression"):
        blocked_by(["("])


def test_without_links_a_person_is_its_user_id_else_its_anonymous_id() -> None:
    assert [identify(event("u", "a")), identify(event(None, "a"))] == ["u", "a"]
