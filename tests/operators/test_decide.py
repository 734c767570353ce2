"""`decide`: each reason and their order, re-entry and caps to the millisecond, hold-outs by bucket, occasions that are told apart."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from operators.decide import name_of
from operators.language.calls.bucket import bucket
from operators.plan.checked import Plan
from schemas.output import DECISION_REASONS
from schemas.person import new_person
from tests.harness import make_plan, run_engine

BASE = 1_767_571_200_000
SEND = [{"send": "mail"}]
Sending = tuple[int, str, str]
"""Milliseconds after the start, campaign, and the template or the reason why nothing was sent."""


def line(t: int, event: str = "Buy", /, user: str = "u", id: str | None = None, type: str = "track", **properties: Any) -> bytes:
    stamp = f"2026-01-05T{t // 3_600_000:02d}:{t // 60_000 % 60:02d}:{t // 1000 % 60:02d}.{t % 1000:03d}Z"
    record = {"type": type, "event": event, "userId": user, "messageId": id or f"{event}{t}{user}", "timestamp": stamp}
    return json.dumps(record | {"traits" if type == "identify" else "properties": properties}).encode()


def known(user: str = "u", **traits: Any) -> bytes:
    """A person with an address, from the start on."""
    return line(0, "", user=user, id=f"known-{user}", type="identify", **({"email": f"{user}@example.com"} | traits))


def records(plan: Plan, lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """Triggers and decisions, in their order."""
    run = run_engine(plan, list(lines))
    return [record for record in run.records if record["type"] in ("beckon.trigger", "beckon.decision")]


def sendings(plan: Plan, lines: Iterable[bytes]) -> list[Sending]:
    run = run_engine(plan, list(lines))
    return [(t - BASE, campaign, what.split(" ")[0]) for t, _, _, campaign, what in run.sendings]


def campaign(**fields: Any) -> dict[str, Any]:
    return {"on": "event Buy", "re_enter": "always", "steps": SEND} | fields


def plan_of(campaigns: dict[str, dict[str, Any]] | None = None, rules: dict[str, str] | None = None, **settings: Any) -> Plan:
    rules = {"buyers": 'did("Buy", within="10s")'} if rules is None else rules
    return make_plan(rules, {"c": campaign()} if campaigns is None else campaigns, **({"lateness": "0s"} | settings))


# --- reasons and their order ----------------------------------------------------------------------------------------------------------

CAP = [{"most": 1, "within": "1h"}]
TWICE = [known(), line(1000), line(2000)]
GIVEN = line(1600, "Consent Given", topic="news", text_version="v2")
REASONS: dict[str, tuple[Plan, list[bytes], list[str]]] = {
    "sent": (plan_of(), TWICE, ["mail", "mail"]),
    "no identify": (plan_of(), TWICE[1:], ["no_address", "no_address"]),
    "an empty address": (plan_of(), [known(email=""), *TWICE[1:]], ["no_address", "no_address"]),
    "an address that is no text": (plan_of(), [known(email=["u@example.com"]), *TWICE[1:]], ["no_address", "no_address"]),
    "an address taken away": (
        plan_of(),
        [known(), line(1000), line(1500, type="identify", email=None), line(2000)],
        ["mail", "no_address"],
    ),
    "an address that comes later": (plan_of(), [line(1000), line(1500, type="identify", email="u@x"), line(2000)], ["no_address", "mail"]),
    "hold-out of the plan": (plan_of(holdout=1.0), TWICE, ["holdout", "holdout"]),
    "hold-out of the campaign": (plan_of({"c": campaign(holdout="100%")}), TWICE, ["holdout", "holdout"]),
    "re-entry": (plan_of({"c": campaign(re_enter="never")}), TWICE, ["mail", "re_entry"]),
    "cap": (plan_of(caps=CAP), TWICE, ["mail", "cap"]),
    "suppressed": (plan_of(), [known(), line(500, "Unsubscribed"), *TWICE[1:]], ["suppressed", "suppressed"]),
    "consent": (plan_of({"c": campaign(topic="news")}, topics={"news": {}}), TWICE, ["consent", "consent"]),
    "suppressed before consent": (
        plan_of({"c": campaign(topic="news")}, topics={"news": {}}),
        [known(), line(1000), line(1500, "Unsubscribed"), line(2000)],
        ["consent", "suppressed"],
    ),
    "suppressed before no address": (plan_of(), [line(500, "Unsubscribed"), *TWICE[1:]], ["suppressed", "suppressed"]),
    "consent before no address": (plan_of({"c": campaign(topic="news")}, topics={"news": {}}), TWICE[1:], ["consent", "consent"]),
    "no address before hold-out": (plan_of(holdout=1.0), TWICE[1:], ["no_address", "no_address"]),
    "hold-out before re-entry and cap": (plan_of({"c": campaign(re_enter="never", holdout=1.0)}, caps=CAP), TWICE, ["holdout", "holdout"]),
    "an address of a person who was erased": (
        plan_of(),
        [known(), line(1000), line(1500, type="erase"), line(1600), known(), line(2000)],
        ["mail", "no_address", "suppressed"],
    ),
    "a consent with its text after the erasure": (
        plan_of({"c": campaign(topic="news")}, topics={"news": {}}),
        [known(), line(1500, type="erase"), known(), GIVEN, line(2000)],
        ["mail"],
    ),
    "a consent without its text": (
        plan_of({"c": campaign(topic="news")}, topics={"news": {}}),
        [known(), line(1500, type="erase"), known(), line(1600, "Consent Given", topic="news"), line(2000)],
        ["suppressed"],
    ),
    "a consent with its text before the erasure": (
        plan_of({"c": campaign(topic="news")}, topics={"news": {}}),
        [known(), line(1700, type="erase"), known(), GIVEN, line(2000)],
        ["suppressed"],
    ),
    "suppression before hold-out": (
        plan_of(holdout=1.0),
        [known(), line(1500, type="erase"), known(), line(2000)],
        ["suppressed"],
    ),
    "re-entry before cap": (plan_of({"c": campaign(re_enter="never")}, caps=CAP), TWICE, ["mail", "re_entry"]),
}


@pytest.mark.parametrize(("plan", "lines", "expected"), REASONS.values(), ids=REASONS)
def test_the_first_check_that_refuses_is_the_reason(plan: Plan, lines: list[bytes], expected: list[str]) -> None:
    assert expected == [what for _, _, what in sendings(plan, lines)]


def test_every_reason_is_met_here() -> None:
    assert set(DECISION_REASONS) == {what for _, _, expected in REASONS.values() for what in expected} - {"mail"}


def test_only_who_is_let_in_has_entered() -> None:
    """What is refused before the re-entry check is no entry."""
    plan = plan_of({"c": campaign(re_enter="never")})
    lines = [line(1000), line(2000, type="identify", email="u@x"), line(3000), line(4000)]
    assert [what for _, _, what in sendings(plan, lines)] == ["no_address", "mail", "re_entry"]


def test_an_entry_that_a_cap_held_is_one() -> None:
    plan = plan_of({"a": campaign(), "b": campaign(re_enter="never")}, caps=[{"most": 1, "within": "2s"}])
    lines = [known(), line(1000), line(9000)]
    expected = [(1000, "a", "mail"), (1000, "b", "cap"), (9000, "a", "mail"), (9000, "b", "re_entry")]
    assert expected == sendings(plan, lines)


# --- re-entry -------------------------------------------------------------------------------------------------------------------------

RE_ENTER: dict[str, tuple[str, list[int], list[int]]] = {
    "never": ("never", [0, 1, 50_000_000], [0]),
    "always": ("always", [0, 0, 1, 50_000_000], [0, 0, 1, 50_000_000]),
    "just before": ("after 10s", [0, 9999], [0]),
    "exactly then": ("after 10s", [0, 10_000], [0, 10_000]),
    "counted from the last that was let in": ("after 10s", [0, 9000, 10_000, 19_999, 20_000], [0, 10_000, 20_000]),
    "not from the first": ("after 10s", [0, 15_000, 24_999, 25_000], [0, 15_000, 25_000]),
}


@pytest.mark.parametrize(("re_enter", "times", "sent"), RE_ENTER.values(), ids=RE_ENTER)
def test_who_may_start_again(re_enter: str, times: list[int], sent: list[int]) -> None:
    lines = [known(), *(line(1000 + t, id=f"m{number}") for number, t in enumerate(times))]
    found = sendings(plan_of({"c": campaign(re_enter=re_enter)}), lines)
    assert sent == [t - 1000 for t, _, what in found if what == "mail"]
    assert {"re_entry"} >= {what for _, _, what in found if what != "mail"}


@pytest.mark.parametrize(("on", "sent"), [("enters buyers", [1000, 30_000]), ("exits buyers", [11_000, 40_000])])
def test_segments_start_campaigns_at_their_transitions(on: str, sent: list[int]) -> None:
    plan = plan_of({"c": campaign(on=on)})
    assert [(t, "c", "mail") for t in sent] == sendings(plan, [known(), line(1000), line(30_000), line(90_000, "Other")])


def test_re_entry_of_a_segment_goes_by_the_times_of_the_transitions() -> None:
    plan = plan_of({"c": campaign(on="exits buyers", re_enter="after 20s")})
    lines = [known(), line(1000), line(20_999), line(51_000), line(90_000, "Other")]
    assert sendings(plan, lines) == [(11_000, "c", "mail"), (30_999, "c", "re_entry"), (61_000, "c", "mail")]


def test_the_entries_of_campaigns_are_their_own() -> None:
    plan = plan_of({name: campaign(re_enter="never") for name in "ab"})
    found = sendings(plan, TWICE)
    assert found == [(1000, "a", "mail"), (1000, "b", "mail"), (2000, "a", "re_entry"), (2000, "b", "re_entry")]


# --- caps -----------------------------------------------------------------------------------------------------------------------------

CAPS: dict[str, tuple[list[dict[str, Any]], list[int], list[int]]] = {
    "just inside the window": ([{"most": 1, "within": "10s"}], [0, 9999], [0]),
    "exactly at its edge": ([{"most": 1, "within": "10s"}], [0, 10_000], [0, 10_000]),
    "a held one does not count": ([{"most": 1, "within": "10s"}], [0, 9999, 10_000, 19_999, 20_000], [0, 10_000, 20_000]),
    "rolling": ([{"most": 2, "within": "10s"}], [0, 5000, 9999, 10_000, 14_999, 15_000], [0, 5000, 10_000, 15_000]),
    "at one instant": ([{"most": 2, "within": "1ms"}], [0, 0, 0, 1, 1, 1], [0, 0, 1, 1]),
    "two caps": ([{"most": 1, "within": "5s"}, {"most": 2, "within": "20s"}], [0, 4999, 5000, 10_000, 19_999, 20_000], [0, 5000, 20_000]),
    "none": ([], [0, 0, 1], [0, 0, 1]),
}


@pytest.mark.parametrize(("caps", "times", "sent"), CAPS.values(), ids=CAPS)
def test_caps_hold_in_every_window(caps: list[dict[str, Any]], times: list[int], sent: list[int]) -> None:
    lines = [known(), *(line(1000 + t, id=f"m{number}") for number, t in enumerate(times))]
    found = sendings(plan_of(caps=caps), lines)
    assert sent == [t - 1000 for t, _, what in found if what == "mail"]
    assert len(times) == len(found)


def test_caps_count_all_campaigns_of_a_person_and_no_other_person() -> None:
    plan = plan_of({name: campaign() for name in "abc"}, caps=[{"most": 2, "within": "1h"}])
    lines = [known(), known("v"), line(1000), line(1000, user="v")]
    whats = ["mail", "mail", "cap"]
    assert [(1000, name, what) for _ in "uv" for name, what in zip("abc", whats, strict=True)] == sendings(plan, lines)


def test_what_caps_remember_does_not_grow() -> None:
    plan = plan_of(caps=[{"most": 3, "within": "10s"}, {"most": 5, "within": "1h"}])
    lines = [known(), *(line(t * 1000) for t in range(1, 600))]
    assert sum(what == "mail" for _, _, what in sendings(plan, lines)) == 5


# --- hold-outs ------------------------------------------------------------------------------------------------------------------------

PERSONS = [f"person-{number}" for number in range(200)]


def held(plan: Plan) -> set[str]:
    lines = [each for user in PERSONS for each in (known(user), line(1000, user=user))]
    return {record["subject"] for record in records(plan, lines) if record["data"].get("reason") == "holdout"}


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_the_hold_out_of_a_plan_goes_by_the_bucket_holdout(share: float) -> None:
    assert {user for user in PERSONS if bucket("holdout", user) < share} == held(plan_of(holdout=share))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_hold_out_of_a_campaign_goes_by_a_bucket_of_its_own(share: float) -> None:
    assert {user for user in PERSONS if bucket("c/holdout", user) < share} == held(plan_of({"c": campaign(holdout=share)}))


def test_hold_outs_add_up() -> None:
    expected = {user for user in PERSONS if bucket("holdout", user) < 0.2 or bucket("c/holdout", user) < 0.3}
    assert expected == held(plan_of({"c": campaign(holdout=0.3)}, holdout=0.2))
    assert 60 < len(expected) < 120


# --- occasions ------------------------------------------------------------------------------------------------------------------------


def test_a_key_tells_two_occasions_of_one_person_apart() -> None:
    plan = plan_of({"c": campaign(key="cart", re_enter="never")})
    lines = [known(), line(1000, cart="a"), line(2000, cart="b"), line(3000, cart="a"), line(4000), line(5000), line(6000, cart="b")]
    assert [what for _, _, what in sendings(plan, lines)] == ["mail", "mail", "re_entry", "mail", "re_entry", "re_entry"]


def test_keys_are_values_not_texts() -> None:
    """1 and 1.0 are one value; 1, true and "1" are three."""
    plan = plan_of({"c": campaign(key="cart.id", re_enter="never")})
    values: list[Any] = [1, 1.0, "1", True, None, "null", {"a": 1, "b": 2}, {"b": 2, "a": 1}, [1], 2**70]
    lines = [known(), *(line(1000 + number, cart={"id": value}) for number, value in enumerate(values))]
    expected = ["mail", "re_entry", "mail", "mail", "mail", "mail", "mail", "re_entry", "mail", "mail"]
    assert expected == [what for _, _, what in sendings(plan, lines)]


ON: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a name": ({"on": "event Buy"}, ["Buy"]),
    "another name": ({"on": "event Bu"}, []),
    "every event": ({"on": "event *"}, ["Identified", "Buy", "Buy now", "Page Viewed", "Email Opened"]),
    "a star": ({"on": "event Buy*"}, ["Buy", "Buy now"]),
    "a star behind a space": ({"on": "event Email *"}, ["Email Opened"]),
    "a page": ({"on": "event Page Viewed"}, ["Page Viewed"]),
    "identify": ({"on": "event Identified"}, ["Identified"]),
    "where": ({"on": "event * where price > 5"}, ["Buy"]),
    "where of its own": ({"on": "event *", "where": "price > 5"}, ["Buy"]),
    "where on the traits of an identify": ({"on": 'event * where email.contains("@")'}, ["Identified"]),
    "where is not true": ({"on": "event Buy where price"}, []),
    "draft": ({"on": "event *", "state": "draft"}, []),
    "draft on a segment": ({"on": "enters buyers", "state": "draft"}, []),
}


@pytest.mark.parametrize(("fields", "names"), ON.values(), ids=ON)
def test_the_events_that_start_a_campaign(fields: dict[str, Any], names: list[str]) -> None:
    lines = [
        known(),
        line(1, price=6),
        line(2, "Buy now", price=5),
        line(3, type="page"),
        line(4, "Email Opened"),
        line(5, type="group", price=9),
    ]
    found = records(plan_of({"c": campaign(**fields)}), lines)
    assert names == [record["data"]["context"]["event"] for record in found]


def test_a_name_and_stars_start_a_campaign_once_and_all_in_order() -> None:
    plan = plan_of(
        {"z": campaign(on="event Buy"), "a": campaign(on="event *"), "m": campaign(on="event B*"), "b": campaign(on="enters buyers")}
    )
    found = sendings(plan, [known(), line(1000)])
    assert [(0, "a", "mail"), *((1000, name, "mail") for name in "bamz")] == found


def test_campaigns_of_transitions_come_before_those_of_the_event_and_by_segment() -> None:
    rules = {"b_first": 'did("Buy")', "a_second": 'segment("b_first")', "a_first": 'did("Buy")'}
    plan = plan_of(
        {"x": campaign(on="enters a_second"), "y": campaign(on="enters b_first"), "z": campaign(on="enters a_first"), "a": campaign()},
        rules,
    )
    assert [name for _, name, _ in sendings(plan, [known(), line(1000)])] == ["z", "y", "x", "a"]


def test_several_sends_of_a_campaign_are_one_entry() -> None:
    plan = plan_of({"c": campaign(re_enter="never", steps=[{"send": "first"}, {"send": "second"}])})
    assert sendings(plan, TWICE) == [(1000, "c", "first"), (1000, "c", "second"), (2000, "c", "re_entry"), (2000, "c", "re_entry")]


def test_a_late_event_starts_a_campaign_at_the_clock_of_the_person() -> None:
    found = sendings(plan_of(lateness="1h"), [known(), line(5000, "Other"), line(1000)])
    assert found == [(5000, "c", "mail")]


# --- what a trigger holds -------------------------------------------------------------------------------------------------------------


def test_what_a_trigger_of_an_event_holds() -> None:
    plan = plan_of({"c": campaign()})
    [trigger] = records(plan, [known(name="Ann", plan="gold", gone=None), line(1000, price=7, huge=2**70)])
    data = trigger["data"]
    assert (data["campaign"], data["step"], data["template"], data["variant"]) == ("c", 0, "mail", None)
    assert data["to"] == {"address": "u@example.com", "name": "Ann"}
    assert data["traits"] == {"email": "u@example.com", "name": "Ann", "plan": "gold"}
    about = data["context"]
    assert (about["event"], about["messageId"], about["properties"]) == ("Buy", "Buy1000u", {"price": 7, "huge": 2**70})
    assert data["why"] == {"event": "Buy1000u"}


def test_what_a_trigger_of_a_transition_holds() -> None:
    plan = plan_of({"c": campaign(on="exits buyers")})
    run = run_engine(plan, [known(), line(1000, price=2**70), line(90_000, "Other")])
    [trigger] = [record for record in run.records if record["type"] == "beckon.trigger"]
    [transition] = [record for record in run.records if record["type"] == "beckon.segment.exited"]
    why = trigger["data"]["why"]
    assert (transition["id"], "buyers", "exited") == tuple(why["transition"][key] for key in ("id", "segment", "kind"))
    assert transition["data"]["why"] == why["rule"] == {"did('Buy', within='10s')": False}
    assert transition["time"] == trigger["time"]


def test_a_decision_has_the_id_that_its_trigger_would_have_had() -> None:
    lines = [known(), line(1000)]
    [sent], [held_back] = records(plan_of(), lines), records(plan_of(holdout=1.0), lines)
    assert sent["id"] == held_back["id"]
    assert (held_back["type"], held_back["data"]["reason"], held_back["data"]["template"]) == ("beckon.decision", "holdout", "mail")


def test_ids_are_those_of_the_occasion() -> None:
    plan = plan_of({"a": campaign(), "b": campaign(on="enters buyers"), "c": campaign(key="x")})
    lines = [known(), known("v"), line(1000), line(1000, user="v"), line(2000), line(30_000, id="other", x=1), line(30_000, id="more", x=1)]
    found = [record["id"] for record in records(plan, lines)]
    assert len(found) == len(set(found)) == 5 * 2 + 3
    for size in (1, 3):
        again = run_engine(plan, lines, batches=size).records
        assert found == [record["id"] for record in again if record["type"] == "beckon.trigger"]


def test_the_same_message_id_far_enough_apart_is_another_occasion() -> None:
    plan = plan_of({"a": campaign(), "b": campaign(on="enters buyers")}, duplicates="1m")
    found = records(plan, [known(), line(1000, id="m"), line(61_000, id="m")])
    assert 4 == len({record["id"] for record in found}) == len(found)


def test_without_the_duplicate_check_each_event_is_an_occasion_of_its_own() -> None:
    found = records(plan_of(duplicates="off"), [known(), line(1000, id="m"), line(1000, id="m")])
    assert 2 == len({record["id"] for record in found}) == len(found)


NAMES: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"name": "Ann Lee"}, "Ann Lee"),
    ({"name": "", "first_name": "Ann"}, "Ann"),
    ({"name": 7, "firstName": "Ann", "lastName": "Lee"}, "Ann Lee"),
    ({"first_name": "Ann", "last_name": "Lee"}, "Ann Lee"),
    ({"first_name": "", "firstName": "Ann"}, "Ann"),
    ({"first_name": "Ann", "firstName": "Bea"}, "Ann"),
    ({"last_name": "Lee"}, "Lee"),
    ({"first_name": ["Ann"], "last_name": "Lee"}, "Lee"),
    ({"name": None, "firstName": None}, None),
]


@pytest.mark.parametrize(("traits", "expected"), NAMES, ids=range(len(NAMES)))
def test_the_name_of_a_person(traits: dict[str, Any], expected: str | None) -> None:
    p = new_person("u")
    p.traits = {name: [BASE, value] for name, value in traits.items()}
    assert expected == name_of(p)
