"""What is explained is what a run does: membership, since when and by what, and what comes next; from the history as from the state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.explain import Ahead, Explain, Explanation, kept_from, narrow
from operators.lane.history import PersonHistory
from operators.lane.keys import META, Meta, person_key
from operators.lane.lane import Lane
from operators.lane.live import Live, Onlooker
from operators.lane.memory_store import MemoryStore
from operators.lane.people import person_of
from operators.lane.ports import Batch
from operators.language.parts import Part
from operators.plan.checked import Plan
from schemas.event import Event as Kept
from tests.harness import make_plan, run_engine
from tests.oracle import Line, decode
from tests.oracle_calls import Event
from tests.strategies import BASE_MS, Scenario, scenarios, stamp

SECOND = 1000
AHEAD_MS = 60 * SECOND
"""So far behind the last event the runs go on."""


def in_order(stream: Sequence[bytes]) -> list[bytes]:
    """The lines that are events, but for those before an earlier one; each has a messageId of its own."""
    kept: list[bytes] = []
    latest = 0
    for number, line in enumerate(stream):
        event = decode(line, number, None, None) if line.strip() else None
        if isinstance(event, Event) and event.t >= latest:
            kept.append(json.dumps(json.loads(line) | {"messageId": f"e{len(kept)}"}).encode())
            latest = event.t
    return kept


def ran(plan: Plan, stream: Sequence[bytes]) -> MemoryStore:
    """The state of a lane that has read the stream, and may read on."""
    store = MemoryStore()
    lane = Lane(plan, store, MemoryPublisher(MemoryOutput()))
    lane.apply(Batch(0, 0, [(offset, None, line) for offset, line in enumerate(stream)]))
    lane.close()
    return store


def live_of(store: MemoryStore, person: str) -> Live:
    raw, known = store.get(META), person_of(store.get(person_key(person)))
    assert raw is not None
    assert known is not None
    return Live(known, msgspec.msgpack.decode(raw, type=Meta), [], [])


def settled(told: Explanation) -> Explanation:
    """Without how far was looked for a change that does not come: a state may have more instants to look at."""
    return replace(told, ahead=replace(told.ahead, tried=None))


def explained(plan: Plan, store: MemoryStore, person: str, segment: str, at: int) -> Explanation:
    """As the state tells it from its own instant on, else as the history does; where both can, they tell the same."""
    live, past, explain = live_of(store, person), PersonHistory(store, person).whole(), Explain(plan, segment)
    told = explain.at(person, past, at)
    if at >= live.now:
        assert settled(told) == settled(explain.live(Onlooker(plan).stage, live.person, past, live.now, at))
    return told


@given(scenarios(), st.lists(st.integers(0, 10_000), min_size=3, max_size=6))
def test_what_is_explained_is_what_the_run_does(scenario: Scenario, chosen: list[int]) -> None:
    given = in_order(scenario.lines)
    if not given:
        return
    plan = make_plan(scenario.segments, computed=scenario.computed, timezone=scenario.settings["timezone"], identity="off")
    events = [event for number, line in enumerate(given) if isinstance(event := decode(line, number, None, None), Event)]
    end = max(event.t for event in events) + AHEAD_MS
    transitions = run_engine(plan, given, until_ms=end).transitions
    store = ran(plan, given)
    edges = sorted({at + near for at in [line[0] for line in transitions] + [event.t for event in events] for near in (-1, 0, 1)})
    for choice in chosen:
        at, person = edges[choice % len(edges)], events[choice % len(events)].person
        segment = plan.segments[choice % len(plan.segments)].id
        told = f"{replace(scenario, lines=given)}\n{person} {segment} {at - BASE_MS:+d}ms"
        found = explained(plan, store, person, segment, at)
        its = [event.t <= at for event in events if event.person == person]
        came = [line for line in transitions if (line[1], line[3]) == (person, segment)]
        assert any(its) is (found.rule is not None), told
        as_it_came(found, [line for line in came if line[0] <= at], told)
        if all(its):
            comes(found.ahead, [line[0] for line in came if line[0] > at], end, told)


def as_it_came(found: Explanation, came: list[Line], told: str) -> None:
    """Membership, since when, and by what are those of the last transition."""
    member = bool(came) and came[-1][2] == "entered"
    assert member is found.member, told
    assert (member if found.rule is not None else None) is (found.rule.holds if found.rule is not None else None), told
    if came:
        at, *_, by = came[-1]
        assert at == found.since, told
        assert found.turn is not None
        assert ({"time": True} if by == "time" else {"event": by}) == found.turn.cause, told
    else:
        assert found.since is None, told


def comes(ahead: Ahead, later: list[int], end: int, told: str) -> None:
    """What comes is the next transition of a run in which nothing else happens."""
    if later:
        assert later[0] == ahead.at, told
        assert ahead.because, told
    else:
        assert ahead.at is None or ahead.at > end, told


# --- what is told of a rule -----------------------------------------------------------------------------------------------------------


def track(event: str, offset_ms: int, **properties: Any) -> bytes:
    record = {"type": "track", "event": event, "userId": "u", "timestamp": stamp(offset_ms), "messageId": f"{event}{offset_ms}"}
    return json.dumps(record | {"properties": properties}).encode()


GIVEN = [track("A", 0, x=1), track("A", 10 * SECOND, x=2), track("B", 20 * SECOND, x=2), track("C", 30 * SECOND)]


def rule_of(rule: str, others: dict[str, str] | None = None, *, deep: bool = False, most: int = 3) -> Part:
    """The rule of the segment `it` as it is told."""
    plan = make_plan({"it": rule, **(others or {})})
    told = Explain(plan, "it", deep=deep, most=most).at("u", PersonHistory(ran(plan, GIVEN), "u").whole(), BASE_MS + 30 * SECOND).rule
    assert told is not None
    return told


def tree(part: Part) -> Any:
    """Kinds, values and truths of a part and those in it, without events."""
    told = (part.text if part.kind in ("call", "trait") else part.kind, part.value if part.holds is None else part.holds)
    return (*told, [tree(each) for each in part.parts]) if part.parts else told


TREES: dict[str, Any] = {
    "did('A') and not did('D')": ("and", True, [("did('A')", True), ("not", True, [("did('D')", False)])]),
    "count('A') > 2 or trait.x": ("or", False, [("compare", False, [("count('A')", 2)]), ("trait.x", False)]),
    "since('B') >= '10s'": ("compare", True, [("since('B')", "10s")]),
    "count('A') + 1 > -sum('A', 'x')": ("compare", True, [("arith", 3, [("count('A')", 2)]), ("neg", -3, [("sum('A', 'x')", 3)])]),
    "last('A', 'x') in [1, 2]": ("in", True, [("last('A', 'x')", 2)]),
    "(trait.t if did('A') else 1) is None": ("isnone", True, [("if", None, [("trait.t", None), ("did('A')", True)])]),
    "coalesce(since('D'), since('B')) == '10s'": (
        "compare",
        True,
        [("coalesce(since('D'), since('B'))", "10s", [("since('D')", None), ("since('B')", "10s")])],
    ),
    "held(did('A') and did('B'), at_least='5s')": (
        "held(did('A') and did('B'), at_least='5s')",
        True,
        [("and", True, [("did('A')", True), ("did('B')", True)])],
    ),
}


@pytest.mark.parametrize(("rule", "expected"), TREES.items())
def test_a_rule_is_told_part_by_part(rule: str, expected: Any) -> None:
    assert expected == tree(rule_of(rule))


def test_a_segment_is_told_with_its_rule_and_those_in_it_only_when_asked() -> None:
    others = {"one": "segment('two')", "two": "segment('three')", "three": "did('A')"}
    inner = ("segment('three')", True)
    assert tree(rule_of("segment('one')", others)) == ("segment('one')", True, [("segment('two')", True)])
    deep = tree(rule_of("segment('one')", others, deep=True))
    assert ("segment('one')", True, [("segment('two')", True, [(*inner, [("did('A')", True)])])]) == deep


def test_a_segment_that_was_only_named_before_is_taken_apart_where_it_is_due() -> None:
    told = tree(rule_of("segment('one') and segment('two')", {"one": "segment('two')", "two": "did('A')"}))
    assert told == (
        "and",
        True,
        [("segment('one')", True, [("segment('two')", True)]), ("segment('two')", True, [("did('A')", True)])],
    )


def test_a_rule_is_taken_apart_once_however_often_it_is_referred_to() -> None:
    """Else a plan of 20 segments of which each refers twice to the one before would be told in a million lines."""
    others = {f"s{n}": f"segment('s{n - 1}') or did('B{n}') and not segment('s{n - 1}')" for n in range(1, 20)} | {"s0": "did('A')"}
    told = rule_of("segment('s19') or segment('s19')", others, deep=True)
    assert len(msgspec.json.encode(told)) < 20_000


def test_the_newest_events_are_shown_and_the_others_counted() -> None:
    part = rule_of("count('*') > 2", most=2).parts[0]
    assert ([event.message_id for event in part.events], part.more) == (["C30000", "B20000"], 2)
    assert (list((none := rule_of("count('*') > 2", most=0).parts[0]).events), none.more) == ([], 4)


def test_a_count_is_told_whole_though_the_slot_keeps_no_more_than_it_must() -> None:
    assert rule_of("count('*', within='1m') >= 1").parts[0].value == 4


def test_the_properties_that_a_part_looks_at_are_shown() -> None:
    part = rule_of("did('*', where=x == 2)")
    assert [event.properties for event in part.events] == [{"x": 2}, {"x": 2}]


NOTES = {
    "did('C', after='B')": ["after B of 2026-01-05T00:00:20.000Z (B20000)"],
    "did('A', after='B')": [
        "after B of 2026-01-05T00:00:20.000Z (B20000)",
        "none: the latest, A of 2026-01-05T00:00:10.000Z (A10000), is left out by after='B'",
    ],
    "did('A', after='D')": ["none, since there is no 'D' to come after"],
    "did('A', same='x', as_='B')": ["x is 2, as of B of 2026-01-05T00:00:20.000Z (B20000)"],
    "did('A', same='y', as_='B')": ["none, since there is no 'B' with a y"],
    "did('D')": ["no such event"],
    "sum('C', 'x') == 0": ["none has a usable x"],
    "sequence('D', 'A', within='1m')": ["no step was done in time"],
    "restarted('A', silent='1m', within='1m')": ["none: the latest is A of 2026-01-05T00:00:10.000Z (A10000)"],
    "held(did('A'), at_least='1s')": ["its condition is true since 2026-01-05T00:00:00.000Z"],
    "held(did('D'), at_least='1s')": ["its condition is not true"],
    "segment('other')": ["in it since 2026-01-05T00:00:20.000Z"],
    "not segment('other')": ["in it since 2026-01-05T00:00:20.000Z"],
    "weekday() == 'monday'": ["it is Monday, 2026-01-05 00:00 in UTC"],
}


@pytest.mark.parametrize(("rule", "expected"), NOTES.items())
def test_what_is_said_of_a_part(rule: str, expected: list[str]) -> None:
    part = rule_of(rule, {"other": "did('B')"})
    while part.kind != "call":
        [part] = part.parts
    assert expected == list(part.notes)


# --- what comes -----------------------------------------------------------------------------------------------------------------------


def ahead_of(rule: str) -> Ahead:
    plan = make_plan({"it": rule, "late": "did('C', within='30s')"})
    return Explain(plan, "it").at("u", PersonHistory(ran(plan, GIVEN), "u").whole(), BASE_MS + 30 * SECOND).ahead


COMES: dict[str, tuple[int | None, list[tuple[str, Any]]]] = {
    "did('A')": (None, []),
    "did('A', within='1m')": (70 * SECOND, [("did('A', within='1m')", False)]),
    "since('B') > '1m' or did('D')": (80 * SECOND + 1, [("since('B') > '1m'", True)]),
    "count('*', within='1m') >= 2 and not did('D')": (80 * SECOND, [("count('*', within='1m') >= 2", False)]),
    "not did('A', within='40s') and not did('B', within='30s')": (
        50 * SECOND,
        [("did('A', within='40s')", False), ("did('B', within='30s')", False)],
    ),
    "segment('late') and did('A')": (60 * SECOND, [("did('C', within='30s')", False)]),
    "held(did('A'), at_least='1m')": (60 * SECOND, [("held(did('A'), at_least='1m')", True)]),
    "in_segment_for('late') >= '20s'": (50 * SECOND, [("in_segment_for('late') >= '20s'", True)]),
}


@pytest.mark.parametrize(("rule", "expected"), COMES.items())
def test_the_next_change_is_told_with_the_parts_that_make_it_so(rule: str, expected: tuple[int | None, list[tuple[str, Any]]]) -> None:
    ahead = ahead_of(rule)
    at = None if ahead.at is None else ahead.at - BASE_MS
    assert expected == (at, [(part.text, part.value) for part in ahead.because])
    assert ahead.tried is None


def test_a_change_that_does_not_come_is_not_looked_for_without_end() -> None:
    ahead = ahead_of("hour() == 3 and did('D')")
    assert (ahead.at, ahead.because) == (None, ())
    assert ahead.tried is not None
    assert ahead.tried > BASE_MS + 100 * 86_400_000


def test_a_person_is_unknown_before_the_first_event() -> None:
    plan = make_plan({"it": "everyone"})
    past = PersonHistory(ran(plan, GIVEN), "u").whole()
    before = Explain(plan, "it").at("u", past, BASE_MS - 1)
    assert (before.member, before.since, before.rule, before.ahead) == (False, None, None, Ahead())
    assert Explain(plan, "it").at("u", past, BASE_MS).member


# --- a history that is not whole ------------------------------------------------------------------------------------------------------


def test_the_history_is_whole_behind_the_last_event_that_it_lacks() -> None:
    store = ran(make_plan({"it": "did('A')"}), GIVEN)
    past, p = PersonHistory(store, "u").whole(), live_of(store, "u").person
    assert kept_from(past, p) is None
    assert kept_from(past[1:], p) == BASE_MS + 10 * SECOND
    assert kept_from([past[0], *past[2:]], p) == BASE_MS + 20 * SECOND
    assert kept_from(past[:3], p) == kept_from([], p) == BASE_MS + 30 * SECOND + 1


def test_the_state_knows_of_events_that_are_not_kept_any_more() -> None:
    plan = make_plan({"it": "count('A') >= 2 and count('A', within='1m') >= 1 and did('D', within='15s') and did('D')"})
    store = ran(plan, GIVEN)
    live, past = live_of(store, "u"), PersonHistory(store, "u").whole()[1:]
    told = Explain(plan, "it").live(Onlooker(plan).stage, live.person, past, live.now, live.now, kept_from(past, live.person)).rule
    assert told is not None
    ever, lately = told.parts[0].parts[0], told.parts[1].parts[0]
    assert (ever.value, [event.message_id for event in ever.events]) == (2, ["A10000"])
    assert (lately.value, [event.message_id for event in lately.events]) == (">= 2", ["A10000"])
    assert [part.notes for part in told.parts[2:]] == [("no such event",), ("no such event in the history that is kept",)]


def test_a_plan_is_narrowed_to_what_a_segment_needs() -> None:
    plan = make_plan(
        {"a": "did('A')", "b": "held(segment('a'), at_least='1s')", "c": "everyone", "d": "in_segment_for('b') > '1s'"},
        {"mail": {"on": "enters d", "steps": [{"send": "x"}]}},
    )
    assert [segment.id for segment in narrow(plan, "d").segments] == ["a", "b", "d"]
    assert replace(narrow(plan, "d"), segments=(), campaigns=plan.campaigns) == replace(plan, segments=())


def test_an_event_without_a_name_is_evidence_of_nothing() -> None:
    plan = make_plan({"it": "did('*')"})
    group = json.dumps({"type": "group", "userId": "u", "messageId": "g", "timestamp": stamp(0), "traits": {}}).encode()
    past = PersonHistory(ran(plan, [group]), "u").whole()
    assert isinstance(past[0].event, Kept)
    told = Explain(plan, "it").at("u", past, BASE_MS).rule
    assert told is not None
    assert (told.holds, told.events, list(told.notes)) == (False, (), ["no such event"])
