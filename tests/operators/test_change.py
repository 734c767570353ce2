"""A changed plan over a state that is there: what comes out afterwards is what comes out had the plan always been the new one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.connectors.files_source import LogRecord
from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.change import Change, layout_of
from operators.lane.keys import META, PERSONS, PERSONS_END, Meta
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.person import PersonStage
from operators.plan.checked import Plan
from schemas.counts import Counts
from schemas.person import Person
from tests.harness import make_plan, milliseconds
from tests.oracle import decode
from tests.oracle_calls import Event
from tests.strategies import BASE_MS, lines, readable, segments, stamp

SECOND = 1000


class Came(NamedTuple):
    """A transition."""

    t: int
    person: str
    kind: str
    segment: str
    cause: dict[str, Any]


class State:
    """A state that lanes of several plans drive one after the other; all that they put out, in order."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.output = MemoryOutput()
        self.counts = Counts()
        self.offset = 0

    def run(self, plan: Plan, given: Sequence[bytes], *, end: bool = False, batch: int = 1000) -> None:
        lane = Lane(plan, self.store, MemoryPublisher(self.output))
        given, first = [line for line in given if line.strip()], self.offset
        for start in range(0, len(given) or 1, batch):
            part = given[start : start + batch]
            records: list[LogRecord] = [(first + start + i, None, line) for i, line in enumerate(part)]
            lane.apply(Batch(0, first, records, end=end and start + batch >= len(given)))
        self.offset += len(given)
        lane.close()

    def came(self) -> list[Came]:
        """All transitions, in order."""
        records = [json.loads(value) for _, _, value in self.output.streams.get("transitions", [])]
        return [
            Came(milliseconds(r["time"]), r["subject"], r["type"].rpartition(".")[2], r["data"]["segment"], r["data"]["cause"])
            for r in records
        ]

    @property
    def meta(self) -> Meta:
        raw = self.store.get(META)
        assert raw is not None
        return msgspec.msgpack.decode(raw, type=Meta)

    def persons(self) -> dict[str, Person]:
        found = [msgspec.msgpack.decode(value, type=Person) for _, value in self.store.scan(PERSONS, PERSONS_END, 10_000)]
        return {person.id: person for person in found if person.to is None}


def track(event: str, offset_ms: int, person: str = "u", number: int = 0, **properties: Any) -> bytes:
    record = {"type": "track", "event": event, "userId": person, "timestamp": stamp(offset_ms), "messageId": f"{event}{offset_ms}{number}"}
    return json.dumps(record | {"properties": properties}).encode()


GIVEN = [
    track("A", 0, total=5),
    track("A", 2 * SECOND, total=7),
    track("B", 3 * SECOND),
    track("A", 60 * SECOND, "v", total=1),
    track("C", 90 * SECOND, "w"),
]
"""The watermark stands at 80 s behind these, with the default lateness of 10 s."""

EXCHANGED = [("u", "exited", "a"), ("v", "exited", "a"), ("w", "entered", "a")]
CHANGES: dict[str, tuple[dict[str, str], dict[str, str], list[tuple[str, str, str]]]] = {
    "a new rule over what happened": ({}, {"a": "count('A') >= 2"}, [("u", "entered", "a")]),
    "a new rule over a window": ({}, {"a": "did('A', within='1m')"}, [("v", "entered", "a")]),
    "a rule that needs more of what is kept": ({"a": "count('A') > 0"}, {"a": "count('A') >= 2"}, [("v", "exited", "a")]),
    "a window that is longer": ({"a": "did('A', within='1m')"}, {"a": "did('A', within='2m')"}, [("u", "entered", "a")]),
    "another rule under the same id": ({"a": "did('A')"}, {"a": "did('C')"}, EXCHANGED),
    "a segment that is gone": ({"a": "did('C')", "b": "everyone"}, {"b": "everyone"}, [("w", "exited", "a")]),
    "another spelling": ({"a": "did('A', within='60s')"}, {"a": "(did(['A'], within=\"1m\"))"}, []),
    "a rule that refers to a changed one": (
        {"a": "did('A')", "b": "not segment('a')"},
        {"a": "did('C')", "b": "not segment('a')"},
        [*EXCHANGED, ("u", "entered", "b"), ("v", "entered", "b"), ("w", "exited", "b")],
    ),
    "a condition held over what happened": ({}, {"a": "held(did('A'), at_least='30s')"}, [("u", "entered", "a")]),
    "a condition that nothing holds any more": ({"a": "held(did('A'), at_least='30s')"}, {"a": "did('A')"}, [("v", "entered", "a")]),
    "a sum": ({}, {"a": "sum('A', 'total') == 12"}, [("u", "entered", "a")]),
    "a sequence": ({}, {"a": "sequence('A', 'A', 'B', within='10m')"}, [("u", "entered", "a")]),
}


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("reached", ["by the sweep", "by an event"])
def test_a_changed_plan_takes_effect_for_everybody(
    old: dict[str, str], new: dict[str, str], expected: list[tuple[str, str, str]], reached: str
) -> None:
    state = State()
    state.run(make_plan(old), GIVEN)
    before = len(state.came())
    plan = make_plan(new)
    state.run(plan, [] if reached == "by the sweep" else [track("other", 80 * SECOND, person) for person in "uvw"])
    came = state.came()[before:]
    assert sorted(expected) == sorted((each.person, each.kind, each.segment) for each in came)
    assert [{"plan": plan.version}] * len(came) == [each.cause for each in came]
    assert [90 if each.person == "w" else 80 for each in came] == [(each.t - BASE_MS) // SECOND for each in came]
    assert state.meta.fill is None
    assert {person.layout for person in state.persons().values()} == {state.meta.layout}


def in_order(stream: Sequence[bytes]) -> list[bytes]:
    """The lines that are events, but for those before an earlier one: what is late is seen by the plan that was there when it came. Each
    has a messageId of its own."""
    kept: list[bytes] = []
    latest = 0
    for number, line in enumerate(stream):
        event = decode(line, number, None, None) if line.strip() else None
        if isinstance(event, Event) and event.t >= latest:
            kept.append(json.dumps(json.loads(line) | {"messageId": f"e{len(kept)}"}).encode())
            latest = event.t
    return kept


def without_entries(rules: dict[str, str]) -> dict[str, str]:
    """Rules that do not hang on when a segment was entered: that differs where a segment is new."""
    return {id: "everyone" if "in_segment_for" in rule else rule for id, rule in rules.items()}


def members_of(state: State, plan: Plan) -> dict[str, set[str]]:
    """The segments that each person is in."""
    rules = PersonStage(plan).rules.rules
    return {id: {rules[no].id for no in person.members if not rules[no].hidden} for id, person in state.persons().items()}


@given(segments(4).map(without_entries), segments(4).map(without_entries), lines(), st.integers(0, 20), st.integers(1, 5))
def test_the_outcome_is_that_of_the_new_plan_from_the_start(
    old: dict[str, str], new: dict[str, str], stream: list[bytes], first: int, batch: int
) -> None:
    given, plan = in_order(stream), make_plan(new)
    changed, always = State(), State()
    changed.run(make_plan(old), given[:first])
    watermark = changed.meta.watermark or 0
    latest = watermark + plan.lateness_ms if watermark else 0
    effect = {id: max(person.clock, watermark) for id, person in changed.persons().items()}
    changed.run(plan, [])
    before = len(changed.came())
    changed.run(plan, given[first:], end=True, batch=batch)
    always.run(plan, given, end=True)

    def is_later(each: Came) -> bool:
        """True for what the plan that was always there did after the change."""
        if "event" in each.cause:
            return int(each.cause["event"][1:]) >= first
        return each.t > effect.get(each.person, latest)  # who is not there is gone by then, or has yet to come

    told = "\n".join([f"{old}", f"{new}", *map(readable, given[:first]), "--", *map(readable, given[first:])])
    assert members_of(always, plan) == members_of(changed, plan), told
    # A boundary at the very instant of the change is due with it where a rule has changed, else after it.
    after = [each for each in changed.came()[before:] if is_later(each) or each.cause != {"time": True}]
    assert sorted(map(str, filter(is_later, always.came()))) == sorted(map(str, after)), told


@pytest.mark.parametrize("existing", [True, False])
def test_a_campaign_starts_by_a_changed_plan_only_where_it_says_so(existing: bool) -> None:
    signed_up = json.dumps(
        {"type": "identify", "userId": "u", "messageId": "i", "timestamp": stamp(0), "traits": {"email": "u@x.example"}}
    ).encode()
    state = State()
    state.run(make_plan({"a": "did('C')"}), [signed_up, track("A", SECOND)])
    told = {"existing": True} if existing else {}
    plan = make_plan({"a": "did('A')"}, {"c": {"on": "enters a", "steps": [{"send": "x"}], **told}})
    state.run(plan, [])
    assert [each.segment for each in state.came()] == ["a"]
    triggers = [json.loads(value)["data"]["why"]["transition"]["cause"] for _, _, value in state.output.streams.get("triggers", [])]
    assert [{"plan": plan.version}] * existing == triggers
    assert state.output.streams.get("decisions", []) == []


def test_slots_that_nothing_needs_are_dropped() -> None:
    state = State()
    state.run(make_plan({"a": "count('A') > 1", "b": "did('B', within='1d')"}), GIVEN)
    assert [len(person.slots) for person in state.persons().values()] == [2, 1, 0]
    state.run(make_plan({"b": "did('B', within='1d')"}), [])
    assert [len(person.slots) for person in state.persons().values()] == [1, 0, 0]


def test_a_plan_can_change_again_before_all_are_reached() -> None:
    state = State()
    state.run(make_plan({"a": "did('A')"}), GIVEN)
    between = make_plan({"a": "did('B')", "b": "did('A')"})
    lane = Lane(between, state.store, MemoryPublisher(state.output))
    lane.apply(Batch(0, state.offset, [(state.offset, None, track("B", 95 * SECOND, "v"))]))
    lane.close()
    state.offset += 1
    state.run(make_plan({"c": "did('A')"}), [])
    assert {"u": {"c"}, "v": {"c"}, "w": set()} == members_of(state, make_plan({"c": "did('A')"}))
    assert state.meta.layout == 2


def test_without_a_history_a_new_rule_begins_with_nothing() -> None:
    state = State()
    state.run(make_plan({"a": "did('A')"}, history="none"), GIVEN)
    changed = make_plan({"a": "did('A')", "b": "did('A', within='1d')"}, history="none")
    state.run(changed, [track("A", 95 * SECOND, "v")])
    assert {"u": {"a"}, "v": {"a", "b"}, "w": set()} == members_of(state, changed)


def test_time_passes_at_the_end_for_those_whom_the_sweep_has_just_brought() -> None:
    state = State()
    state.run(make_plan({"b": "everyone"}), GIVEN)
    before = len(state.came())
    state.run(make_plan({"a": "did('A', within='97s')", "b": "everyone"}), [track("D", 105 * SECOND, "w")], end=True)
    came = [((each.t - BASE_MS) // SECOND, each.person, each.kind) for each in state.came()[before:]]
    # At the change the watermark stands at 95 s; the A at 2 s leaves the window at 99 s.
    assert came == [(95, "u", "entered"), (95, "v", "entered"), (99, "u", "exited")]


def test_a_new_rule_takes_effect_behind_the_boundaries_of_those_that_it_refers_to() -> None:
    state = State()
    rules = {"a": "did('A', within='70s')"}
    state.run(make_plan(rules), [*GIVEN[:3], track("C", 60 * SECOND, "w")])
    before = len(state.came())
    plan = make_plan(rules | {"b": "not segment('a')"})
    state.run(plan, [track("C", 120 * SECOND, "w")])
    came = [((each.t - BASE_MS) // SECOND, each.person, each.kind, each.segment, each.cause) for each in state.came()[before:]]
    # The last A leaves the window at 72 s, while the watermark goes from 50 s to 110 s; the person is reached as it passes.
    cause = {"plan": plan.version}
    assert [(60, "w", "entered", "b", cause), (72, "u", "exited", "a", {"time": True}), (110, "u", "entered", "b", cause)] == came


def test_each_change_has_ids_of_its_own() -> None:
    state = State()
    one, other = make_plan({"b": "did('C')"}), make_plan({"a": "did('A')", "b": "did('C')"})
    for plan in (one, other, one, other):
        state.run(plan, GIVEN if plan is one and not state.offset else [])
    ids = [json.loads(value)["id"] for _, _, value in state.output.streams["transitions"]]
    assert len(ids) == 1 + 3 * 2 == len(set(ids))


@pytest.mark.parametrize("filters", ["within='1m'", "within='1m', same='x', as_='A'", "this='day'"])
def test_what_others_need_of_a_slot_does_not_touch_a_rule_without_a_history(filters: str) -> None:
    state, rules = State(), {"a": f"did('A', {filters})"}
    state.run(make_plan(rules, history="none"), [track("A", 60 * SECOND, "v", x=1), track("C", 90 * SECOND, "w")])
    before = len(state.came())
    more = rules | {"b": f"count('A', {filters}) >= 3"}
    for plan in (make_plan(more, history="none"), make_plan(rules, history="none"), make_plan(more, history="none")):
        state.run(plan, [])
    state.run(plan, [track("C", 86_500 * SECOND, "w")])
    # The A at 60 s leaves the window at 120 s, or the day at its end.
    end = 86_400 if "day" in filters else 120
    assert state.came()[before:] == [Came(BASE_MS + end * SECOND, "v", "exited", "a", {"time": True})]


def test_fewer_needs_of_a_slot_take_no_history() -> None:
    old = make_plan(
        {"a": "count('A', within='1m') >= 1", "b": "count('A', within='1m') >= 3 and count('A', within='1m', same='x', as_='A') > 1"}
    )
    new = make_plan({"a": "count('A', within='1m') >= 1 and did('A', within='1m', same='x', as_='A')"})
    stage = PersonStage(new)
    change = Change(layout_of(old, PersonStage(old).rules), new, stage, (), 1)
    assert (change.fresh, len(change.other)) == (frozenset(), 2)


@given(segments(6), st.integers(0, 6), lines(), st.integers(0, 20), st.booleans(), st.sampled_from(["none", "10s", "400d"]))
def test_a_rule_that_does_not_change_does_as_it_did(
    rules: dict[str, str], some: int, stream: list[bytes], first: int, fewer: bool, history: str
) -> None:
    given = in_order(stream)
    few = make_plan(dict(list(rules.items())[:some]) or {"z": "everyone"}, history=history)
    both = [few, make_plan(rules | {"z": "everyone"}, history=history)]
    changed, always = State(), State()
    changed.run(both[fewer], given[:first])
    changed.run(both[not fewer], [])
    changed.run(both[not fewer], given[first:], end=True)
    always.run(few, given, end=True)
    kept = {segment.id for segment in few.segments}
    told = "\n".join([f"{rules} {some} {fewer}", *map(readable, given[:first]), "--", *map(readable, given[first:])])
    assert sorted(map(str, always.came())) == sorted(str(each) for each in changed.came() if each.segment in kept), told


def test_back_to_the_first_plan_in_the_middle_of_a_fill() -> None:
    state, first = State(), make_plan({"a": "did('A', within='2m')", "b": "not segment('a')"})
    state.run(first, GIVEN)
    before = members_of(state, first)
    second = make_plan({"a": "did('A', within='1m')", "c": "count('A', within='5m') >= 2"})
    lane = Lane(second, state.store, MemoryPublisher(state.output))
    # Of the three only u is reached: a live lane is swept between its batches.
    lane.apply(Batch(0, state.offset, [(state.offset, None, track("D", 90 * SECOND, "u"))], wall_ms=BASE_MS + 90 * SECOND))
    assert {id: person.layout for id, person in state.persons().items()} == {"u": 1, "v": 0, "w": 0}
    lane.close()
    state.offset += 1
    state.run(first, [])
    assert members_of(state, first) == before
    # What the second plan did to u is undone; the others never knew of it.
    came = [(each.person, each.kind, each.segment) for each in state.came() if "plan" in each.cause]
    assert came == [("u", "exited", "a"), ("u", "entered", "c"), ("u", "exited", "c"), ("u", "entered", "a")]


def test_another_zone_takes_effect_for_rules_of_the_calendar() -> None:
    state, rules = State(), {"a": "hour() >= 12", "b": "did('A')"}
    state.run(make_plan(rules), GIVEN)
    before = len(state.came())
    plan = make_plan(rules, timezone="America/New_York")
    state.run(plan, [])
    # It is 19:01 there.
    expected = [("u", "entered", "a"), ("v", "entered", "a"), ("w", "entered", "a")]
    assert sorted((each.person, each.kind, each.segment) for each in state.came()[before:]) == expected
    assert {str(each.cause) for each in state.came()[before:]} == {str({"plan": plan.version})}
    state.run(plan, [track("D", 6 * 3600 * SECOND, "w")])
    assert [(each.t - BASE_MS, each.kind) for each in state.came()[before + 3 :]] == [(5 * 3600 * SECOND, "exited")] * 3


def test_a_fill_reads_what_came_with_the_check_for_duplicates_and_without() -> None:
    state, rules = State(), {"b": "did('B')"}
    state.run(make_plan(rules), [track("A", 0, total=1), track("A", 0, total=1)])
    state.run(make_plan(rules, duplicates="off"), [track("A", SECOND, total=2), track("A", SECOND, total=2)])
    state.run(make_plan(rules), [track("A", 2 * SECOND, total=3), track("A", 2 * SECOND, total=3)])
    new = make_plan(
        rules | {"sum": "sum('A', 'total') == 8", "first": "first('A', 'total') == 1", "last": "last('A', 'total', within='1d') == 3"}
    )
    state.run(new, [])
    assert members_of(state, new) == {"u": {"sum", "first", "last"}}


def test_measures_of_events_that_share_a_property_do_not_mix() -> None:
    stream = [track("A", SECOND * n, x=n % 2) for n in range(6)]
    counted, dated = "count('A', same='x', as_='A') >= 3", "since('A', same='x', as_='A') < '1d'"
    state = State()
    state.run(make_plan({"a": counted, "b": dated}), stream)
    state.run(plan := make_plan({"a": "everyone", "b": dated, "c": counted}), [])
    assert members_of(state, plan) == {"u": {"a", "b", "c"}}
    state.run(plan := make_plan({"c": "count('A', same='x', as_='A') >= 2", "d": "count('A', this='year', same='x', as_='A') == 3"}), [])
    assert members_of(state, plan) == {"u": {"c", "d"}}
