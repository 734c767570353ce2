"""The step over whole events: what is cleaned, what stands beside it, what is found."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.clean.clean import Clean, Found
from operators.clean.companions import RAW, VERDICT
from operators.lane.stats import read_days
from operators.plan.checked import CleanPlan
from schemas.event import Event
from schemas.plan import CLEANED_TRAITS
from tests.audited import persons_of
from tests.harness import make_plan, run_engine
from tests.operators.clean.test_kinds import OTHERS, VALUES


def cleaned(traits: dict[str, Any], plan: CleanPlan | None = None) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    event = Event(0, "identify", "Identified", "m", "u", None, traits)
    before = copy.deepcopy(traits)
    found = Clean(plan or CleanPlan()).clean(event)
    assert before == traits
    return event.properties, [(each.field, each.problem) for each in found]


def test_an_identify_is_cleaned_and_keeps_what_came_beside_it() -> None:
    traits = {
        "email": " Anna@Gmial.COM",
        "firstName": "ANNA",
        "phone": "0171 1234567",
        "birthday": "24.12.1990",
        "address": {"country": "Germany", "city": "BERLIN", "postalCode": "d-10115"},
        "tier": "gold ",
        "tags": ["a ", 1],
    }
    assert cleaned(traits) == (
        {
            "email": "Anna@gmial.com",
            "firstName": "Anna",
            "phone": "+491711234567",
            "birthday": "1990-12-24",
            "address": {"country": "DE", "city": "Berlin", "postalCode": "10115"},
            "tier": "gold",
            "tags": ["a", 1],
            "email_raw": " Anna@Gmial.COM",
            "firstName_raw": "ANNA",
            "phone_raw": "0171 1234567",
            "birthday_raw": "24.12.1990",
            "address_raw": {"country": "Germany", "city": "BERLIN", "postalCode": "d-10115"},
            "tier_raw": "gold ",
            "tags_raw": ["a ", 1],
            "email_verdict": {"syntax": "valid", "suggestion": "Anna@gmail.com", "disposable": True},
        },
        [(name, "changed") for name in ("email", "firstName", "phone", "birthday", "address", "*", "*")],
    )


def test_what_cannot_be_read_stays() -> None:
    traits = {"email": "nobody", "phone": "0171 1234567", "country": "Atlantis", "birthday": 631152000000, "firstName": None}
    properties, found = cleaned(traits)
    assert {**traits, "email_verdict": {"syntax": "invalid"}} == properties
    assert found == [("email", "invalid"), ("phone", "invalid"), ("country", "invalid")]


@pytest.mark.parametrize(
    ("traits", "plan", "expected"),
    [
        ({"phone": "030 123456"}, None, "030 123456"),
        ({"phone": "030 123456"}, "DE", "+4930123456"),
        ({"phone": "01 7121234", "country": "Austria"}, "DE", "+4317121234"),
        ({"phone": "01 7121234", "address": {"country": "AT"}}, "DE", "+4317121234"),
        ({"phone": "01 7121234", "address": {"country": 7}, "country": "Atlantis"}, "AT", "+4317121234"),
    ],
)
def test_the_country_is_that_of_the_event_else_of_the_plan(traits: dict[str, Any], plan: str | None, expected: str) -> None:
    assert expected == cleaned(traits, CleanPlan(country=plan))[0]["phone"]


def test_the_plan_says_what_is_what() -> None:
    plan = CleanPlan({**CLEANED_TRAITS, "mobile": "phone", "email": "off", "plz": "text"}, ("mobile", "plz"), "DE")
    properties, found = cleaned({"mobile": "0171 1234567", "email": " A@B.DE", "plz": ""}, plan)
    assert properties == {"mobile": "+491711234567", "email": " A@B.DE", "plz": "", "mobile_raw": "0171 1234567"}
    assert found == [("mobile", "changed"), ("plz", "missing")]


def test_of_other_events_only_what_is_plain_is_cleaned() -> None:
    event = Event(0, "track", "Signed Up", "m", "u", None, {"email": "A@B.DE ", "name": "ANNA ", "total": 3})
    assert [Found("email", "changed")] == Clean(CleanPlan()).clean(event)
    assert event.properties == {"email": "A@b.de", "name": "ANNA ", "total": 3, "email_raw": "A@B.DE "}


TRAITS = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.one_of(VALUES[kind], OTHERS) for name, kind in CLEANED_TRAITS.items()},
        **{name: st.one_of(st.text(), OTHERS) for name in ("tier", "email_raw", "tier_raw", "email_verdict")},
    },
)


@given(TRAITS, st.sampled_from([None, "DE", "US"]))
def test_cleaned_again_an_event_stays_as_it_is(traits: dict[str, Any], country: str | None) -> None:
    once, _ = cleaned(traits, CleanPlan(country=country))
    twice, found = cleaned(once, CleanPlan(country=country))
    assert once == twice
    assert [each for each in found if each[1] == "changed"] == []


@given(TRAITS)
def test_what_came_is_there_still(traits: dict[str, Any]) -> None:
    properties, _ = cleaned(traits)
    for name, value in traits.items():
        if not name.endswith((RAW, VERDICT)):
            assert value == properties.get(name + RAW, value) or value == properties[name]
            assert value == (properties[name + RAW] if properties[name] != value else properties[name])


def said(id: str, second: int, **record: Any) -> bytes:
    return json.dumps({"type": "identify", "messageId": id, "timestamp": f"2026-01-05T00:00:{second:02d}Z", **record}).encode()


def test_in_a_lane_rules_see_what_is_clean_and_what_is_found_is_counted() -> None:
    plan = make_plan(
        {
            "reachable": "trait.email_verdict.syntax == 'valid' and trait.phone == '+491711234567'",
            "changed": "trait.phone_raw == '0171 1234567'",
        },
        country="DE",
        clean={"mobile": "phone"},
    )
    sent = {"context": {"library": {"name": "shop"}}, "userId": "u"}
    run = run_engine(plan, [said("m", 0, traits={"email": "a@b.de", "phone": "0171 1234567", "country": "Atlantis"}, **sent)])
    assert {"reachable", "changed"} == {segment for _, _, _, segment, _ in run.transitions}
    ((_, day),) = ((number, day) for number, day in read_days(run.store) if day.quality)
    found = [("phone", "changed", "cleaned"), ("country", "invalid", "kept"), ("mobile", "missing", "kept")]
    assert day.quality == {"shop": {json.dumps(each, separators=(",", ":")): 1 for each in found}}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_raw_value_goes_with_its_value_whatever_the_order(order: tuple[int, ...]) -> None:
    plan = make_plan({"raw": "trait.tier_raw is not None", "gold": "trait.tier == 'gold'"}, lateness="1m")
    tiers = ["silver ", "gold", "tin "]
    lines = [said(f"m{i}", i, userId="u", traits={"tier": tiers[i]}) for i in range(3)]
    run = run_engine(plan, [lines[i] for i in order])
    (person,) = persons_of(run.store)
    assert {name: value for name, (_, value, *_) in person.traits.items()} == {"tier": "tin", "tier_raw": "tin "}
    run = run_engine(plan, [lines[i] for i in order if i < 2])
    (person,) = persons_of(run.store)
    assert {name: value for name, (_, value, *_) in person.traits.items()} == {"tier": "gold"}


def test_two_spellings_of_one_mailbox_are_one_person() -> None:
    plan = make_plan({"two": "trait.a == 1 and trait.b == 1"})
    run = run_engine(
        plan,
        [
            said("m1", 1, anonymousId="x", traits={"email": "Anna.Smith@googlemail.com", "a": 1}),
            said("m2", 2, anonymousId="y", traits={"email": "annasmith+shop@GMAIL.com", "b": 1}),
        ],
    )
    assert [(person, kind, segment) for _, person, kind, segment, _ in run.transitions] == [("annasmith@gmail.com", "entered", "two")]


def test_a_plan_can_leave_all_as_it_is() -> None:
    plan = make_plan({"untidy": "trait.tier == 'gold '"}, clean="off")
    assert [line[3] for line in run_engine(plan, [said("m", 0, userId="u", traits={"tier": "gold "})]).transitions] == ["untidy"]
