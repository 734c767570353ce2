"""The oracle against results worked out by hand: each call's value, and the exact instants at which a segment changes by it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from operators.language.nodes import Node
from operators.language.parse import rule
from operators.plan.checked import Plan, Segment
from tests.harness import make_plan
from tests.oracle import Oracle, decode
from tests.oracle_calls import Event, Person
from tests.strategies import BASE_MS, stamp

HOUR, DAY = 3_600_000, 24 * 3_600_000
Told = tuple[str, int] | tuple[str, int, Any]
"""An event: its name, its time in ms from BASE_MS on, its properties or what its property `x` is; the traits of `Identified`."""


def lines(told: Iterable[Told], person: str = "u") -> list[bytes]:
    records = []
    for number, (name, t, *said) in enumerate(told):
        properties = said[0] if said and isinstance(said[0], dict) else {"x": said[0]} if said else {}
        type_ = (
            {"type": "identify", "traits": properties}
            if name == "Identified"
            else {"type": "track", "event": name, "properties": properties}
        )
        records.append(json.dumps(type_ | {"userId": person, "messageId": f"{person}{number}", "timestamp": stamp(t)}).encode())
    return records


def person(told: Iterable[Told], now: int | None = None, zone: str = "UTC") -> Person:
    """A person with these events, looked at the last of them or `now`."""
    events = [decode(line, number, None, None) for number, line in enumerate(lines(told))]
    history = sorted((e for e in events if isinstance(e, Event)), key=lambda e: (e.t, e.arrival))
    return Person("u", ZoneInfo(zone), 0, history[-1].t if now is None else BASE_MS + now, events=history)


def plan_of(rules: Mapping[str, Node], zone: str = "UTC") -> Plan:
    segments = tuple(Segment(id_, "", node, "0") for id_, node in rules.items())
    return dataclasses.replace(make_plan({"a": "everyone"}, timezone=zone), segments=segments)


def changes(text: str, *told: Told, until: int = 60_000, zone: str = "UTC", **computed: Node) -> list[int]:
    """The instants at which a person enters and leaves a segment in turn, from BASE_MS on."""
    transitions = Oracle(plan_of({"a": rule(text, computed=computed)}, zone), BASE_MS + until).run(lines(told)).transitions
    assert {line[2] for line in transitions[::2]} <= {"entered"}
    assert {line[2] for line in transitions[1::2]} <= {"exited"}
    return [line[0] - BASE_MS for line in transitions]


def ms(text: str) -> int:
    """From BASE_MS to an instant of 2026 in UTC."""
    return round(datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC).timestamp() * 1000) - BASE_MS


def in_utc(at: int) -> str:
    return (datetime(2026, 1, 5, tzinfo=UTC) + timedelta(milliseconds=at)).strftime("%m-%d %H:%M")


# --- filters --------------------------------------------------------------------------------------------------------------------------

MIXED: tuple[Told, ...] = (
    ("A", 0, 1),
    ("A", 1000, 2),
    ("B", 1000, {"x": 1.0, "y": 1}),
    ("A", 1000, "1"),
    ("C", 1500, {"y": 2}),
    ("A", 2000, 1.0),
    ("A", 3000, True),
)
FILTERED = {
    "": 5,
    "within='2s'": 2,
    "within='2s1ms'": 4,
    "where=x == 1": 2,
    "after='B'": 3,  # of equal times, by arrival
    "after=['B', 'C']": 2,
    "after='A'": 0,
    "after=on('A', where=x == 2)": 3,
    "after=on('B', where=x == 2)": 0,
    "after='D'": 0,
    "from_='2026-01-05T00:00:01Z'": 4,
    "from_='2026-01-05T00:00:01.001'": 2,
    "until='2026-01-05T02:00:01+02:00'": 1,
    "from_='2026-01-05 00:00:01', until='2026-01-05 00:00:03'": 3,
    "from_='2026-01-05'": 5,
    "until='2026-01-05'": 0,
    "same='x', as_='B'": 2,  # 1 and 1.0 are one, "1" and true are others
    "same='x', as_=['B', 'C']": 2,  # the C has no x
    "same='x', as_='A'": 1,
    "same='x', as_=on('A', where=x < 2)": 2,
    "same='x', as_=on('A', where=x == 2)": 1,
    "same='y', as_='B'": 0,
    "same='z', as_='B'": 0,
    "same='x', as_='D'": 0,
    "where=x == 1, after='B', within='1s1ms', same='x', as_='B', until='2026-01-05T00:00:02.001Z'": 1,
}


@pytest.mark.parametrize(("filters", "kept"), FILTERED.items())
def test_filters_keep(filters: str, kept: int) -> None:
    assert person(MIXED).value(rule(f"count('A', {filters})")) == kept


def test_sameness_goes_by_the_history_as_it_grows() -> None:
    told: tuple[Told, ...] = (("A", 0, 1), ("A", 0, 2), ("B", 1000, 1), ("B", 2000, 2), ("B", 1500, 3), ("B", 3000))
    assert changes("count('A', same='x', as_='B') == 1 and did('A', where=x == 2, same='x', as_='B')", *told) == [2000]


ZONED = [
    ("Europe/Berlin", "from_='2026-01-05'", 3),
    ("Europe/Berlin", "until='2026-01-05'", 1),
    ("America/New_York", "from_='2026-01-05'", 1),
    ("UTC", "from_='2026-01-05'", 2),
]


@pytest.mark.parametrize(("zone", "filters", "kept"), ZONED)
def test_a_date_of_a_filter_is_midnight_in_the_zone_of_the_plan(zone: str, filters: str, kept: int) -> None:
    told: list[Told] = [("Identified", -DAY, {"timezone": "Asia/Tokyo"}), *(("A", t) for t in (-HOUR - 1, -HOUR, 0, 5 * HOUR))]
    assert person(told, zone=zone).value(rule(f"count('A', {filters})")) == kept


# --- numbers and values ---------------------------------------------------------------------------------------------------------------

GIVEN: list[tuple[str, list[Any], Any]] = [
    ("sum", [], 0),
    ("sum", ["1", True, None, [1]], 0),
    ("sum", [0.1, 0.1, 0.1], 0.3),
    ("sum", [0.1, 0.2, -0.3], 0),
    ("sum", [1 / 128, 3 / 128, -1 / 128], 0.023438),  # 7812.5, 23437.5 and -7812.5 millionths
    ("sum", [0.0000004] * 10, 0),
    ("sum", [10**18, 0.5, -(10**18)], 0.5),
    ("avg", [], None),
    ("avg", [True], None),
    ("avg", [1, 2], 1.5),
    ("avg", [0.1, 0.1, 0.1, "x"], 0.1),
    ("avg", [1 / 128], 0.007812),
    ("min", [], None),
    ("min", [True, 2, 0.7500004, 0.75], 0.75),
    ("max", [-1, -1.5, "9"], -1),
    ("max", ["9"], None),
    ("distinct", [1, 1.0, True, "1", None, [1], [1.0], {"a": 1}, {"a": 1.0}], 5),
    ("distinct", [], 0),
    ("most", [], None),
    ("most", ["a", 1, "b", 1.0], 1),
    ("most", ["b", "a", "b", "a"], "a"),
    ("most", ["a", 0, True, False], False),
    ("most", ["a", 0, True], True),
    ("most", ["", 3, 2.5], 2.5),
    ("most", [[], "z"], "z"),
    ("most", [{}, [2]], [2]),
    ("most", [[2], [10.0]], [10]),
    ("most", [{"b": 1, "a": 2}, {"a": 1}], {"a": 1}),
    ("unique", [], []),
    ("unique", [1, "a", 1.0, None, True], [True, 1, "a"]),
    ("unique", ["a", "b", "a"], ["a", "b"]),
    ("first", [None, 2, 3], 2),
    ("last", [2, 3, None], 3),
]


@pytest.mark.parametrize(("name", "values", "given"), GIVEN)
def test_over_the_values_of_a_property(name: str, values: list[Any], given: Any) -> None:
    got = person([("A", number, {"x": value}) for number, value in enumerate(values)], now=DAY).value(rule(f"{name}('A', 'x')"))
    assert (got, type(got) is bool) == (given, type(given) is bool)


def test_of_equal_times_the_later_arrival_is_the_latest() -> None:
    told: list[Told] = [("A", 1000, "late"), ("A", 0, 1), ("A", 1000, 2), ("A", 0, 3)]
    assert person(told).value(rule("unique('A', 'x')")) == [2, "late", 3, 1]


def test_latest_asks_the_last_that_the_other_filters_keep() -> None:
    told: tuple[Told, ...] = (("A", 0, 1), ("A", 1000, 2), ("B", 1500), ("A", 2000, 1))
    assert changes("latest('A', where=x == 1)", *told) == [0, 1000, 2000]
    assert changes("latest('A', where=x == 1, within='1s')", *told) == [0, 1000, 2000, 3000]
    assert changes("latest('A', where=x == 1, after='B')", *told) == [2000]
    assert changes("latest('A', where=x == 1, until='2026-01-05T00:00:01Z')", *told) == [0]
    assert changes("latest('A', where=not (x == 1))", ("B", 0)) == []


def test_values_leave_their_window_at_the_very_millisecond() -> None:
    assert changes("sum('A', 'x', within='2s') >= 3", ("A", 0, 2), ("A", 1500, 1)) == [1500, 2000]
    assert changes("most('A', 'x', within='2s') == 2", ("A", 0, 1), ("A", 1, 2)) == [2000, 2001]


LENGTHS: list[tuple[Any, int | None]] = [("aü", 2), ("", 0), ([1, None], 2), ({"a": 1}, 1), (5, None), (True, None)]


@pytest.mark.parametrize(("value", "length"), LENGTHS)
def test_len(value: Any, length: int | None) -> None:
    assert person([("Identified", 0, {"x": value})]).value(rule("len(trait.x)")) == length


OVER: list[tuple[str, Any, Any]] = [
    ("any(trait.x, item == 2)", [1, 2], True),
    ("any(trait.x, True)", [], False),
    ("any(trait.x, True)", "ab", False),
    ("any(trait.x, True)", None, False),
    ("any(trait.x, x)", [{"x": 1}, 5, None, "x"], False),
    ("any(trait.x, x)", [{"x": True}], True),
    ("any(trait.x, x is not None)", [5, None, {"x": None}], False),
    ("all(trait.x, x is None)", [5, None, {"x": None}], True),
    ("all(trait.x, item is None)", [None, None], True),
    ("all(trait.x, False)", [], True),
    ("all(trait.x, True)", "", False),
    ("all(trait.x, item)", [True, 1], False),
    ("all(trait.x, o.x == item.o.x)", [{"o": {"x": 1}}, {"o": {"x": 2}}], True),
    ("any(trait.x, prop('a b').c == 1)", [{"a b": {"c": 1}}], True),
    ("total(trait.x, item)", [0.1, 0.1, 0.1, True, "1", None], 0.3),
    ("total(trait.x, item)", [], 0),
    ("total(trait.x, item)", ["a"], 0),
    ("total(trait.x, x)", {"x": 1}, None),
    ("total(trait.x, x * y)", [{"x": 2, "y": 3}, {"x": 1}, {"x": 1 / 128, "y": 1}], 6.007812),
    ("any(trait.x, total(item.l, item) == len(l))", [{"l": [1, 2]}, {"l": [0.5, 1.5]}], True),
]


@pytest.mark.parametrize(("text", "items", "given"), OVER)
def test_over_the_items_of_a_list(text: str, items: Any, given: Any) -> None:
    got = person([("Identified", 0, {"x": items})]).value(rule(text))
    assert (got, type(got) is bool) == (given, type(given) is bool)


def test_items_inside_items_inside_where() -> None:
    split = {"items": [{"x": 1, "tags": []}, {"x": 2, "tags": ["new"]}], "y": 2}
    whole = {"items": [{"x": 1, "tags": ["old", "new"]}], "y": 2}
    some = rule("count('A', where=any(items, any(tags, item == 'new') and x == 1) and y == 2)")
    assert person([("A", 0, split), ("A", 1, whole)]).value(some) == 1


def test_items_of_a_list_that_changes_with_time() -> None:
    assert changes("any(unique('A', 'x', within='2s'), item == 1)", ("A", 0, 1), ("A", 1000, 2)) == [0, 2000]


def test_computed_is_the_value_of_its_definition() -> None:
    points = rule("count('A', within='2s') + count('B')")
    twice = rule("2 * computed('points')", computed={"points": points})
    assert changes("computed('twice') >= 4", ("A", 0), ("B", 1000), points=points, twice=twice) == [1000, 2000]


SCORES: list[tuple[list[dict[str, Any]], Any]] = [
    ([], None),
    ([{"model": "m", "score": 0.25}, {"model": "m", "score": 1}], 1),
    ([{"model": "m", "score": 0.25}, {"model": "k", "score": 0.5}], 0.25),
    ([{"model": "m", "score": 0}, {"model": "m", "score": 1.5}, {"model": "m", "score": -0.1}], 0),
    ([{"model": "m", "score": True}, {"model": "m", "score": "1"}, {"model": "m"}, {"score": 1}], None),
]


@pytest.mark.parametrize(("told", "given"), SCORES)
def test_score(told: list[dict[str, Any]], given: Any) -> None:
    events: list[Told] = [("Scored", number, each) for number, each in enumerate(told)]
    assert person([*events, ("A", 0, {"model": "m", "score": 0.5})], now=DAY).value(rule("score('m')")) == given
    assert person([*events[::-1], ("A", 0)][::-1], now=DAY).value(rule("score('m')")) == given


# --- shapes of behaviour --------------------------------------------------------------------------------------------------------------

OFTEN = "regularly('A', every='1s', at_least=2, of=3)"
STOPPED = "stopped('A', active='3s', silent='2s')"
AGAIN = "restarted('A', silent='2s', within='1s')"
FIRST = "first_time('A', within='2s')"
A_B, A_B_C = "sequence('A', 'B', within='5s')", "sequence('A', 'B', 'C', within='5s')"
NO_B, LEFT = "funnel('A', not 'B', 'C', within='5s')", "funnel('A', not 'B', within='5s')"
SHAPES: list[tuple[str, str, tuple[Told, ...], list[int]]] = [
    ("in two of three periods", OFTEN, (("A", 0), ("A", 1500)), [1500, 3000]),
    ("two in one period, now and then", OFTEN, (("A", 0), ("A", 500)), [1000, 1500, 2000, 2500]),
    ("a period apart", OFTEN, (("A", 0), ("A", 1000)), [1000, 3000]),
    ("where", "regularly('A', every='1s', at_least=1, of=2, where=x == 1)", (("A", 0, 1), ("A", 9)), [0, 2000]),
    ("silent", STOPPED, (("A", 0),), [2000, 5000]),
    ("silent since the last", STOPPED, (("A", 0), ("A", 1999)), [3999, 6999]),
    ("an event as the silence is full", STOPPED, (("A", 0), ("A", 2000)), [4000, 7000]),
    ("a silence ended", STOPPED, (("A", 0), ("A", 2500)), [2000, 2500, 4500, 7500]),
    ("where", "stopped('A', active='1s', silent='1s', where=x == 1)", (("A", 0, 1), ("A", 500)), [1000, 2000]),
    ("after a break", AGAIN, (("A", 0), ("A", 2000)), [2000, 3000]),
    ("a ms too early", AGAIN, (("A", 0), ("A", 1999)), []),
    ("gone on with", AGAIN, (("A", 0), ("A", 2000), ("A", 2500), ("A", 4500)), [2000, 3000, 4500, 5500]),
    ("a break filled late", AGAIN, (("A", 0), ("A", 2000), ("A", 1000)), [2000, 2000]),
    ("where", "restarted('A', silent='1s', within='1s', where=x == 1)", (("A", 0), ("A", 1000, 1)), []),
    ("only once", FIRST, (("A", 0), ("A", 1000), ("A", 5000)), [0, 2000]),
    ("an earlier one told late", FIRST, (("A", 3000), ("A", 0)), [3000, 3000]),
    ("where", "first_time('A', within='1s', where=x == 1)", (("A", 0), ("A", 900, 1)), [900, 1900]),
    ("in order", A_B_C, (("A", 0), ("B", 1000), ("C", 4999)), [4999, 9999]),
    ("as long as the window", A_B_C, (("A", 0), ("B", 1000), ("C", 5000)), []),
    ("any chain", A_B, (("A", 0), ("A", 4000), ("B", 6000), ("B", 7000)), [6000, 12_000]),
    ("another order", A_B_C, (("B", 0), ("A", 500), ("C", 1000)), []),
    ("of equal times by arrival", A_B, (("B", 0), ("A", 0)), []),
    ("at one instant", A_B, (("A", 0), ("B", 0)), [0, 5000]),
    ("one event one step", "sequence('A', 'A', within='5s')", (("A", 0), ("A", 1000)), [1000, 6000]),
    ("a step of several", "sequence('A', ['A', 'B'], within='5s')", (("A", 0), ("B", 1)), [1, 5001]),
    ("the whole history", "sequence('A', 'B')", (("A", 0), ("B", 50_000)), [50_000]),
    ("put in order late", A_B, (("B", 2000), ("A", 1000)), [2000, 7000]),
    ("where", "sequence('A', on('B', where=x == 1), within='5s')", (("A", 0), ("B", 1), ("B", 2, 1)), [2, 5002]),
    ("no not between", NO_B, (("A", 0), ("C", 2000)), [2000, 7000]),
    ("a not between", NO_B, (("A", 0), ("B", 1000), ("C", 2000)), []),
    ("a not before and after", NO_B, (("B", 0), ("A", 0), ("C", 2000), ("B", 2000)), [2000, 7000]),
    ("a not at the same instant", NO_B, (("A", 0), ("B", 0), ("C", 0)), []),
    ("a chain that begins behind the not", NO_B, (("A", 0), ("B", 1000), ("A", 1500), ("C", 2000)), [2000, 7000]),
    ("a not told late", NO_B, (("A", 0), ("C", 2000), ("B", 1000)), [2000, 2000]),
    ("a not at the end", LEFT, (("A", 0), ("B", 1000), ("A", 2000)), [0, 1000, 2000, 7000]),
    ("a not behind another chain", LEFT, (("A", 0), ("A", 1000), ("B", 500)), [0, 6000]),
    ("several nots", "funnel('A', not 'B', not 'D', 'C', within='1s')", (("A", 0), ("D", 1), ("C", 2)), []),
    ("a step and a not", "funnel('A', not 'A', 'C', within='1s')", (("A", 0), ("A", 1), ("C", 2)), [2, 1002]),
    ("a step and a not at the end", "funnel('A', not 'A', within='1s')", (("A", 0), ("A", 500)), [0, 1500]),
    ("where", "funnel('A', not on('B', where=x == 1), within='1s')", (("A", 0), ("B", 1), ("B", 2, 1)), [0, 2]),
]


@pytest.mark.parametrize(("text", "told", "at"), [case[1:] for case in SHAPES], ids=[f"{text}, {name}" for name, text, *_ in SHAPES])
def test_shapes(text: str, told: tuple[Told, ...], at: list[int]) -> None:
    assert changes(text, *told) == at


# --- held -----------------------------------------------------------------------------------------------------------------------------

HELD: list[tuple[str, tuple[Told, ...], list[int]]] = [
    ("held(did('A', within='3s'), at_least='2s')", (("A", 0),), [2000, 3000]),
    ("held(did('A', within='3s'), at_least='3s')", (("A", 0),), []),
    ("held(did('A', within='3s'), at_least='2s')", (("A", 0), ("A", 1000), ("A", 4001)), [2000, 4000, 6001, 7001]),
    ("held(did('A', within='3s'), at_least='2s')", (("A", 0), ("A", 1000), ("A", 4000)), [2000, 7000]),
    ("held(did('A', within='3s'), at_least='1s')", (("B", 1000), ("A", 0)), [2000, 3000]),
    ("held(not did('A', within='3s'), at_least='1s')", (("A", 0),), [4000]),
    ("held(held(did('A', within='3s'), at_least='1s'), at_least='1s')", (("A", 0),), [2000, 3000]),
    ("held(did('A', within='3s'), at_least='1s') and not held(did('A', within='3s'), at_least='2s')", (("A", 0),), [1000, 2000]),
    ("held(held(did('A', within='3s'), at_least='1s') or did('B', within='1s'), at_least='1s')", (("B", 0), ("A", 0)), [1000, 3000]),
    ("held(trait.x == 1, at_least='1s')", (("Identified", 0, 1), ("Identified", 500, 2), ("Identified", 600, 1)), [1600]),
]


@pytest.mark.parametrize(("text", "told", "at"), HELD)
def test_held(text: str, told: tuple[Told, ...], at: list[int]) -> None:
    assert changes(text, *told) == at


def test_held_of_a_segment_and_a_segment_of_it() -> None:
    rules = {"a": "did('A', within='3s')", "b": "held(segment('a'), at_least='1s')", "c": "segment('b') and in_segment_for('b') >= '1s'"}
    outcome = Oracle(plan_of({id_: rule(text) for id_, text in rules.items()}), BASE_MS + 60_000).run(lines([("A", 0)]))
    assert [(line[0] - BASE_MS, *line[2:4]) for line in outcome.transitions] == [
        *[(0, "entered", "a"), (1000, "entered", "b"), (2000, "entered", "c")],
        *[(3000, "exited", id_) for id_ in "abc"],
    ]


def test_a_change_of_what_is_held_moves_the_clock() -> None:
    late = [*lines([("A", 0)]), *lines([("Z", 20_000)], "other"), *lines([("Y", 0), ("B", 1500)])[1:]]
    rules = {"a": rule("did('B', within='1s')")}
    assert Oracle(plan_of(rules)).run(late).transitions[0][0] == BASE_MS + 1500
    assert Oracle(plan_of(rules | {"b": rule("held(did('A', within='3s'), at_least='10s')")})).run(late).transitions == []


# --- dates ----------------------------------------------------------------------------------------------------------------------------


def days(text: str, d: Any, zone: Any, start: str, until: str) -> list[str]:
    """When one with the trait `d` and this time zone enters and leaves, in UTC in the year 2026; the plan's zone is New York's."""
    told: Told = ("Identified", ms(start), {"d": d, "timezone": zone})
    return [in_utc(at) for at in changes(text, told, until=ms(until), zone="America/New_York")]


TODAY: list[tuple[str, Any, Any, list[str]]] = [
    ("01-05", "2026-01-07", "UTC", ["01-07 00:00", "01-08 00:00"]),
    ("01-05", "2026-01-07", "Europe/Berlin", ["01-06 23:00", "01-07 23:00"]),
    ("01-05", "2026-01-07", "Asia/Kathmandu", ["01-06 18:15", "01-07 18:15"]),
    ("01-05", "2026-01-07", "America/New_York", ["01-07 05:00", "01-08 05:00"]),
    ("01-05", "2026-01-07", "Mars/Olympus", ["01-07 05:00", "01-08 05:00"]),
    ("01-05", "2026-01-07", ["UTC"], ["01-07 05:00", "01-08 05:00"]),
    ("01-05", "2026-01-07T23:30:00Z", "UTC", ["01-07 00:00", "01-08 00:00"]),
    ("01-05", "2026-01-07T23:30:00Z", "Europe/Berlin", ["01-07 23:00", "01-08 23:00"]),
    ("01-05", BASE_MS + 2 * DAY + HOUR, "America/New_York", ["01-06 05:00", "01-07 05:00"]),
    ("01-05", "2026-01-05", "UTC", ["01-05 00:00", "01-06 00:00"]),
    ("01-05", "2026-01-05t12:00:00z", "UTC", ["01-05 00:00", "01-06 00:00"]),
    *[("01-05", nothing, "UTC", []) for nothing in ("2026-01-32", "soon", True, 10**18, None, ["2026-01-07"])],
    ("03-27", "2026-03-29", "Europe/Berlin", ["03-28 23:00", "03-29 22:00"]),
    ("10-23", "2026-10-25", "Europe/Berlin", ["10-24 22:00", "10-25 23:00"]),
    ("03-06", "2026-03-08", "America/New_York", ["03-08 05:00", "03-09 04:00"]),
    ("10-30", "2026-11-01", "America/New_York", ["11-01 04:00", "11-02 05:00"]),
    ("04-22", "2026-04-24", "Africa/Cairo", ["04-23 22:00", "04-24 21:00"]),
    ("10-30", "2026-11-01", "America/Havana", ["11-01 04:00", "11-02 05:00"]),
]
"""Today: from when it is looked, the trait, the zone, and then. At midnight of 24 April clocks in Cairo go to 1:00; in Havana at 1:00 of 1
November they go back to midnight."""


@pytest.mark.parametrize(("start", "d", "zone", "at"), TODAY)
def test_today(start: str, d: Any, zone: Any, at: list[str]) -> None:
    assert days("today(trait.d)", d, zone, start, "11-05" if start > "10" else f"{start[:3]}30") == at


YEARLY: list[tuple[str, str, Any, str, list[str]]] = [
    ("", "01-05", "2020-01-07", "UTC", ["01-07 00:00", "01-08 00:00"]),
    (", within='1d'", "01-05", "2020-01-07", "UTC", ["01-06 00:00", "01-08 00:00"]),
    (", within='25h'", "01-05", "2020-01-07", "Europe/Berlin", ["01-05 22:00", "01-07 23:00"]),
    ("", "01-05", "2020-01-06T23:30:00Z", "Europe/Berlin", ["01-06 23:00", "01-07 23:00"]),
    ("", "01-05", "2026-01-07", "UTC", []),
    (", within='1d'", "01-05", "2027-01-07", "UTC", []),
    ("", "02-27", "2024-02-29", "UTC", ["03-01 00:00", "03-02 00:00"]),
    (", within='2d'", "02-25", "2024-02-29", "UTC", ["02-27 00:00", "03-02 00:00"]),
    (", within='1h'", "03-27", "2025-03-29", "Europe/Berlin", ["03-28 22:00", "03-29 22:00"]),
    (", within='1d'", "03-27", "2025-03-30", "Europe/Berlin", ["03-28 22:00", "03-30 22:00"]),
    ("", "03-06", "2000-03-08", "America/New_York", ["03-08 05:00", "03-09 04:00"]),
    (", within='1d'", "10-30", "2000-11-02", "America/New_York", ["11-01 05:00", "11-03 05:00"]),
    (", within='5d'", "12-26", "2025-01-01", "UTC", ["12-27 00:00"]),
    (", within='360d'", "01-05", "2026-01-04", "UTC", ["01-09 00:00"]),
    ("", "01-05", "9999-12-31", "UTC", []),
]


@pytest.mark.parametrize(("within", "start", "d", "zone", "at"), YEARLY)
def test_anniversary(within: str, start: str, d: Any, zone: str, at: list[str]) -> None:
    until = {"02": "03-10", "10": "11-05", "12": "12-31"}.get(start[:2], f"{start[:3]}31")
    assert days(f"anniversary(trait.d{within})", d, zone, start, until) == at


HOURS = [
    ("03-28T20:00", 1, "Europe/Berlin", ["03-29 00:00", "03-29 01:00"]),
    ("03-28T20:00", 2, "Europe/Berlin", []),
    ("03-28T20:00", 3, "Europe/Berlin", ["03-29 01:00", "03-29 02:00"]),
    ("10-24T20:00", 2, "Europe/Berlin", ["10-25 00:00", "10-25 02:00"]),
    ("03-08T01:00", 2, "America/New_York", []),
    ("03-08T01:00", 3, "America/New_York", ["03-08 07:00", "03-08 08:00"]),
    ("11-01T01:00", 1, "America/New_York", ["11-01 05:00", "11-01 07:00"]),
    ("01-05T00:01", 6, "Asia/Kathmandu", ["01-05 00:15", "01-05 01:15"]),
    ("04-23T20:00", 0, "Africa/Cairo", []),
    ("11-01T01:00", 0, "America/Havana", ["11-01 04:00", "11-01 06:00"]),
]


@pytest.mark.parametrize(("start", "hour", "zone", "at"), HOURS)
def test_hour(start: str, hour: int, zone: str, at: list[str]) -> None:
    later = datetime.fromisoformat(f"2026-{start}") + timedelta(hours=12)
    assert days(f"hour() == {hour}", None, zone, start, later.isoformat()[5:]) == at


@pytest.mark.parametrize(
    ("text", "zone", "until", "at"),
    [
        ("weekday() == 'tuesday'", "Europe/Berlin", "01-12", ["01-05 23:00", "01-06 23:00"]),
        ("weekday() == 'sunday'", None, "01-09", ["01-05 00:00", "01-05 05:00"]),
        ("day() == 6", "UTC", "02-02", ["01-06 00:00", "01-07 00:00"]),
        ("day() == 6", "America/New_York", "02-02", ["01-06 05:00", "01-07 05:00"]),
        ("month() == 2", "Europe/Berlin", "02-02", ["01-31 23:00"]),
        ("month() == 1", "Europe/Berlin", "02-02", ["01-05 00:00", "01-31 23:00"]),
    ],
)
def test_the_day_of_the_person(text: str, zone: Any, until: str, at: list[str]) -> None:
    assert days(text, None, zone, "01-05", until) == at


def test_a_new_time_zone_counts_from_the_event_on_that_tells_it() -> None:
    told: tuple[Told, ...] = (
        ("Identified", 0, {"timezone": "UTC", "d": "2026-01-05"}),
        ("Identified", 1000, {"timezone": "America/New_York"}),
        ("Identified", 2000, {"timezone": None}),
    )
    assert changes("today(trait.d)", *told, until=2 * DAY) == [0, 1000, 2000, DAY]
