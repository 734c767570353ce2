"""Acts of consent in a lane: they go with whose they are through links, merges and un-merges, in one lane and where the stages run apart,
also when the history has dropped their events or never kept them; a changed plan finds them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from flows.connectors.memory import MemoryOutput, MemoryPublisher, numbered
from operators.lane.keys import PERSONS, PERSONS_END
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.lane.split import StageName, open_lane
from operators.lane.store import Store
from operators.person import PersonStage
from operators.plan.checked import Plan
from schemas.person import Person
from tests.harness import make_plan
from tests.strategies import BASE_MS, stamp

DAY = 86_400
RULES = {"given": "consent('news')", "withdrawn": "consent('news') == False", "often": "count('A') >= 3"}
CAMPAIGNS = {"mail": {"on": "event A", "topic": "news", "re_enter": "always", "steps": [{"send": "mail"}]}}
TOPICS: dict[str, Any] = {"news": {}}


def plan_of(rules: dict[str, str] = RULES, campaigns: Any = CAMPAIGNS, **settings: Any) -> Plan:
    return make_plan(rules, campaigns, topics=TOPICS, **settings)


def record(at_s: float, event: str = "A", user: str = "", anonymous: str = "", **properties: Any) -> bytes:
    made = {"type": "track", "event": event, "messageId": f"{event}{at_s:g}", "timestamp": stamp(round(at_s * 1000))}
    ids = ({"userId": user} if user else {}) | ({"anonymousId": anonymous} if anonymous else {})
    return json.dumps(made | {"properties": properties} | ids).encode()


def says(kind: str, at_s: float, user: str, previous: str) -> bytes:
    made = {"type": kind, "messageId": f"{kind}{at_s:g}", "timestamp": stamp(round(at_s * 1000))}
    return json.dumps(made | {"userId": user, "previousId": previous}).encode()


def drive(plan: Plan, stream: list[bytes], stage: StageName = "all", store: MemoryStore | None = None) -> tuple[MemoryOutput, MemoryStore]:
    store, output = store or MemoryStore(), MemoryOutput()
    lane = open_lane(stage, plan, store, MemoryPublisher(output))
    for place, one in enumerate(stream):
        # One by one, so that the history is swept.
        lane.apply(Batch(0, place, numbered([one], place), end=place == len(stream) - 1))
    lane.close()
    return output, store


def apart(plan: Plan, stream: list[bytes]) -> tuple[MemoryOutput, MemoryStore]:
    """Through the two stages, each in a lane of its own."""
    resolved, _ = drive(plan, stream, "identify")
    return drive(plan, [value for _, _, value in resolved.streams["resolved"]], "person")


WAYS = {"one lane": drive, "stages apart": apart}


def acts(store: Store) -> dict[str, list[tuple[str, str, int]]]:
    """By person the kinds of acts with their topics and seconds."""
    found = [msgspec.msgpack.decode(value, type=Person) for _, value in store.scan(PERSONS, PERSONS_END, 100)]
    return {p.id: [(act.kind, act.about, (act.t - BASE_MS) // 1000) for act in p.acts] for p in found if p.to is None}


def members(plan: Plan, store: Store) -> dict[str, set[str]]:
    names = {rule.no: rule.id for rule in PersonStage(plan).rules.rules}
    found = [msgspec.msgpack.decode(value, type=Person) for _, value in store.scan(PERSONS, PERSONS_END, 100)]
    return {p.id: {names[no] for no in p.members} for p in found if p.to is None}


def came(output: MemoryOutput) -> list[tuple[str, str, str]]:
    """Person, what happened to which segment, and the cause, in the order of the lane."""
    told = [json.loads(value) for _, _, value in sorted(output.streams.get("transitions", []))]
    return [
        (each["subject"], f"{each['type'].rpartition('.')[2]} {each['data']['segment']}", next(iter(each["data"]["cause"].values())))
        for each in told
    ]


def reasons(output: MemoryOutput) -> list[str]:
    told = [json.loads(value) for stream in ("triggers", "decisions") for _, _, value in sorted(output.streams.get(stream, []))]
    return [each["data"].get("reason", "sent") for each in told]


GAVE = record(0, "Consent Given", anonymous="a", topic="news", text_version="v1")
WITHDREW = record(1, "Consent Withdrawn", user="u", topic="news")


@pytest.mark.parametrize("run", WAYS.values(), ids=WAYS)
def test_a_segment_changes_at_the_act(run: Any) -> None:
    output, _ = run(plan_of(), [GAVE, record(2, "Consent Withdrawn", anonymous="a", topic="news")])
    assert came(output) == [
        ("a", "entered given", "Consent Given0"),
        ("a", "exited given", "Consent Withdrawn2"),
        ("a", "entered withdrawn", "Consent Withdrawn2"),
    ]


@pytest.mark.parametrize("run", WAYS.values(), ids=WAYS)
def test_a_link_brings_the_acts_of_both_together(run: Any) -> None:
    output, store = run(plan_of(), [GAVE, WITHDREW, record(2, "Login", user="u", anonymous="a")])
    assert acts(store) == {"u": [("given", "news", 0), ("proved", "news", 0), ("withdrawn", "news", 1)]}
    assert came(output)[-1] == ("a", "exited given", "Login2")


@pytest.mark.parametrize("run", WAYS.values(), ids=WAYS)
def test_a_later_giving_of_the_other_lifts_a_withdrawal_at_the_link(run: Any) -> None:
    stream = [
        record(0, "Consent Withdrawn", user="u", topic="news"),
        record(5, "Consent Given", anonymous="a", topic="news", text_version="v1"),
        record(6, "Login", user="u", anonymous="a"),
    ]
    output, _ = run(plan_of(), stream)
    assert came(output)[-3:] == [("a", "exited given", "Login6"), ("u", "entered given", "Login6"), ("u", "exited withdrawn", "Login6")]


OLD = {"history": "10s", "duplicates": "1s"}
KEPT: dict[str, dict[str, Any]] = {"all kept": {}, "dropped": OLD, "none kept": {"history": "none"}}


@pytest.mark.parametrize("settings", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("run", WAYS.values(), ids=WAYS)
def test_acts_outlive_their_events(run: Any, settings: dict[str, Any]) -> None:
    stream = [
        record(0, "Unsubscribed", anonymous="a"),
        record(30 * DAY, "B", anonymous="a"),
        record(30 * DAY + 1, "B", user="u"),
        record(60 * DAY, "Login", user="u", anonymous="a"),
        record(60 * DAY + 1, "A", user="u"),
    ]
    output, store = run(plan_of(**settings), stream)
    assert acts(store) == {"u": [("unsubscribed", "", 0)]}
    assert reasons(output) == ["suppressed"]


@pytest.mark.parametrize("settings", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("run", WAYS.values(), ids=WAYS)
def test_an_unmerge_gives_each_its_own_acts(run: Any, settings: dict[str, Any]) -> None:
    """Also where one's act was hidden behind a later one of the other."""
    stream = [
        record(0, "Unsubscribed", user="u"),
        record(1, "Consent Given", user="u", topic="news", text_version="v1"),
        record(2, "Unsubscribed", user="v"),
        record(30 * DAY, "B", user="u"),
        record(30 * DAY, "B", user="v"),
        says("alias", 30 * DAY + 1, "u", "v"),
        record(30 * DAY + 2, "Consent Withdrawn", user="v", topic="news"),
        record(60 * DAY, "B", user="u"),
    ]
    _, merged = run(plan_of(**settings), stream)
    together = [("given", "news", 1), ("proved", "news", 1), ("unsubscribed", "", 2), ("withdrawn", "news", 30 * DAY + 2)]
    assert acts(merged) == {"u": together}
    _, parted = run(plan_of(**settings), [*stream, says("unmerge", 60 * DAY + 1, "u", "v")])
    assert acts(parted) == {
        "u": [("given", "news", 1), ("proved", "news", 1), ("unsubscribed", "", 0)],
        "v": [("unsubscribed", "", 2), ("withdrawn", "news", 30 * DAY + 2)],
    }


@pytest.mark.parametrize("settings", [{}, OLD], ids=["all kept", "dropped"])
@pytest.mark.parametrize("run", WAYS.values(), ids=WAYS)
def test_segments_of_those_who_are_parted_go_by_their_own_acts(run: Any, settings: dict[str, Any]) -> None:
    stream = [
        record(0, "Consent Given", user="u", topic="news", text_version="v1"),
        record(30 * DAY, "B", user="v"),
        says("alias", 30 * DAY + 1, "u", "v"),
        record(30 * DAY + 2, "Consent Withdrawn", user="v", topic="news"),
        record(60 * DAY, "B", user="u"),
        record(60 * DAY, "C", user="v"),
        says("unmerge", 60 * DAY + 1, "u", "v"),
    ]
    plan = plan_of(**settings)
    _, store = run(plan, stream)
    assert members(plan, store) == {"u": {"given"}, "v": {"withdrawn"}}


@pytest.mark.parametrize("settings", KEPT.values(), ids=KEPT)
def test_a_changed_plan_finds_the_acts(settings: dict[str, Any]) -> None:
    stream = [
        record(0, "Consent Given", user="u", topic="news", text_version="v1"),
        *(record(day * DAY, "B", user="u") for day in (30, 60)),
    ]
    _, store = drive(make_plan({"often": RULES["often"]}, **settings), stream)
    plan = make_plan({"often": RULES["often"], "given": "consent('news')"}, **settings)
    lane = open_lane("all", plan, store, MemoryPublisher(MemoryOutput()))
    lane.apply(Batch(0, 3, [], end=True))
    lane.close()
    assert members(plan, store) == {"u": {"given"}}


@pytest.mark.parametrize("settings", [{}, OLD], ids=["all kept", "dropped"])
def test_a_condition_that_is_held_finds_the_acts(settings: dict[str, Any]) -> None:
    stream = [
        record(0, "Consent Given", user="u", topic="news", text_version="v1"),
        *(record(60 * DAY + second, "B", user="u") for second in (0, 9)),
    ]
    _, store = drive(make_plan({"often": RULES["often"]}, **settings), stream)
    plan = make_plan({"held": "held(consent('news'), at_least='9s')"}, **settings)
    lane = open_lane("all", plan, store, MemoryPublisher(MemoryOutput()))
    lane.apply(Batch(0, 3, [], end=True))
    lane.close()
    assert members(plan, store)["u"] >= {"held"}
