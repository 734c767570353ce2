"""Which value of a trait counts where sources differ: by each survivorship, in any order of arrival, under a changed plan, in bounds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.person import PersonStage
from operators.plan.checked import Plan
from operators.plan.read import read_plan
from operators.strictness import AGREEING, REFUSING, leniency
from operators.survive import MOST_SOURCES, MOST_WORDS, differing, source_of, words_of
from schemas.event import Event
from schemas.person import Person, new_person
from tests.dice import Dice, drawn
from tests.drawn_streams import POLICIES
from tests.harness import make_plan
from tests.operators.test_change import State
from tests.oracle_traits import traits_of
from tests.strategies import BASE_MS, stamp

Word = tuple[int, str | None, dict[str, Any]]
"""Time, source and traits of an identify event."""

KEYS = {"latest": None, "first": ["crm", "web"], "strictest": "strictest"}


def plan_of(**policies: Any) -> Plan:
    return make_plan({"vip": "trait.vip == True"}, survivorship={name: each for name, each in policies.items() if each is not None})


def event(number: int, word: Word) -> Event:
    t, source, traits = word
    return Event(t, "identify", "Identified", f"m{number}", "u", None, traits, source=source)


def heard(words: Sequence[Word], **policies: Any) -> Person:
    """The person that has heard these words, in this order."""
    survive, p = PersonStage(plan_of(**policies)).survive, new_person("u")
    for number, word in enumerate(words):
        survive.identify(p, event(number, word))
    return p


def values(p: Person) -> dict[str, Any]:
    return {name: kept[1] for name, kept in p.traits.items() if kept[1] is not None}


def known(p: Person) -> dict[str, Any]:
    """All that is known of the traits, with the sources by name; of what counts that it does."""
    found: dict[str, Any] = {}
    for name, kept in p.traits.items():
        words = {source_of(p, number): (t, value) for t, value, number in words_of(kept)}
        found[name] = (kept[1], words)
    return found


CASES: dict[str, tuple[list[tuple[int, str | None, Any]], Any, Any, Any]] = {
    "one source": ([(1, "web", "a"), (2, "web", "b")], "b", "b", "b"),
    "one that is not listed": ([(1, "app", True)], True, True, True),
    "a later one of another": ([(1, "crm", True), (2, "web", False)], False, True, False),
    "an earlier one of another": ([(2, "crm", False), (1, "web", True)], False, False, False),
    "a stricter one of long ago": ([(1, "web", False), (2, "crm", True), (3, "app", True)], True, True, False),
    "the second listed": ([(1, "web", "a"), (2, "app", "b")], "b", "a", "b"),
    "not known is stricter than yes": ([(1, "web", None), (2, "app", True)], True, True, None),
    "no is stricter than not known": ([(1, "web", False), (2, "app", None)], None, False, False),
    "words for yes and no": ([(1, "web", "Opted-out"), (2, "crm", "yes")], "yes", "yes", "Opted-out"),
    "taken away by one": ([(1, "crm", "a"), (2, "web", "b"), (3, "crm", None)], None, "b", None),
    "taken away by all": ([(1, "crm", "a"), (2, "web", "b"), (3, "crm", None), (4, "web", None)], None, None, None),
    "of others the most recent": ([(3, "app", "a"), (2, "shop", "b"), (4, None, "c")], "c", "c", "c"),
    "of others a null": ([(1, "app", "a"), (2, "shop", None)], None, None, None),
    "without a source": ([(1, None, "a"), (2, "crm", "b"), (3, None, "c")], "c", "b", "c"),
    "of one time the later to arrive": ([(1, "app", "a"), (1, "shop", "b")], "b", "b", "b"),
    "of one time and source": ([(1, "crm", "a"), (1, "web", "x"), (1, "crm", "b")], "b", "b", "b"),
}


@pytest.mark.parametrize(("words", "latest", "first", "strictest"), CASES.values(), ids=CASES)
def test_the_value_that_counts(words: list[tuple[int, str | None, Any]], latest: Any, first: Any, strictest: Any) -> None:
    said: list[Word] = [(t, source, {"x": value}) for t, source, value in words]
    found = {name: values(heard(said, x=policy)).get("x") for name, policy in KEYS.items()}
    assert {"latest": latest, "first": first, "strictest": strictest} == found


def test_none_is_the_name_of_no_source() -> None:
    words: list[Word] = [(1, None, {"x": "a"}), (2, "web", {"x": "b"})]
    assert values(heard(words, x=["none"])) == values(heard(words[::-1], x=["none", "web"])) == {"x": "a"}


def test_what_stands_beside_a_value_goes_with_it() -> None:
    crm: Word = (1, "crm", {"email": "a@x.example", "email_raw": "A@X.example", "email_verdict": 1})
    web: Word = (2, "web", {"email": "b@x.example", "email_verdict": 2})
    for words in itertools.permutations((crm, web)):
        assert values(heard(words)) == {"email": "b@x.example", "email_verdict": 2}
        assert values(heard(words, email=["crm"])) == crm[2]
    again: Word = (3, "crm", {"email": "c@x.example", "email_verdict": 3})
    assert values(heard([crm, web, again], email=["crm"])) == again[2]
    gone: Word = (3, "crm", {"email": None, "email_verdict": None})
    assert values(heard([crm, gone, web], email=["crm"])) == values(heard([crm, web, gone], email=["crm"])) == web[2]


def test_what_has_one_source_is_kept_as_short_as_without_one() -> None:
    traits = {f"t{number}": number for number in range(20)}
    sizes = [len(msgspec.msgpack.encode(heard([(1, source, traits), (2, source, traits)]))) for source in (None, "analytics.js")]
    assert sizes[0] + len("analytics.js") + 1 == sizes[1]


def test_sources_are_kept_in_bounds() -> None:
    words: list[Word] = [(number, f"s{number % 100}", {"x": number + 2}) for number in range(400)]
    crm: Word = (-1, "crm", {"x": False})
    p = heard([crm, *words], x=["crm"])
    assert values(p) == {"x": False}
    assert len(words_of(p.traits["x"])) == MOST_WORDS + 1
    assert len(p.sources) <= MOST_SOURCES + 1
    # What lets least stays, and of the others the newest.
    p = heard([crm, *words[:40]], x="strictest")
    assert [t for t, _, _ in words_of(p.traits["x"])] == [-1, *range(40 - MOST_WORDS, 40)]
    p = heard([(number, f"s{number}", {"x": 1, "x_raw": number}) for number in range(40)])
    assert len(words_of(p.traits["x_raw"])) <= MOST_WORDS + 1
    assert values(p) == {"x": 1, "x_raw": 39}


def test_what_differs_is_told_and_nothing_else() -> None:
    words: list[Word] = [(1, "crm", {"x": 1, "y": "a", "z": 1, "email": "a", "email_raw": 2}), (2, "web", {"x": 1.0, "y": "b", "z": None})]
    p = heard([*words, (3, "app", {"y": "b", "email": "b", "email_raw": 3})])
    assert {name: differing(p, name) for name in p.traits} == {
        "x": [],
        "y": [[1, "a", "crm"]],
        "z": [[1, 1, "crm"]],
        "email": [[1, "a", "crm"]],
        "email_raw": [],
    }


def test_spellings_of_one_mailbox_do_not_differ() -> None:
    told = ["x.y@gmail.com", "XY+z@googlemail.com", "b@x.example", "B@x.example"]
    words: list[Word] = [(n, f"s{n}", {"email": each, "email_verdict": {}, "name": each}) for n, each in enumerate(told)]
    p = heard(words[:2])
    assert [len(differing(p, name)) for name in ("email", "name")] == [0, 1]
    p = heard(words)
    assert [value for _, value, _ in differing(p, "email")] == told[:2]
    assert [value for _, value, _ in differing(p, "name")] == told[:3]


def test_words_for_yes_and_no_are_different_ones() -> None:
    assert not AGREEING & REFUSING
    told: list[Any] = [True, 1, 1.0, False, 0, -0.0, 2, [], {}, "", "1", " NO "]
    assert [leniency(value) for value in told] == [2, 2, 2, 0, 0, 0, 1, 1, 1, 1, 2, 0]


# --- in any order -------------------------------------------------------------------------------------------------------------------------


def drawn_words(dice: Dice) -> tuple[list[Word], dict[str, Any]]:
    """Words at times of their own, some with what stands beside; and policies."""
    sources = [None, *("crm", "web", "app", "s1", "s2")][: 1 + dice.below(6)]
    words: list[Word] = []
    for t in range(1 + dice.below(14)):
        traits: dict[str, Any] = {name: dice.pick((True, False, None, "a", "no")) for name in ("x", "y") if dice.chance(7)}
        traits |= {name + ending: t for name in ("x", "y") for ending in ("_raw", "_verdict") if dice.chance(4 if name in traits else 1)}
        words.append((t, dice.pick(sources), traits))
    return words, {name: dice.pick(POLICIES) for name in ("x", "y") if dice.chance(7)}


@given(drawn(lambda dice: (*drawn_words(dice), dice.below(1 << 30))))
def test_what_is_known_is_the_same_in_any_order_of_arrival(made: tuple[list[Word], dict[str, Any], int]) -> None:
    words, policies, number = made
    told = [event(place, word) for place, word in enumerate(words)]
    expected = {name: value for name, value in traits_of(map(Arrived, told), policies).items() if value is not None}
    for order in (words, words[::-1], Dice(number).shuffled(words)):
        assert expected == values(heard(order, **policies)), order
    one, other = (heard(order, **policies) for order in (words, Dice(number).shuffled(words)))
    assert {name: each for name, each in known(one).items() if "_" not in name} == {
        name: each for name, each in known(other).items() if "_" not in name
    }


class Arrived:
    """An event of the oracle, no two of one time."""

    def __init__(self, event: Event) -> None:
        self.t, self.arrival, self.source, self.properties = event.t, 0, event.source, event.properties


@given(drawn(lambda dice: (*drawn_words(dice), dice.below(15), dice.below(1 << 30))))
def test_who_becomes_part_of_another_brings_all_words(made: tuple[list[Word], dict[str, Any], int, int]) -> None:
    words, policies, cut, number = made
    words = Dice(number).shuffled(words)
    survive = PersonStage(plan_of(**policies)).survive
    p, other = heard(words[:cut], **policies), heard(words[cut:], **policies)
    survive.inherit(p, other)
    assert values(heard(words, **policies)) == values(p)


@given(drawn(lambda dice: (*drawn_words(dice), drawn_words(dice)[1])))
def test_what_counts_under_a_changed_plan_is_as_if_it_had_always_been(made: tuple[list[Word], dict[str, Any], dict[str, Any]]) -> None:
    words, before, after = made
    p = heard(words, **before)
    PersonStage(plan_of(**after)).survive.anew(p, ("x", "y"))
    assert values(heard(words, **after)) == values(p)


# --- a changed plan over a state ----------------------------------------------------------------------------------------------------------


def record(at: int, source: str, person: str = "u", **traits: Any) -> bytes:
    told = {"type": "identify", "userId": person, "messageId": f"{source}{at}", "traits": traits, "timestamp": stamp(at * 1000)}
    return json.dumps(told | {"context": {"library": {"name": source}}}).encode()


def track(at: int, person: str) -> bytes:
    return json.dumps({"type": "track", "event": "A", "userId": person, "messageId": f"t{at}", "timestamp": stamp(at * 1000)}).encode()


@pytest.mark.parametrize("touched", [False, True], ids=["by the sweep", "by an event"])
def test_a_changed_survivorship_takes_effect_as_a_changed_rule_does(touched: bool) -> None:
    state = State()
    first, second = plan_of(), plan_of(vip=["crm"])
    assert first.version != second.version
    given = [record(1, "crm", vip=True), record(2, "web", vip=False), record(1, "web", "v", vip=False)]
    state.run(first, given)
    state.run(second, [track(9, "u")] if touched else [], end=True)
    assert [each[1:4] for each in state.came()] == [("u", "entered", "vip"), ("u", "exited", "vip"), ("u", "entered", "vip")]
    assert state.came()[-1].cause == {"plan": second.version}
    assert {id: values(p) for id, p in state.persons().items()} == {"u": {"vip": True}, "v": {"vip": False}}
    state.run(first, [], end=True)
    assert values(state.persons()["u"]) == {"vip": False}
    assert state.came()[-1][1:4] == ("u", "exited", "vip")


def test_the_default_is_no_change_of_a_plan() -> None:
    files = {"segments.yaml": "segments: {a: everyone}", "plan.yaml": "name: p"}
    said = read_plan(files | {"plan.yaml": "name: p\nsurvivorship: {tier: recent}"})
    assert read_plan(files).version == said.version
    versions = {
        read_plan(files | {"plan.yaml": f"name: p\nsurvivorship: {{tier: {each}}}"}).version for each in ("strictest", "[a, b]", "[b, a]")
    }
    assert len(versions | {said.version}) == 4


def test_traits_of_a_state_without_sources_are_of_none() -> None:
    p = new_person("u")
    p.traits = {"x": [BASE_MS, "old"]}
    survive = PersonStage(plan_of(x=["crm"])).survive
    survive.identify(p, event(1, (BASE_MS - 1, "crm", {"x": "new"})))
    assert (values(p), differing(p, "x")) == ({"x": "new"}, [[BASE_MS, "old", None]])


@given(st.lists(st.sampled_from([None, *(f"s{number}" for number in range(70))]), max_size=90))
def test_a_source_keeps_its_number(sources: list[str | None]) -> None:
    p = heard([(t, source, {f"t{t}": t}) for t, source in enumerate(sources)])
    told = {name: source_of(p, words_of(kept)[0][2]) for name, kept in p.traits.items()}
    assert all(told[f"t{t}"] in (source, "other") for t, source in enumerate(sources))
    assert len(set(p.sources)) == len(p.sources) <= MOST_SOURCES + 1
