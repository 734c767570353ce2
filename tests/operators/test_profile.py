"""The stream of profiles: who keeps the last record of each person knows what the lane knows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from msgspec import to_builtins

from flows.connectors.memory import MemoryOutput, MemoryPublisher, numbered
from operators.instants import format_instant
from operators.lane.keys import PERSONS, PERSONS_END
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.people import person_of
from operators.lane.ports import Batch
from operators.person import PersonStage
from operators.plan.checked import Plan
from operators.profile import consents_of, suppressions_of
from schemas.person import Person
from tests.compared import Way, plan_of, way
from tests.dice import drawn
from tests.drawn_identity import met
from tests.harness import STEPS, Crash, Run, make_plan, run_engine
from tests.strategies import BASE_MS, Scenario, stamp

RULES = {"fresh": "did('A', within='1m')", "gold": "trait.tier == 'gold'"}


def record(at_s: int, kind: str = "track", **more: Any) -> bytes:
    told = {"type": kind, "messageId": f"m{at_s}", "timestamp": stamp(at_s * 1000)}
    return json.dumps(told | ({"event": "A"} if kind == "track" else {}) | more).encode()


def persons(run: Run) -> list[Person]:
    rows = [person_of(value) for _, value in run.store.scan(PERSONS, PERSONS_END, 1 << 30)]
    return [p for p in rows if p is not None and p.to is None]


def known(plan: Plan, p: Person) -> dict[str, Any]:
    """What a reader must know of a person, from its state."""
    names = {rule.no: rule.id for rule in PersonStage(plan).rules.rules if not rule.hidden}
    segments = {names[no]: format_instant(t) for no, t in p.members.items() if no in names}
    beside = {trait + ending for trait in p.traits for ending in ("_raw", "_verdict")}
    traits = {name: value for name, (_, value, *_) in p.traits.items() if value is not None and name not in beside}
    ids = [(p.id, p.rank)]
    for name, linked in (p.ties.linked if p.ties is not None else {}).items():
        ids += [(name, linked.rank), *((value, each.rank) for value, each in linked.known.items())]
    kinds = {
        kind: sorted({value for value, its in ids if its == rank}) for rank, kind in ((1, "anonymous_id"), (2, "email"), (3, "user_id"))
    }
    acts = {"consents": to_builtins(consents_of(p)), "suppressions": to_builtins(suppressions_of(p))} if p.acts else {}
    return {"identifiers": {kind: values for kind, values in kinds.items() if values}, "traits": traits, "segments": segments} | acts


def told(run: Run) -> list[tuple[str, Any]]:
    return [(json.loads(value)["subject"], json.loads(value)["data"]) for _, _, value in run.published.get("profiles", [])]


def test_a_profile_comes_each_time_that_it_changes() -> None:
    plan = make_plan(RULES, profiles="on")
    stream = [
        record(0, userId="u"),
        record(1, userId="u"),
        record(2, "identify", userId="u", traits={"tier": "gold"}),
        record(99, userId="v"),
    ]
    run = run_engine(plan, stream)
    fresh, gold = {"fresh": format_instant(BASE_MS)}, {"gold": format_instant(BASE_MS + 2000)}
    ids = {"user_id": ["u"]}
    assert told(run) == [
        ("u", {"identifiers": ids, "traits": {}, "segments": fresh}),
        ("u", {"identifiers": ids, "traits": {"tier": "gold"}, "segments": fresh | gold}),
        ("v", {"identifiers": {"user_id": ["v"]}, "traits": {}, "segments": {"fresh": format_instant(BASE_MS + 99_000)}}),
        ("u", {"identifiers": ids, "traits": {"tier": "gold"}, "segments": gold}),
    ]


def test_who_becomes_another_is_gone() -> None:
    stream = [record(0, anonymousId="a"), record(1, userId="u", anonymousId="a")]
    run = run_engine(make_plan(RULES, profiles="on"), stream)
    assert [(person, data is None) for person, data in told(run)] == [("a", False), ("a", True), ("u", False)]
    assert told(run)[-1][1]["identifiers"] == {"anonymous_id": ["a"], "user_id": ["u"]}


def test_acts_of_consent_are_told_with_their_proof() -> None:
    stream = [
        record(0, userId="u"),
        record(1, userId="u", event="Consent Given", properties={"topic": "news", "text_version": "v2", "source": "web"}),
        record(2, userId="u", event="Email Marked as Spam"),
    ]
    profiles = [data for _, data in told(run_engine(make_plan(RULES, profiles="on"), stream))]
    given = {"act": "given", "topic": "news", "time": format_instant(BASE_MS + 1000), "messageId": "m1", "source": "web"}
    complained = {"act": "complained", "time": format_instant(BASE_MS + 2000), "messageId": "m2"}
    assert [(each.get("consents"), each.get("suppressions")) for each in profiles] == [
        (None, None),
        ([{"topic": "news", "given": True, "proof": given | {"text_version": "v2"}}], []),
        (profiles[1]["consents"], [{"reason": "complained", "topic": None, "proof": complained}]),
    ]


def test_none_come_where_the_plan_does_not_say_so() -> None:
    assert told(run_engine(make_plan(RULES), [record(0, userId="u")])) == []


@pytest.mark.parametrize("word", ["on", "off", True, False])
def test_the_switch_is_no_change_of_the_plan(word: object) -> None:
    assert make_plan(RULES, profiles=word).version == make_plan(RULES).version
    assert make_plan(RULES, profiles=word).profiles is (word in ("on", True))


@given(drawn(lambda dice: (met(dice), way(dice), Crash(dice.below(7), dice.pick(STEPS)))))
def test_the_last_profile_of_each_person_is_what_the_lane_knows(made: tuple[Scenario, Way, Crash]) -> None:
    scenario, by, crash = made
    scenario.settings["profiles"] = "on"
    plan = plan_of(scenario)
    run = run_engine(plan, scenario.lines, until_ms=scenario.until_ms, log_ms=scenario.log_ms)
    assert run.profiles == {p.id: known(plan, p) for p in persons(run)}
    again = by.run(scenario, crash=crash)
    assert again.published == run.published
    # Who is parted from others is made anew, and the same may happen to it again.
    happenings = {(each["id"], each["subject"], each["time"], json.dumps(each["data"])) for each in run.records if "subject" in each}
    assert len({id for id, *_ in happenings}) == len(happenings)


def test_who_was_there_before_the_switch_is_put_out_once() -> None:
    store, output, start = MemoryStore(), MemoryOutput(), 0
    found: list[list[str]] = []
    for profiles, lines in (
        ("off", [record(0, userId="u"), record(1, userId="v"), record(1, "identify", userId="v", traits={"tier": "gold"})]),
        ("on", [record(5, userId="w")]),
        ("on", []),
        ("off", [record(200, anonymousId="x")]),
        ("on", []),
    ):
        lane = Lane(make_plan(RULES, profiles=profiles), store, MemoryPublisher(output))
        lane.apply(Batch(0, start, numbered(lines, start), end=True))
        lane.close()
        start += len(lines)
        found.append([json.loads(value)["subject"] for _, _, value in output.streams.pop("profiles", [])])
    assert found == [[], ["w", "u", "v"], [], [], ["u", "v", "w", "x"]]
