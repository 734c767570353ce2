"""Since when each segment of a lane is as it is, as changed plans come and are carried out."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from flows.connectors.memory import MemoryOutput, MemoryPublisher, numbered
from operators.change import layout_of
from operators.lane.keys import META, Meta, Standing
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.lane.standings import read_standings, whole_from
from operators.person import PersonStage
from operators.plan.checked import Plan
from tests.harness import make_plan
from tests.strategies import BASE_MS, stamp

SECOND = 1000
A, B = "did('A', within='1m')", "did('B')"


def at(second: int) -> int:
    return BASE_MS + second * SECOND


class State:
    """A state and its output, for lanes of one plan after the other. One event at each of these seconds comes with the first."""

    def __init__(self, rules: dict[str, str], *seconds: int, **settings: Any) -> None:
        self.store, self.output, self.offset = MemoryStore(), MemoryOutput(), 0
        self.run(rules, *seconds, **settings)

    def run(self, rules: dict[str, str], *seconds: int, sweep: bool = True, **settings: Any) -> dict[str, Standing]:
        """The standings after a run; without `sweep` nobody is brought to the plan but those who have events."""
        plan = make_plan(rules, **settings)
        lane = Lane(plan, self.store, MemoryPublisher(self.output))
        events = [{"type": "track", "event": "A", "userId": f"u{second}", "timestamp": stamp(second * SECOND)} for second in seconds]
        given = numbered([json.dumps(event).encode() for event in events], self.offset)
        lane.apply(Batch(0, self.offset, given, wall_ms=None if sweep else at(10_000)))
        lane.close()
        self.offset += len(given)
        return self.standings(plan)

    def standings(self, plan: Plan) -> dict[str, Standing]:
        return read_standings(self.store, layout_of(plan, PersonStage(plan).rules))

    @property
    def meta(self) -> Meta:
        return msgspec.msgpack.decode(self.store.get(META) or b"", type=Meta)


def versions(**rules: str) -> dict[str, str]:
    return {segment.id: segment.version for segment in make_plan(rules).segments}


def test_what_was_there_from_the_start_has_no_time_and_what_is_new_has_that_of_its_change() -> None:
    state, version = State({"a": A}, 0, 100), versions(a=A, b=B)
    assert state.run({"a": A}) == {"a": Standing(version["a"])}
    assert state.run({"a": A, "b": B}) == {"a": Standing(version["a"]), "b": Standing(version["b"], at(90), at(0), at(90))}


def test_while_persons_are_left_a_new_segment_is_not_complete() -> None:
    state, version = State({"a": A}, 0, 100), versions(b=B)
    assert state.run({"b": B}, 130, sweep=False) == {"b": Standing(version["b"], at(90), at(0))}
    # Another change in the middle does not make it new again.
    assert state.run({"b": B, "c": A}, sweep=False)["b"] == Standing(version["b"], at(90), at(0))
    assert state.run({"b": B, "c": A})["b"] == Standing(version["b"], at(90), at(0), at(120))


def test_a_changed_rule_begins_anew_and_one_that_comes_back_too() -> None:
    state, version = State({"a": A}, 0, 100), versions(a=A)
    assert state.run({"a": B}, 130)["a"].since == at(90)
    assert state.run({"a": A}) == {"a": Standing(version["a"], at(120), at(0), at(120))}


def test_another_zone_changes_all_segments() -> None:
    state = State({"a": A}, 0, 100)
    assert state.run({"a": A}, timezone="Europe/Berlin")["a"].since == at(90)


def test_a_state_without_events_has_nothing_to_fill() -> None:
    state, version = State({"a": A}), versions(b=B)
    assert state.run({"b": B}, 0) == {"b": Standing(version["b"])}


def test_what_changes_no_segment_touches_nobody() -> None:
    state = State({"a": A}, 0, 100)
    campaign = {"c": {"on": "event A", "steps": [{"send": "x"}]}}
    plan = make_plan({"a": A}, campaign, lateness="20s", history="500d")
    lane = Lane(plan, state.store, MemoryPublisher(state.output))
    assert (lane.change, lane.filling) == (([], [], []), False)
    lane.apply(Batch(0, state.offset, []))
    lane.close()
    assert (state.meta.layout, state.meta.version) == (0, plan.version)
    assert Lane(plan, state.store, MemoryPublisher(state.output)).change is None


def test_the_history_is_whole_from_its_oldest_event_or_as_far_as_it_is_kept() -> None:
    state = State({"a": A}, 0, 100)
    assert [whole_from(state.meta, history) for history in (1000 * SECOND, 30 * SECOND)] == [at(0), at(60)]


def test_without_a_history_what_is_new_knows_nothing_and_a_longer_one_is_whole_from_then_on() -> None:
    state, version = State({"a": A}, 0, 100, history="none"), versions(b=B)
    assert state.run({"a": A, "b": B}, history="none")["b"] == Standing(version["b"], at(90), at(100) + 1, at(90))
    state.run({"a": A, "b": B}, 130, history="10m")
    assert state.meta.kept == at(100) + 1
    assert state.run({"a": A, "b": B, "c": B}, history="10m")["c"].kept == at(100) + 1
    state.run({"a": A, "b": B, "c": B}, 200, history="1m1s")
    assert state.run({"a": A, "b": B, "c": B}, history="20m") != {}
    assert state.meta.kept == at(190) - 61 * SECOND
