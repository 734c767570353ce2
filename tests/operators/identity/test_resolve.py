"""Links: who is one with whom, whatever the order of arrival, and what is not linked since a limit would be broken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.identity.resolve import linked_in
from operators.lane.keys import PERSONS, PERSONS_END
from schemas.person import Person
from tests.harness import Run, make_plan, run_engine
from tests.strategies import stamp

RULES = {"any": "did('A')", "twice": "count('A') >= 2"}


def seen(number: int, user: str | None = None, anonymous: str | None = None, email: str | None = None, **more: Any) -> bytes:
    """The `number`-th record, a second after the one before."""
    record: dict[str, Any] = {"type": "track", "event": "A", "messageId": f"m{number}", "timestamp": stamp(1000 * number)}
    record |= {name: value for name, value in (("userId", user), ("anonymousId", anonymous)) if value is not None}
    if email is not None:
        record |= {"type": "identify", "traits": {"email": email}}
    return json.dumps(record | more).encode()


def ran(*ids: tuple[str | None, str | None] | tuple[str | None, str | None, str], **settings: Any) -> Run:
    return run_engine(make_plan(RULES, **settings), [seen(number, *each) for number, each in enumerate(ids)])


def rows(run: Run) -> list[Person]:
    return [msgspec.msgpack.decode(value, type=Person) for _, value in run.store.scan(PERSONS, PERSONS_END, 10_000)]


def groups(run: Run) -> dict[str, set[str]]:
    """The identifiers of each person, its name among them."""
    return {p.id: {p.id, *linked_in(p).known} for p in rows(run) if p.to is None}


def conflicts(run: Run) -> dict[str, list[tuple[int, str, str | None, str]]]:
    found = {p.id: [(each.limit, each.identifier, each.person, each.source) for each in linked_in(p).conflicts] for p in rows(run)}
    return {id: each for id, each in found.items() if each}


E1, E2 = "e1@x.example", "e2@x.example"
PERSONS_OF: dict[str, tuple[list[Any], dict[str, set[str]]]] = {
    "a visitor who logs in": ([(None, "a"), ("u", "a")], {"u": {"u", "a"}}),
    "a login on a device that is new": ([("u", "a"), (None, "a")], {"u": {"u", "a"}}),
    "a subscriber": ([(None, "a"), (None, "a", E1)], {E1: {E1, "a"}}),
    "a subscriber who becomes a customer": ([(None, "a", E1), ("u", None, E1)], {"u": {"u", E1, "a"}}),
    "two devices": ([(None, "a"), (None, "b"), ("u", "a"), ("u", "b")], {"u": {"u", "a", "b"}}),
    "of two addresses the first names": ([(None, "a", E1), (None, "b", E2), (None, "b", E1)], {E1: {E1, E2, "a", "b"}}),
    "also where the later one has more": ([(None, "b", E2), (None, "a", E1), (None, "b", E1)], {E2: {E1, E2, "a", "b"}}),
    "all three at once": ([("u", "a", E1)], {"u": {"u", "a", E1}}),
    "one text in two places": ([(None, "x"), ("x", None), ("x", "a")], {"x": {"x", "a"}}),
    "an anonymousId that turns out to be a userId": ([(None, "x", E1), ("x", None)], {"x": {"x", E1}}),
    "strangers": ([("u", None), (None, "a"), (None, "b", E1)], {"u": {"u"}, "a": {"a"}, E1: {E1, "b"}}),
    "a blocked id links nobody": ([("u", "guest"), ("v", "GUEST"), ("null", "a")], {"u": {"u"}, "v": {"v"}, "a": {"a"}}),
}


@pytest.mark.parametrize(("ids", "expected"), PERSONS_OF.values(), ids=PERSONS_OF)
def test_identifiers_make_persons(ids: list[Any], expected: dict[str, set[str]]) -> None:
    run = ran(*ids)
    assert expected == groups(run)
    assert conflicts(run) == {}


CONFLICTS: dict[str, tuple[list[Any], dict[str, set[str]], dict[str, list[tuple[int, str, str | None, str]]]]] = {
    "a shared device": ([("u", "a"), ("v", "a")], {"u": {"u", "a"}, "v": {"v"}}, {"v": [(3, "a", "u", "m1")]}),
    "again and again is one conflict": (
        [("u", "a"), ("v", "a"), ("v", "a"), (None, "a"), ("u", None)],
        {"u": {"u", "a"}, "v": {"v"}},
        {"v": [(3, "a", "u", "m2")]},
    ),
    "a shared address, on the same device": (
        [("u", "a", E1), ("v", "a", E1)],
        {"u": {"u", "a", E1}, "v": {"v"}},
        {"v": [(3, "a", "u", "m1"), (3, E1, "u", "m1")]},
    ),
    "a userId in the place of an anonymousId": ([("u", None), ("v", "u")], {"u": {"u"}, "v": {"v"}}, {"v": [(3, "u", "u", "m1")]}),
    "an anonymousId that turns out to be another userId": ([("u", "a"), ("a", None)], {"u": {"u", "a"}}, {}),
}


@pytest.mark.parametrize(("ids", "expected", "left"), CONFLICTS.values(), ids=CONFLICTS)
def test_limits_keep_persons_apart(
    ids: list[Any], expected: dict[str, set[str]], left: dict[str, list[tuple[int, str, str | None, str]]]
) -> None:
    run = ran(*ids)
    assert expected == groups(run)
    assert left == conflicts(run)


def test_the_limits_are_those_of_the_plan() -> None:
    ids: list[Any] = [("u", f"a{number}") for number in range(4)]
    run = ran(*ids, identity={"limits": {"anonymous_id": 2}})
    assert groups(run) == {"u": {"u", "a0", "a1"}}
    assert conflicts(run) == {"u": [(1, "a2", None, "m2"), (1, "a3", None, "m3")]}


def test_two_user_ids_are_one_where_the_plan_says_so() -> None:
    assert groups(ran(("u", "a"), ("v", "a"), identity={"limits": {"user_id": 2}})) == {"u": {"u", "v", "a"}}


def test_the_newest_conflicts_are_kept() -> None:
    run = ran(*((f"u{number}", f"a{number}") for number in range(25)), *(("v", f"a{number}") for number in range(25)))
    assert [(3, f"a{number}", f"u{number}", f"m{25 + number}") for number in range(5, 25)] == conflicts(run)["v"]


def test_without_links_a_person_is_one_id() -> None:
    run = ran((None, "a"), ("u", "a"), ("u", None, E1), (None, "guest"), identity="off")
    assert groups(run) == {"a": {"a"}, "u": {"u"}, "guest": {"guest"}}


def test_a_record_with_blocked_ids_alone_is_a_reject() -> None:
    run = ran(("u", None), ("undefined", "0"), (None, "guest"), (None, "guest", E1))
    assert run.rejects == [(1, "blocked_id"), (2, "blocked_id")]
    assert groups(run) == {"u": {"u"}, E1: {E1}}
    assert run.counts["events"] == 2


PAIRS = st.tuples(
    st.sampled_from([None, "u", "v", "w"]), st.sampled_from([None, "a", "b", "c", "d"]), st.sampled_from([None, E1, E2, "e3@x.example"])
)
FREE = {"limits": {"user_id": 9, "email": 9, "anonymous_id": 9}}


def records(links: Sequence[tuple[str | None, str | None, str | None]]) -> list[bytes]:
    return [seen(number, *each) for number, each in enumerate(links)]


def closure(links: Sequence[tuple[str | None, str | None, str | None]]) -> list[set[str]]:
    """The connected parts."""
    found: list[set[str]] = []
    for link in links:
        part = {value for value in link if value is not None}
        joined = [each for each in found if each & part]
        found = [each for each in found if not each & part] + [part.union(*joined)]
    return found


@given(
    st.lists(PAIRS.filter(lambda each: each[0] or each[1]), min_size=1, max_size=8).flatmap(
        lambda all_: st.tuples(st.just(all_), st.permutations(all_))
    )
)
def test_the_same_links_in_any_order_give_the_same_persons(
    orders: tuple[list[tuple[str | None, str | None, str | None]], list[tuple[str | None, str | None, str | None]]],
) -> None:
    plan = make_plan(RULES, identity=FREE)
    one, other = (groups(run_engine(plan, records(order))) for order in orders)
    assert sorted(map(sorted, closure(orders[0]))) == sorted(map(sorted, one.values()))
    assert sorted(map(sorted, one.values())) == sorted(map(sorted, other.values()))
    for name, identifiers in one.items():
        rank = (
            min("ueabcd".index(each[0]) for each in identifiers if each[0] in "ue") if any(each[0] in "ue" for each in identifiers) else 9
        )
        assert name[0] == "u" or name[0] in "vw" or rank > 0
