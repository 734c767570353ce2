"""The evidence of a call agrees with its value: both come of the same events, on ways that have nothing in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from operators.change import Past
from operators.emit import Emit
from operators.language import evidence
from operators.language.canonical import canonical
from operators.language.durations import format_duration
from operators.language.evidence import Evidence, Piece, looked_at
from operators.language.expressions import Value
from operators.language.millionths import millionths, number
from operators.language.nodes import Call, Compare, ListOf, Node, On, Or, Trait
from operators.language.parse import rule
from operators.language.slots import at_path
from operators.language.values import one_form
from operators.person import PersonStage
from operators.plan.checked import Plan, Segment
from schemas.event import Event, Kind
from schemas.person import Person, new_person
from tests.dice import Dice, drawn
from tests.drawn_rules import SPANS, Rules
from tests.drawn_streams import BASE_MS, DECIMALS, OBJECTS, SCORES, VALUES

ZONE = ZoneInfo("UTC")
SECOND = 1000

Agrees = Callable[[Call, list[Piece], int], Any]
"""What a call must give, by its evidence."""


def values(call: Call, pieces: list[Piece]) -> list[Any]:
    return [at_path(piece.event.properties, call["property"]) for piece in pieces]


def total(call: Call, pieces: list[Piece]) -> int:
    return sum(millionths(value) or 0 for value in values(call, pieces))


def the_number(call: Call, pieces: list[Piece], _now: int) -> Any:
    found = {millionths(value) for value in values(call, pieces)}
    assert len(found) <= 1
    return next((number(each) for each in found if each is not None), None)


def the_value(call: Call, pieces: list[Piece], _now: int) -> Any:
    assert len({json.dumps(one_form(value), sort_keys=True) for value in values(call, pieces)}) <= 1
    return next(iter(values(call, pieces)), None)


def since(_call: Call, pieces: list[Piece], now: int) -> str | None:
    assert len(pieces) <= 1
    return format_duration(now - pieces[0].event.t) if pieces else None


def stopped(call: Call, pieces: list[Piece], now: int) -> bool:
    return bool(pieces) and call["silent"] <= now - pieces[0].event.t < call["silent"] + call["active"]


def whole(call: Call, pieces: list[Piece], now: int) -> bool:
    """Whether they are all steps, one after the other, in time."""
    steps = [step for step in call["steps"] if not step.negated]
    assert [piece.position for piece in pieces] == sorted(piece.position for piece in pieces)
    if [piece.role for piece in pieces] != [f"step {number}" for number in range(1, len(steps) + 1)]:
        return False
    first, last, within = pieces[0].event.t, pieces[-1].event.t, call["within"]
    return within is None or (last - first < within and now - within < last)


def latest(call: Call, pieces: list[Piece], now: int) -> bool:
    return bool(Evidence([Past(piece.n, piece.event) for piece in pieces], now, ZONE).which(On(call["events"], call["where"])))


AGREES: dict[str, Agrees] = {
    "count": lambda _call, pieces, _now: len(pieces),
    "did": lambda _call, pieces, _now: bool(pieces),
    "sum": lambda call, pieces, _now: number(total(call, pieces)),
    "avg": lambda call, pieces, _now: number(total(call, pieces), len(pieces)) if pieces else None,
    "min": the_number,
    "max": the_number,
    "most": the_value,
    "distinct": lambda _call, pieces, _now: len(pieces),
    "unique": lambda call, pieces, _now: list(reversed(values(call, pieces))),
    "first": the_value,
    "last": the_value,
    "latest": latest,
    "since": since,
    "since_first": since,
    "first_time": lambda call, pieces, now: bool(pieces) and now - pieces[0].event.t < call["within"],
    "stopped": stopped,
    "restarted": lambda _call, pieces, _now: len(pieces) == 2,
    "regularly": lambda call, pieces, _now: len(pieces) >= call["at_least"],
    "sequence": whole,
    "funnel": whole,
    "score": lambda _call, pieces, _now: pieces[0].event.properties["score"] if pieces else None,
}


def test_every_call_that_looks_at_events_has_evidence() -> None:
    assert AGREES.keys() == evidence._FIND.keys()


# --- calls and streams ----------------------------------------------------------------------------------------------------------------

OVER_PROPERTY = ("sum", "avg", "min", "max", "distinct", "unique", "most", "first", "last")
PATHS = ("'x'", "'x'", "'n'", "'o.x'")
NAMES: tuple[tuple[Kind, str], ...] = (("track", "A"), ("track", "A"), ("track", "B"), ("track", "C"), ("identify", "Identified"))


def call_of(dice: Dice) -> str:
    """A call that looks at events."""
    name, rules = dice.pick(tuple(AGREES)), Rules(dice)
    events, where = rules.events(), f", {rules.where_filter()}" if dice.chance(3) else ""
    span, other = (f"'{dice.pick(SPANS)}'" for _ in range(2))
    forms = {
        "score": "score('m')",
        "stopped": f"stopped({events}, active={span}, silent={other}{where})",
        "restarted": f"restarted({events}, silent={span}, within={other}{where})",
        "first_time": f"first_time({events}, within={span}{where})",
        "regularly": f"regularly({events}, every={span}, at_least={1 + dice.below(2)}, of={2 + dice.below(2)}{where})",
        "sequence": rules.sequence(),
        "funnel": rules.funnel(),
        "latest": rules.latest(),
    }
    return forms.get(name) or rules.call(name, *([dice.pick(PATHS)] if name in OVER_PROPERTY else []))


def past_of(dice: Dice) -> list[Past]:
    """The events of a person by arrival, some of them late."""
    found: list[Past] = []
    at = 0
    values: dict[str, Sequence[Any]] = {"x": VALUES, "y": VALUES, "n": dice.pick(DECIMALS), "o": OBJECTS}
    for n in range(1, 2 + dice.below(25)):
        at += dice.pick((0, 0, 500, 1000, 1000, 2000, 3000))
        t = BASE_MS + at - (dice.pick((1000, 2500, 7000)) if dice.chance(2) else 0)
        kind, name = dice.pick(NAMES)
        properties = {key: dice.pick(options) for key, options in values.items() if dice.chance(7)}
        if dice.chance(1):
            kind, name, properties = "track", "Scored", {"model": dice.pick(("m", "m", "k")), "score": dice.pick(SCORES)}
        found.append(Past(n, Event(t, kind, name, f"m{n}", "u", None, properties)))
    return found


def looked(texts: list[str], past: list[Past], now: int) -> tuple[PersonStage, Person]:
    """The person as the slots have it."""
    # In a list: a value that is compared is kept only as far as the comparison needs it.
    whole = [Or((Compare("!=", ListOf((rule(text),)), ListOf(())), Call("everyone", ()))) for text in texts]
    segments = tuple(Segment(f"s{number}", "", when, "") for number, when in enumerate(whole))
    stage = PersonStage(Plan("test", "UTC", 0, None, None, 0.0, (), segments, (), ""))
    p, emit = new_person("u"), Emit("test", 1)
    for event in (each.event for each in past):
        stage.apply(p, event, BASE_MS - 10**6, emit)
    stage.advance(p, now + 1, emit)
    return stage, p


@given(drawn(lambda dice: ([call_of(dice) for _ in range(5)], past_of(dice), [500 * dice.below(25) for _ in range(2)])))
def test_the_evidence_agrees_with_the_value(example: tuple[list[str], list[Past], list[int]]) -> None:
    texts, past, later = example
    for now in [max(each.event.t for each in past) + after for after in (0, *later)]:
        stage, p = looked(texts, past, now)
        found = Evidence(past, now, ZONE)
        for text in texts:
            call = rule(text)
            assert isinstance(call, Call)
            value: Value = stage.rules.look(call)
            pieces = found.of(call)
            told = [f"{piece.event.t - BASE_MS:+d} {piece.event.name} {piece.role} {piece.event.properties}" for piece in pieces]
            assert one_form(AGREES[call.name](call, pieces, now)) == one_form(value(p, now)), (canonical(call), now - BASE_MS, told)


# --- what is told besides -------------------------------------------------------------------------------------------------------------


Happened = tuple[str, int, dict[str, Any]]
"""Name, seconds after the start, and properties of an event."""


def happened(*events: Happened) -> list[Past]:
    kinds: dict[str, Any] = {"Identified": "identify"}
    return [
        Past(n, Event(BASE_MS + SECOND * at, kinds.get(name, "track"), name, f"m{n}", "u", None, properties))
        for n, (name, at, properties) in enumerate(events, 1)
    ]


def told(text: str, *events: Happened, at: int = 60) -> list[tuple[str, str]]:
    """The ids of the evidence, each with its role."""
    call = rule(text)
    assert isinstance(call, Call)
    return [(piece.event.message_id, piece.role) for piece in Evidence(happened(*events), BASE_MS + SECOND * at, ZONE).of(call)]


TOLD: tuple[tuple[str | None, dict[str, Any]], ...] = (
    ("crm", {"x": True, "x_raw": "yes"}),
    ("web", {"x": False}),
    ("app", {"x": None, "x_raw": "?"}),
    ("web", {"x": True}),
    (None, {"y": 1}),
)
COUNTING: dict[str, tuple[str, Any, list[str]]] = {
    "the most recent": ("trait.x", None, ["m4"]),
    "that of a source": ("trait.x", ("shop", "crm"), ["m1"]),
    "that of the first listed": ("trait.x", ("crm", "web"), ["m1"]),
    "one that has none": ("trait.x", ("app", "web"), ["m4"]),
    "the strictest": ("trait.x", "strictest", ["m3"]),
    "what stands beside it": ("trait.x_raw", ("crm",), ["m1"]),
    "what does not stand beside it": ("trait.x_raw", None, []),
    "what nobody told": ("trait.z", ("crm",), []),
    "another": ("trait.y.z", ("crm",), ["m5"]),
}


@pytest.mark.parametrize(("text", "policy", "expected"), COUNTING.values(), ids=COUNTING)
def test_the_evidence_of_a_trait_is_the_event_whose_word_counts(text: str, policy: Any, expected: list[str]) -> None:
    past = [
        Past(n, Event(BASE_MS + SECOND * n, "identify", "Identified", f"m{n}", "u", None, traits, source=source))
        for n, (source, traits) in enumerate(TOLD, 1)
    ]
    node = rule(text)
    assert isinstance(node, Trait)
    found = Evidence(past, BASE_MS + SECOND * 60, ZONE, {} if policy is None else {"x": policy})
    assert expected == [piece.event.message_id for piece in found.of_trait(node)]


A: Happened = ("A", 0, {})
B: Happened = ("B", 10, {})
C: Happened = ("C", 20, {})
EDGES = {
    "count('A', within='1m')": [],
    "count('A', within='1m1ms')": [("m1", "")],
    "count('*', from_='2026-01-05T00:00:10Z')": [("m2", ""), ("m3", "")],
    "count('*', until='2026-01-05T00:00:10Z')": [("m1", "")],
    "restarted('*', silent='10s', within='1m')": [("m2", "before the silence"), ("m3", "after it")],
    "restarted('*', silent='10s1ms', within='1m')": [],
    "restarted('*', silent='10s', within='40s')": [],
    "regularly('*', every='20s', at_least=1, of=3)": [("m3", "period 3")],
    "regularly('*', every='25s', at_least=1, of=3)": [("m2", "period 3"), ("m3", "period 2")],
    "sequence('B', 'C', within='40s')": [],
    "sequence('B', 'C', within='40s1ms')": [("m2", "step 1"), ("m3", "step 2")],
    "sequence('A', 'B', 'C', within='50s')": [("m1", "step 1"), ("m2", "step 2"), ("m3", "step 3")],
}


@pytest.mark.parametrize(("text", "expected"), EDGES.items())
def test_windows_end_at_the_very_millisecond(text: str, expected: list[tuple[str, str]]) -> None:
    assert expected == told(text, A, B, C)


def test_the_last_step_is_done_in_less_than_the_window() -> None:
    events: list[Happened] = [("C", 0, {}), ("A", 20, {}), ("C", 60, {})]
    assert told("sequence('A', 'C', within='40s')", *events) == []
    assert told("sequence('A', 'C', within='40s1ms')", *events) == [("m2", "step 1"), ("m3", "step 2")]


def test_of_equal_values_the_smallest_is_the_most_frequent() -> None:
    events = [("A", n, {"x": x}) for n, x in enumerate([10, 2, "2", "10"])]
    assert told("most('A', 'x')", *events) == [("m2", "")]


PATHS_TOLD = {
    "sequence('A', 'B', 'C')": [("m1", "step 1"), ("m2", "step 2"), ("m3", "step 3")],
    "sequence('A', 'B', 'D', within='1h')": [("m1", "step 1"), ("m2", "step 2")],
    "sequence('A', 'B', 'D', within='50s')": [],
    "sequence('B', 'A')": [("m2", "step 1")],
    "sequence('D', 'A')": [],
    "sequence('*', '*', '*')": [("m1", "step 1"), ("m2", "step 2"), ("m3", "step 3")],
    "sequence(['A', 'B'], 'C')": [("m2", "step 1"), ("m3", "step 2")],
    "funnel('A', 'B', not 'C', within='1h')": [("m1", "step 1"), ("m2", "step 2"), ("m3", "broke it")],
    "funnel('A', not 'B', 'C', within='1h')": [("m1", "step 1"), ("m2", "broke it")],
    "funnel('A', 'B', not 'D', within='1h')": [("m1", "step 1"), ("m2", "step 2")],
}


@pytest.mark.parametrize(("text", "expected"), PATHS_TOLD.items())
def test_a_path_is_told_as_far_as_it_has_come(text: str, expected: list[tuple[str, str]]) -> None:
    assert expected == told(text, A, B, C)


def test_what_lies_after_the_instant_is_not_seen() -> None:
    assert told("count('*')", A, B, C, at=9) == [("m1", "")]
    assert told("count('*')", A, B, C, at=10) == [("m1", ""), ("m2", "")]


LEFT_OUT = {
    "did('A', within='1m')": ["within"],
    "did('A', within='1m1s')": None,
    "did('A', where=x == 1)": ["where"],
    "did('A', after='B', where=x == 1)": ["where", "after"],
    "did('A', after='D')": ["after"],
    "did('A', from_='2026-01-06')": ["from_"],
    "did('A', until='2026-01-05')": ["until"],
    "did('A', same='x', as_='B')": ["same"],
    "latest('A', where=x == 1)": None,
    "did('D')": None,
}


@pytest.mark.parametrize(("text", "expected"), LEFT_OUT.items())
def test_the_filters_that_leave_the_latest_out_are_named(text: str, expected: list[str] | None) -> None:
    call = rule(text)
    assert isinstance(call, Call)
    found = Evidence(happened(A, B, C), BASE_MS + 60 * SECOND, ZONE).left_out(call)
    assert expected == (found[1] if found is not None else None)


LOOKED_AT = {
    "did('A', where=x == 1 and o.y > z)": ["x", "o.y", "z"],
    "sum('A', 'o.total', where=any(items, kind == 'a' and item.b > 1))": ["o.total", "items"],
    "did('A', same='cart', as_='B')": ["cart"],
    "sequence('A', on('B', where=x == 1))": ["x"],
    "score('m')": ["model", "score"],
    "count('A')": [],
}


@pytest.mark.parametrize(("text", "expected"), LOOKED_AT.items())
def test_the_properties_that_a_call_looks_at(text: str, expected: list[str]) -> None:
    call = rule(text)
    assert isinstance(call, Call)
    assert expected == [".".join(path) for path in looked_at(call)]


def test_the_event_that_a_trait_came_with() -> None:
    past = happened(("Identified", 5, {"x": 1}), ("Identified", 3, {"x": 2}), ("Identified", 9, {"y": 1}), ("A", 10, {"x": 3}))
    found = Evidence(past, BASE_MS + 60 * SECOND, ZONE)
    traits: dict[str, Node] = {name: Trait((name,)) for name in "xyz"}
    assert {
        name: [piece.event.message_id for piece in found.of_trait(node)] for name, node in traits.items() if isinstance(node, Trait)
    } == {"x": ["m1"], "y": ["m3"], "z": []}
