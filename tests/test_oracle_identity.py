"""The oracle's identity against results worked out by hand from the specification: who is one person, and what each link does when."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from tests.harness import make_plan
from tests.oracle import Oracle
from tests.oracle_identity import Identifier, Known, Rules, canonical
from tests.strategies import BASE_MS, stamp

RULES = {"a": "did('A')", "two": "count('A', within='10s') >= 2", "soon": "did('A', within='1s')", "gold": "trait.tier == 'gold'"}


def said(t: int, name: str, *, email: str | None = None, tier: str | None = None, id: str | None = None, **ids: str) -> bytes:
    """A record `t` ms after the start: a track, or `identify`, `alias`, `unmerge`; `u`, `a` and `was` are its ids, its messageId is of its
    name and time where none is given."""
    keys = {"u": "userId", "a": "anonymousId", "was": "previousId"}
    type_ = {"type": name} if name in ("identify", "alias", "unmerge") else {"type": "track", "event": name}
    traits: dict[str, Any] = {key: value for key, value in (("email", email), ("tier", tier)) if value is not None}
    record = type_ | {keys[key]: value for key, value in ids.items()} | {"messageId": id or f"{name}{t}", "timestamp": stamp(t)}
    return json.dumps(record | ({"traits": traits} if traits else {})).encode()


def read(*lines: bytes, until: int | None = None, rules: Rules | None = None, **settings: Any) -> Oracle:
    oracle = Oracle(make_plan(RULES, **settings), None if until is None else BASE_MS + until, rules or Rules())
    oracle.run(lines)
    return oracle


def told(oracle: Oracle, *segments: str) -> list[str]:
    """The transitions of some segments, as `time person +segment cause`, or `-` for an exit."""
    return [
        f"{t - BASE_MS} {person} {'+' if kind == 'entered' else '-'}{segment} {cause}"
        for t, person, kind, segment, cause in oracle.outcome.transitions
        if segment in segments
    ]


def histories(oracle: Oracle) -> dict[str, list[str]]:
    """The events of each person, by their messageIds."""
    return {id_: [event.id for event in person.events] for id_, person in oracle.persons.items()}


def members(oracle: Oracle) -> dict[str, dict[str, int]]:
    """The segments of each person, with the instants of entry."""
    return {id_: {segment: at - BASE_MS for segment, at in person.entered.items()} for id_, person in oracle.persons.items()}


class Case(NamedTuple):
    """Records; the segments that are looked at; their transitions; the histories."""

    lines: Sequence[bytes]
    segments: Sequence[str]
    transitions: Sequence[str]
    histories: dict[str, list[str]]


CASES = {
    "an anonymous history joins the person at its own times": Case(
        (said(0, "A", a="a1"), said(1000, "A", u="u1"), said(2000, "B", u="u1", a="a1"), said(30_000, "C", u="u1")),
        ("a", "two"),
        ("0 a1 +a A0", "1000 u1 +a A1000", "2000 a1 -a B2000", "2000 u1 +two B2000", "10000 u1 -two time"),
        {"u1": ["A0", "A1000", "B2000", "C30000"]},
    ),
    "a first userId gives a visitor another name": Case(
        (said(0, "A", a="a1"), said(1000, "B", u="u1", a="a1"), said(2000, "B", a="a1")),
        ("a",),
        ("0 a1 +a A0", "1000 a1 -a B1000", "1000 u1 +a B1000"),
        {"u1": ["A0", "B1000", "B2000"]},
    ),
    "an e-mail names a visitor, a userId then names both": Case(
        (
            said(0, "A", a="a1"),
            said(1000, "identify", a="a1", email=" me@X.example"),
            said(2000, "identify", u="u1", email="me@x.EXAMPLE"),
            said(3000, "B", a="a1"),
        ),
        ("a",),
        (
            "0 a1 +a A0",
            "1000 a1 -a identify1000",
            "1000 me@x.example +a identify1000",
            "2000 me@x.example -a identify2000",
            "2000 u1 +a identify2000",
        ),
        {"u1": ["A0", "identify1000", "identify2000", "B3000"]},
    ),
    "an event with three moves two": Case(
        (
            said(0, "A", a="a1"),
            said(500, "A", u="u1"),
            said(1000, "identify", a="a2", email="e@x.example"),
            said(1000, "A", a="a2", id="A1000a2"),
            said(2000, "identify", u="u1", a="a1", email="e@x.example"),
        ),
        ("a",),
        ("0 a1 +a A0", "500 u1 +a A500", "1000 e@x.example +a A1000a2", "2000 a1 -a identify2000", "2000 e@x.example -a identify2000"),
        {"u1": ["A0", "A500", "identify1000", "A1000a2", "identify2000"]},
    ),
    "of two e-mails the first that came names": Case(
        (
            said(0, "identify", a="a2", email="second@x.example"),
            said(1000, "identify", a="a1", email="first@x.example"),
            said(2000, "A", a="a1"),
            said(3000, "identify", a="a1", email="second@x.example"),
        ),
        ("a",),
        ("2000 first@x.example +a A2000", "3000 first@x.example -a identify3000", "3000 second@x.example +a identify3000"),
        {"second@x.example": ["identify0", "identify1000", "A2000", "identify3000"]},
    ),
    "an unknown identifier is only noted": Case(
        (said(0, "A", u="u1", a="a1"), said(1000, "B", a="a1")), ("a",), ("0 u1 +a A0",), {"u1": ["A0", "B1000"]}
    ),
    "a shared device does not make one person of two": Case(
        (said(0, "A", u="u1", a="a1"), said(1000, "A", u="u2", a="a1"), said(2000, "B", a="a1")),
        ("a",),
        ("0 u1 +a A0", "1000 u2 +a A1000"),
        {"u1": ["A0", "B2000"], "u2": ["A1000"]},
    ),
    "the lowest identifiers are left out one by one, and are not noted": Case(
        (
            said(0, "identify", u="u1", email="e@x.example"),
            said(1000, "identify", u="u2", a="a9", email="e@x.example"),
            said(2000, "A", a="a9"),
        ),
        ("a",),
        ("2000 a9 +a A2000",),
        {"u1": ["identify0"], "u2": ["identify1000"], "a9": ["A2000"]},
    ),
    "what is left of an event still links": Case(
        (
            said(0, "A", u="u1", a="a1"),
            said(1000, "identify", u="u2", a="a1", email="e@x.example"),
            said(2000, "identify", u="u2"),
            said(3000, "identify", a="a3", email="e@x.example"),
        ),
        ("a",),
        ("0 u1 +a A0",),
        {"u1": ["A0"], "u2": ["identify1000", "identify2000", "identify3000"]},
    ),
    "a blocked value is as if not carried": Case(
        (
            said(0, "A", u="NULL", a="a1"),
            said(1000, "B", u="u1", a="0000-0000"),
            said(2000, "B", u="u2", a="0000-0000"),
            said(3000, "identify", u="Guest", email="e@x.example", a="-1"),
        ),
        ("a",),
        ("0 a1 +a A0",),
        {"a1": ["A0"], "u1": ["B1000"], "u2": ["B2000"], "e@x.example": ["identify3000"]},
    ),
    "equal texts are one person": Case(
        (said(0, "A", a="x"), said(1000, "B", u="x"), said(2000, "B", u="x", a="x")),
        ("a",),
        ("0 x +a A0",),
        {"x": ["A0", "B1000", "B2000"]},
    ),
    "a value that another type has taken stays whose it is": Case(
        (
            said(0, "A", u="u1", a="a1"),
            said(1000, "B", u="a1"),
            said(2000, "B", u="a1", a="a2"),
            said(3000, "B", u="u1", a="a3"),
            said(4000, "B", a="a3"),
        ),
        ("a",),
        ("0 u1 +a A0",),
        {"u1": ["A0", "B1000", "B2000", "B3000", "B4000"]},
    ),
    "boundaries fire before the link": Case(
        (said(0, "A", a="a1"), said(0, "A", u="u1"), said(5000, "B", u="u1", a="a1")),
        ("soon",),
        ("0 a1 +soon A0", "0 u1 +soon A0", "1000 a1 -soon time", "1000 u1 -soon time"),
        {"u1": ["A0", "B5000"]},
    ),
    "one lives on in a window that its history fills": Case(
        (said(1000, "A", a="a1"), said(1500, "B", u="u1", a="a1"), said(9000, "C", u="u1")),
        ("soon",),
        ("1000 a1 +soon A1000", "1500 a1 -soon B1500", "1500 u1 +soon B1500", "2000 u1 -soon time"),
        {"u1": ["A1000", "B1500", "C9000"]},
    ),
    "a link of before the latest event comes at the clock": Case(
        (said(1000, "B", u="u1"), said(5000, "A", a="a1"), said(3000, "B", u="u1", a="a1"), said(5500, "C", u="u1")),
        ("a", "soon"),
        ("5000 a1 +a A5000", "5000 a1 +soon A5000", "5000 a1 -a B3000", "5000 a1 -soon B3000", "5000 u1 +a B3000", "5000 u1 +soon B3000"),
        {"u1": ["B1000", "B3000", "A5000", "C5500"]},
    ),
    "a repeat in the other's history is one event": Case(
        (said(0, "A", a="a1", id="m"), said(500, "A", u="u1", id="m"), said(2000, "B", u="u1", a="a1")),
        ("a", "two"),
        ("0 a1 +a m", "500 u1 +a m", "2000 a1 -a B2000"),
        {"u1": ["m", "B2000"]},
    ),
    "a repeat links nothing": Case(
        (said(0, "A", a="a1", id="m"), said(500, "A", a="a1", u="u1", id="m"), said(1000, "B", u="u1")),
        ("a",),
        ("0 a1 +a m",),
        {"a1": ["m"], "u1": ["B1000"]},
    ),
    "traits go over by their times": Case(
        (said(2000, "identify", a="a1", tier="gold"), said(1000, "identify", u="u1", tier="tin"), said(3000, "B", u="u1", a="a1")),
        ("gold",),
        ("2000 a1 +gold identify2000", "3000 a1 -gold B3000", "3000 u1 +gold B3000"),
        {"u1": ["identify1000", "identify2000", "B3000"]},
    ),
    "of equal times what moves is the later": Case(
        (
            said(1000, "identify", a="a1", tier="gold", id="i1"),
            said(1000, "identify", u="u1", tier="tin", id="i2"),
            said(3000, "B", u="u1", a="a1"),
        ),
        ("gold",),
        ("1000 a1 +gold i1", "3000 a1 -gold B3000", "3000 u1 +gold B3000"),
        {"u1": ["i2", "i1", "B3000"]},
    ),
    "of equal times the lower of two that move is the later": Case(
        (
            said(1000, "identify", a="a2", email="e@x.example", tier="tin", id="i1"),
            said(1000, "identify", a="a1", tier="gold", id="i2"),
            said(3000, "identify", u="u1", a="a1", email="e@x.example"),
        ),
        ("gold",),
        ("1000 a1 +gold i2", "3000 a1 -gold identify3000", "3000 u1 +gold identify3000"),
        {"u1": ["i1", "i2", "identify3000"]},
    ),
    "an alias makes one of two users": Case(
        (said(0, "A", u="u2"), said(1000, "A", u="u1"), said(2000, "alias", u="u1", was="u2"), said(30_000, "A", u="u2")),
        ("a", "two"),
        ("0 u2 +a A0", "1000 u1 +a A1000", "2000 u2 -a alias2000", "2000 u1 +two alias2000", "10000 u1 -two time"),
        {"u1": ["A0", "A1000", "alias2000", "A30000"]},
    ),
    "an alias of somebody who has yet to come": Case(
        (said(0, "alias", u="u1", was="a1"), said(1000, "A", a="a1")), ("a",), ("1000 u1 +a A1000",), {"u1": ["alias0", "A1000"]}
    ),
    "an alias of one person is an event": Case(
        (
            said(0, "A", u="u1", a="a1"),
            said(1000, "alias", u="u1", was="a1"),
            said(2000, "unmerge", u="u1", was="a1"),
            said(3000, "B", a="a1"),
        ),
        ("a",),
        ("0 u1 +a A0",),
        {"u1": ["A0", "alias1000", "B3000"]},
    ),
    "aliases in a chain end at the last target": Case(
        (said(0, "A", u="u1"), said(1000, "alias", u="u2", was="u1"), said(2000, "alias", u="u3", was="u2"), said(3000, "B", u="u1")),
        ("a",),
        ("0 u1 +a A0", "1000 u1 -a alias1000", "1000 u2 +a alias1000", "2000 u2 -a alias2000", "2000 u3 +a alias2000"),
        {"u3": ["A0", "alias1000", "alias2000", "B3000"]},
    ),
    "a link of one that is merged goes to the merged person": Case(
        (said(0, "A", a="a1"), said(500, "B", u="u2"), said(1000, "alias", u="u1", was="u2"), said(2000, "B", u="u2", a="a1")),
        ("a",),
        ("0 a1 +a A0", "2000 a1 -a B2000", "2000 u1 +a B2000"),
        {"u1": ["A0", "B500", "alias1000", "B2000"]},
    ),
    "merges are looked at by no limit": Case(
        (said(0, "alias", u="u1", was="u2"), said(1000, "A", u="u2", a="a1"), said(2000, "B", u="u1", a="a1"), said(3000, "B", a="a1")),
        ("a",),
        ("1000 u1 +a A1000",),
        {"u1": ["alias0", "A1000", "B2000", "B3000"]},
    ),
    "an un-merge gives both back as they would be": Case(
        (
            said(0, "A", u="u2"),
            said(1000, "B", u="u1"),
            said(2000, "alias", u="u1", was="u2"),
            said(3000, "A", u="u2"),
            said(4000, "B", u="u1"),
            said(5000, "unmerge", u="u1", was="u2"),
            said(20_000, "A", u="u1"),
        ),
        ("a", "two"),
        (
            "0 u2 +a A0",
            "2000 u2 -a alias2000",
            "2000 u1 +a alias2000",
            "3000 u1 +two A3000",
            "5000 u1 -a unmerge5000",
            "5000 u1 -two unmerge5000",
            "5000 u2 +a unmerge5000",
            "5000 u2 +two unmerge5000",
            "20000 u1 +a A20000",
            "10000 u2 -two time",
        ),
        {"u1": ["B1000", "B4000", "A20000"], "u2": ["A0", "A3000"]},
    ),
    "boundaries fire before an un-merge": Case(
        (said(0, "A", u="u2"), said(500, "alias", u="u1", was="u2"), said(5000, "unmerge", u="u1", was="u2"), said(6000, "B", u="u1")),
        ("soon",),
        ("0 u2 +soon A0", "500 u2 -soon alias500", "500 u1 +soon alias500", "1000 u1 -soon time"),
        {"u1": ["B6000"], "u2": ["A0"]},
    ),
    "a boundary at the instant of an un-merge is evaluated with it": Case(
        (said(0, "A", u="u2"), said(500, "alias", u="u1", was="u2"), said(1000, "unmerge", u="u1", was="u2"), said(6000, "B", u="u1")),
        ("soon",),
        ("0 u2 +soon A0", "500 u2 -soon alias500", "500 u1 +soon alias500", "1000 u1 -soon unmerge1000"),
        {"u1": ["B6000"], "u2": ["A0"]},
    ),
    "an un-merge of before the latest event comes at the clock": Case(
        (said(0, "alias", u="u1", was="u2"), said(9000, "A", u="u2"), said(3000, "unmerge", u="u1", was="u2"), said(9500, "B", u="u1")),
        ("a",),
        ("9000 u1 +a A9000", "9000 u1 -a unmerge3000", "9000 u2 +a unmerge3000"),
        {"u1": ["B9500"], "u2": ["A9000"]},
    ),
    "an un-merge takes back the link that the merge kept from moving": Case(
        (
            said(0, "A", a="a1"),
            said(1000, "alias", u="u1", was="a1"),
            said(2000, "B", u="u1", a="a1"),
            said(3000, "unmerge", u="u1", was="a1"),
        ),
        ("a",),
        ("0 a1 +a A0", "1000 a1 -a alias1000", "1000 u1 +a alias1000"),
        {"u1": ["A0", "B2000"]},
    ),
    "of a chain only what was undone parts": Case(
        (
            said(0, "A", u="u1"),
            said(0, "alias", u="u2", was="u1", id="x"),
            said(1000, "alias", u="u3", was="u2", id="y"),
            said(2000, "unmerge", u="u3", was="u2"),
            said(3000, "B", u="u1"),
            said(4000, "B", u="u3"),
        ),
        ("a",),
        ("0 u1 +a A0", "0 u1 -a x", "0 u2 +a x", "1000 u2 -a y", "1000 u3 +a y", "2000 u3 -a unmerge2000", "2000 u2 +a unmerge2000"),
        {"u2": ["A0", "x", "B3000"], "u3": ["B4000"]},
    ),
    "an un-merge of what was never merged changes nothing": Case(
        (said(0, "A", u="u1"), said(500, "A", u="u2"), said(1000, "unmerge", u="u1", was="u2"), said(1000, "unmerge", u="u1", was="u9")),
        ("a", "soon"),
        ("0 u1 +a A0", "0 u1 +soon A0", "500 u2 +a A500", "500 u2 +soon A500"),
        {"u1": ["A0"], "u2": ["A500"]},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_links_and_merges_are_as_worked_out_by_hand(case: Case) -> None:
    oracle = read(*case.lines, lateness="60s")
    by_person = sorted(case.transitions, key=lambda line: line.split()[1])
    assert sorted(told(oracle, *case.segments), key=lambda line: line.split()[1]) == by_person
    assert histories(oracle) == case.histories


def test_an_un_merge_gives_back_the_instants_of_entry() -> None:
    lines = [said(0, "A", u="u2"), said(1000, "A", u="u1"), said(1500, "A", u="u1"), said(2000, "alias", u="u1", was="u2")]
    merged = read(*lines, lateness="60s")
    parted = read(*lines, said(3000, "unmerge", u="u1", was="u2"), lateness="60s")
    assert members(merged) == {"u1": {"a": 1000, "two": 1500, "soon": 1000}}
    assert members(parted) == {"u1": {"a": 1000, "two": 1500}, "u2": {"a": 0}}


def test_an_un_merge_of_two_who_were_linked_since_gives_the_instants_of_the_link() -> None:
    lines = [said(0, "A", a="a1"), said(1000, "alias", u="u1", was="a1"), said(2000, "B", u="u1", a="a1")]
    assert members(read(*lines))["u1"]["a"] == 1000
    assert members(read(*lines, said(3000, "unmerge", u="u1", was="a1")))["u1"]["a"] == 2000


def test_repeats_that_a_merge_dropped_come_back_with_its_undoing() -> None:
    lines = [said(0, "A", u="u2", id="m"), said(0, "alias", u="u1", was="u2"), said(100, "B", u="u1", id="m")]
    assert histories(read(*lines)) == {"u1": ["m", "alias0"]}
    assert histories(read(*lines, said(3000, "unmerge", u="u1", was="u2"))) == {"u1": ["m"], "u2": ["m"]}


def test_a_record_with_blocked_values_alone_is_a_reject() -> None:
    lines = [said(0, "A", u="-1"), said(0, "A", a="---"), said(0, "A", u="Undefined", a="0"), said(0, "A", u="u1"), b"{}"]
    assert read(*lines).outcome.rejects == [(0, "blocked_id"), (1, "blocked_id"), (2, "blocked_id"), (4, "unknown_type")]


def test_a_conflict_is_told_with_its_type() -> None:
    oracle = read(said(0, "A", u="u1", a="a1"), said(1000, "identify", u="u2", a="a1", email="e@x.example"))
    assert oracle.outcome.conflicts == [(BASE_MS + 1000, "u2", "anonymous_id", "identify1000")]


def test_limits_are_those_of_the_plan() -> None:
    lines = [said(0, "A", u="u1", a="a1"), said(1000, "A", u="u1", a="a2"), said(2000, "A", a="a2")]
    assert histories(read(*lines)) == {"u1": ["A0", "A1000", "A2000"]}
    few = Rules({"anonymous_id": 1, "email": 5, "user_id": 1})
    assert histories(read(*lines, rules=few)) == {"u1": ["A0", "A1000"], "a2": ["A2000"]}


def test_an_address_more_than_the_limit_is_left_out() -> None:
    lines = [said(i, "identify", u="u1", email=f"{i}@x.example") for i in range(6)]
    oracle = read(
        *lines, said(10, "A", a="a1"), said(20, "identify", a="a1", email="4@x.example"), said(30, "identify", a="a1", email="5@x.example")
    )
    assert histories(oracle) == {"u1": [*(f"identify{i}" for i in range(6)), "A10", "identify20"], "5@x.example": ["identify30"]}
    assert [(type_, id_) for _, _, type_, id_ in oracle.outcome.conflicts] == [("email", "identify5"), ("anonymous_id", "identify30")]


def test_what_was_sent_goes_over() -> None:
    campaigns = {"c": {"on": "event A", "re_enter": "after 5s", "steps": [{"send": "hello"}]}}
    lines = [
        said(0, "identify", u="u1", email="e@x.example"),
        said(1000, "A", u="u1"),
        said(1000, "identify", a="a1", email="f@x.example", id="i"),
    ]
    lines += [
        said(2000, "A", a="a1"),
        said(3000, "B", u="u1", a="a1"),
        said(6000, "A", u="u1"),
        said(7000, "A", u="u1"),
        said(12_000, "A", u="u1"),
    ]
    caps = [{"most": 1, "within": "5500ms"}]
    found = Oracle(make_plan(RULES, campaigns, caps=caps), rules=Rules()).run(lines).sendings
    assert [(t - BASE_MS, person, kind, told) for t, person, kind, _, told in found] == [
        (1000, "u1", "trigger", "hello to e@x.example"),
        (2000, "f@x.example", "trigger", "hello to f@x.example"),
        (6000, "u1", "decision", "re_entry"),
        (7000, "u1", "decision", "cap"),
        (12_000, "u1", "trigger", "hello to f@x.example"),
    ]


def test_without_identity_a_person_is_one_identifier() -> None:
    lines = [said(0, "A", a="a1"), said(1000, "B", u="u1", a="a1"), said(2000, "alias", u="u2", was="u1"), said(3000, "A", u="null")]
    lines += [said(4000, "identify", a="a1", email="e@x.example")]
    assert histories(read(*lines, rules=Rules(on=False))) == {
        "a1": ["A0", "identify4000"],
        "u1": ["B1000"],
        "u2": ["alias2000"],
        "null": ["A3000"],
    }


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))], ids=str)
def test_links_in_any_order_make_the_same_persons(order: tuple[int, ...]) -> None:
    lines = [
        said(1000, "A", a="a1", u="u1"),
        said(2000, "identify", a="a1", email="e@x.example"),
        said(3000, "identify", a="a2", email="e@x.example"),
        said(4000, "B", a="a2"),
    ]
    oracle = read(*(lines[i] for i in order))
    assert histories(oracle) == {"u1": ["A1000", "identify2000", "identify3000", "B4000"]}
    assert {segment for segment in oracle.persons["u1"].entered if segment != "soon"} == {"a"}


def test_addresses_are_compared_in_their_canonical_form() -> None:
    assert [canonical(x) for x in (" Me@X.Example ", "me", "@x", "me@", "", None, 5)] == ["Me@x.example", *[None] * 6]


def test_a_person_is_named_by_its_highest_identifier() -> None:
    link = (Identifier("email", "e@x.example"), Identifier("anonymous_id", "a1"))
    known = Known((link,))
    assert known.of("a1").name.text == "e@x.example"
    assert known.linked([Identifier("user_id", "u1"), link[1]], Rules().limits)[0].of("a1").name.text == "u1"
