"""Slots hold no more than their comparisons need, arm no more than one instant each, and change at the exact millisecond."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.emit import Emit
from operators.language.count_slots import CountSlot, TotalSlot, _steps
from operators.language.edge_slots import EarliestSlot, LatestSlot
from operators.language.feeds import bring
from operators.language.kinds import COMPARE
from operators.language.path_slots import MOST_STEPS
from operators.language.slots import Slot, TimerSlot, marks_of, next_mark
from operators.person import PersonStage
from schemas.event import Event
from schemas.person import Person, new_person
from tests.harness import make_plan, run_engine

BASE = 1_767_571_200_000
SECOND = 1000


class Someone:
    """A person to whom events are applied, one by one, with the rules of a plan."""

    def __init__(self, *rules: str) -> None:
        self.stage = PersonStage(make_plan({f"r{number}": rule for number, rule in enumerate(rules)}, history="none"))
        self.p: Person = new_person("u")
        self.emit = Emit("test", 1)
        self.number = 0

    def do(self, t: int, name: str = "A", watermark: int = 0, **properties: Any) -> None:
        self.number += 1
        event = Event(BASE + t, "track", name, f"m{self.number}", "u", None, properties)
        self.stage.apply(self.p, event, watermark, self.emit)

    def slot(self, kind: type[Slot]) -> Slot:
        [slot] = [slot for slot in self.stage.rules.slots if isinstance(slot, kind)]
        return slot

    def state(self, kind: type[Slot]) -> list[Any]:
        return self.p.slots[self.slot(kind).no]

    @property
    def changes(self) -> int:
        return sum(self.emit.counts.transitions.values())


# --- the counts that a comparison tells apart -----------------------------------------------------------------------------------------


@given(op=st.sampled_from(sorted(COMPARE)), number=st.integers(-3, 12) | st.floats(-3, 12))
def test_the_steps_of_a_comparison_are_the_counts_at_which_its_truth_changes(op: str, number: float) -> None:
    truth = [COMPARE[op](count, number) for count in range(20)]
    assert {count for count in range(1, 20) if truth[count] != truth[count - 1]} <= set(_steps(op, number))
    assert len(_steps(op, number)) <= 2


KEPT = {
    'did("A", within="1d")': 1,
    'not did("A", within="1d")': 1,
    'count("A", within="1d") >= 1': 2,
    'count("A", within="1d") >= 5': 6,
    'count("A", within="1d") > 5': 7,
    'count("A", within="1d") < 5': 6,
    'count("A", within="1d") == 5': 7,
    'count("A", within="1d") != 5': 7,
    'count("A", within="1d") >= 2.5': 4,
    '2 <= count("A", within="1d") < 7': 8,
    'count("A", within="1d") in [1, 4]': 6,
    '3 < count("A", within="1d")': 5,
    'did("A", within="1d") and count("A", within="1d") > 3': 5,
    'count("A", within="1d") >= 3 if did("A", within="1d") else False': 4,
}


@pytest.mark.parametrize(("rule", "kept"), KEPT.items())
def test_a_count_keeps_as_many_of_the_last_times_as_its_comparisons_need_and_one_to_show(rule: str, kept: int) -> None:
    someone = Someone(rule)
    slot = someone.slot(CountSlot)
    assert isinstance(slot, CountSlot)
    assert kept == slot.keep
    for second in range(50):
        someone.do(second * SECOND)
    assert [BASE + second * SECOND for second in range(50 - kept, 50)] == someone.state(CountSlot)[1]


def test_a_count_whose_number_is_used_keeps_its_window_and_no_more() -> None:
    someone = Someone('count("A", within="10s") > count("B", within="10s") + 1')
    for second in range(100):
        someone.do(second * SECOND)
    times = [state[1] for state in someone.p.slots.values()]
    assert [[BASE + second * SECOND for second in range(90, 100)]] == times


def test_a_count_of_the_whole_history_is_a_number() -> None:
    someone = Someone('count("A") >= 3', 'did("B")')
    for second in range(500):
        someone.do(second * SECOND, "A" if second % 2 else "B")
    assert list(someone.p.slots.values()) == [[None, 250], [None, 250]]
    assert (someone.changes, someone.p.heap) == (2, [])
    assert all(isinstance(slot, TotalSlot) for slot in someone.stage.rules.slots)


def test_a_count_after_keeps_no_more_either() -> None:
    someone = Someone('count("A", after="B") >= 3', 'did("A", after="B", within="1h")')
    someone.do(0, "B")
    for second in range(1, 300):
        someone.do(second * SECOND)
    assert all(len(state[1]) <= 4 for state in someone.p.slots.values())
    someone.do(400 * SECOND, "B")
    assert all(state[1] == [] for state in someone.p.slots.values())
    assert someone.changes == 4


def test_a_sequence_of_as_many_steps_as_may_be_fits_the_stored_state() -> None:
    someone = Someone("sequence(" + ", ".join(["'A'"] * MOST_STEPS) + ")")
    for second in range(MOST_STEPS):
        assert someone.changes == 0
        someone.p = msgspec.msgpack.decode(msgspec.msgpack.encode(someone.p), type=Person)
        someone.do(second * SECOND)
    assert someone.changes == 1


def test_late_events_keep_the_latest_times() -> None:
    someone = Someone('count("A", within="1h") >= 3')
    for second in (50, 10, 40, 20, 30, 5, 60):
        someone.do(second * SECOND)
    assert [BASE + second * SECOND for second in (30, 40, 50, 60)] == someone.state(CountSlot)[1]


def test_events_outside_the_window_are_not_taken_in() -> None:
    someone = Someone('count("A", within="10s") >= 2')
    someone.do(20 * SECOND)
    someone.do(10 * SECOND)  # exactly at the edge: t is not in now - D < t <= now
    assert someone.state(CountSlot)[1] == [BASE + 20 * SECOND]
    someone.do(10 * SECOND + 1)
    assert someone.changes == 1


# --- first and last -------------------------------------------------------------------------------------------------------------------


def test_the_latest_holds_one_event_and_the_earliest_its_window() -> None:
    someone = Someone('since("A", within="10s") < "3s"', 'first("A", "x", within="10s") == 5')
    for second in range(100):
        someone.do(second * SECOND, x=second)
    assert someone.state(LatestSlot)[1:3] == [BASE + 99 * SECOND, None]
    assert [[BASE + second * SECOND, second + 1, second] for second in range(90, 100)] == someone.state(EarliestSlot)[1]


def test_the_earliest_of_the_whole_history_is_one_event() -> None:
    someone = Someone('first("A", "x") == 1')
    for second in (50, 60, 40, 70, 40, 41):
        someone.do(second * SECOND, x=second)
    assert someone.state(EarliestSlot)[1] == [[BASE + 40 * SECOND, 3, 40]]


def test_events_without_the_property_leave_first_and_last_as_they_are() -> None:
    someone = Someone('last("A", "x.y") == 1', 'first("A", "x.y") == 1')
    someone.do(0, x={"y": 1})
    for number, x in enumerate((None, 7, {}, {"y": None}, {"z": 1}), 1):
        someone.do(number * SECOND, x=x)
    assert someone.changes == 2
    assert someone.state(LatestSlot)[2] == 1


# --- what is armed --------------------------------------------------------------------------------------------------------------------

ARMED = [
    'did("A", within="1h")',
    'count("A", within="1h") >= 3',
    'count("A", within="1h") == 2',
    'since("A") > "1h"',
    'since_first("A", within="1h") > "10m"',
    'last("A", "x", within="1h") == 1',
    'age(last("A", "at")) > "1h"',
    'in_segment_for("r0") > "1h"',
]


def test_the_heap_grows_with_the_slots_and_not_with_the_events() -> None:
    someone, chance = Someone(*ARMED), random.Random(1)
    t = 0
    for _ in range(500):
        t += chance.randrange(30 * SECOND)
        someone.do(t - chance.randrange(10) * SECOND, x=chance.randrange(2), at=BASE + t)
        assert len(someone.p.heap) <= 2 * len(someone.stage.rules.slots)
    assert someone.changes > 20


def test_an_event_that_only_moves_a_boundary_to_later_arms_nothing() -> None:
    someone = Someone('did("A", within="1h")', 'since("A") > "1h"')
    someone.do(0)
    before = list(someone.p.heap)
    for second in range(1, 600):
        someone.do(second * SECOND)
    assert before == someone.p.heap
    assert someone.changes == 1


MARKS = {
    "before the first": (100, (5, 10), 50, 105),
    "at the start": (100, (5, 10), 100, 105),
    "just before a mark": (100, (5, 10), 104, 105),
    "at a mark": (100, (5, 10), 105, 110),
    "at the last": (100, (5, 10), 110, None),
    "none": (100, (), 0, None),
    "a mark before the start": (100, (-7, 0), 90, 93),
    "a start in the future": (1000, (5,), 0, 1005),
}


@pytest.mark.parametrize(("start", "marks", "now", "expected"), MARKS.values(), ids=MARKS)
def test_the_next_mark(start: int, marks: tuple[int, ...], now: int, expected: int | None) -> None:
    assert expected == next_mark(start, marks, now)


def test_the_marks_of_durations_and_a_window() -> None:
    assert marks_of({5, 6}, 10) == (5, 6, 7, 10)
    assert marks_of({5}, 6) == (5, 6)
    assert marks_of({-3}, None) == (-3, -2)
    assert marks_of(set(), None) == ()


# --- to the millisecond ---------------------------------------------------------------------------------------------------------------

EXACT: dict[str, list[tuple[str, int]]] = {
    'did("A", within="10s")': [("entered", 0), ("exited", 10_000)],
    'count("A", within="10s") >= 1': [("entered", 0), ("exited", 10_000)],
    'since("A") > "5s"': [("entered", 5001)],
    'since("A") >= "5s"': [("entered", 5000)],
    'since("A") < "5s"': [("entered", 0), ("exited", 5000)],
    'since("A") <= "5s"': [("entered", 0), ("exited", 5001)],
    'since("A") == "5s"': [("entered", 5000), ("exited", 5001)],
    'since("A") != "5s"': [("entered", 0), ("exited", 5000), ("entered", 5001)],
    'since("A", within="5s") < "10s"': [("entered", 0), ("exited", 5000)],
    'since_first("A", within="5s") >= "2s"': [("entered", 2000), ("exited", 5000)],
    '"2s" < since("A") <= "3s"': [("entered", 2001), ("exited", 3001)],
    'since("A") in ["1s", "2s"]': [("entered", 1000), ("exited", 1001), ("entered", 2000), ("exited", 2001)],
    'coalesce(since("B"), since("A")) > "4s"': [("entered", 4001)],
    'age(last("A", "x")) >= "5s"': [("entered", 5000)],
    'age(last("A", "later")) >= "0s"': [("entered", 7000)],
    'age(last("A", "later")) > "-2s"': [("entered", 5001)],
    'last("A", "x", within="5s") is not None': [("entered", 0), ("exited", 5000)],
    'first("A", "x", within="5s") is None': [("entered", 5000)],
}


def line(name: str, t: int, id: str, **properties: Any) -> bytes:
    return (
        f'{{"type":"track","event":"{name}","userId":"u","messageId":"{id}","properties":{str(properties).replace(chr(39), chr(34))},'
        f'"timestamp":"2026-01-05T00:00:{t // 1000:02d}.{t % 1000:03d}Z"}}'
    ).encode()


@pytest.mark.parametrize(("rule", "expected"), EXACT.items())
def test_a_rule_changes_at_the_exact_instant(rule: str, expected: list[tuple[str, int]]) -> None:
    plan = make_plan({"r": rule}, lateness="0s")
    run = run_engine(plan, [line("A", 0, "m1", x=BASE, later=BASE + 7000), line("Z", 30_000, "m2")])
    assert expected == [(kind, t - BASE) for t, _, kind, _, _ in run.transitions]


def test_the_first_of_a_day_keeps_its_boundaries_when_one_of_the_day_before_comes_late() -> None:
    plan = make_plan({"r": "since_first('A', this='day') != '500ms'"}, lateness="0s")
    late = line("A", 0, "m2").replace(b"2026-01-05T00:00:00.000Z", b"2026-01-04T23:59:39.000Z")
    run = run_engine(plan, [line("A", 9000, "m1"), late, line("Z", 9400, "m3"), line("Z", 30_000, "m4")])
    assert [(kind, t - BASE) for t, _, kind, _, _ in run.transitions] == [("entered", 9000), ("exited", 9500), ("entered", 9501)]


def test_in_segment_for_counts_from_the_entry() -> None:
    plan = make_plan(
        {"in": 'did("A", within="10s")', "long": 'in_segment_for("in") > "3s"', "at": 'in_segment_for("in") == "3s"'}, lateness="0s"
    )
    run = run_engine(plan, [line("A", 0, "m1"), line("A", 2000, "m2"), line("Z", 30_000, "m3")])
    expected = [("in", "entered", 0), ("at", "entered", 3000), ("at", "exited", 3001), ("long", "entered", 3001)]
    expected += [("in", "exited", 12_000), ("long", "exited", 12_000)]
    assert sorted(expected) == sorted((segment, kind, t - BASE) for t, _, kind, segment, _ in run.transitions)
    assert any(isinstance(slot, TimerSlot) for slot in PersonStage(plan).rules.slots)


BEFORE_1970 = {
    'did("A", within="1s")': [("entered", -1000), ("exited", 0)],
    'since("A") >= "1s"': [("entered", 0)],
    'age(last("A", "x")) >= "1s"': [("entered", 0)],
    'did("A", within="2s")': [("entered", -1000), ("exited", 1000)],
    'did("A", within="500ms")': [("entered", -1000), ("exited", -500)],
    'since_first("A", within="1s") < "1h"': [("entered", -1000), ("exited", 0)],
}


@pytest.mark.parametrize(("rule", "expected"), BEFORE_1970.items())
def test_instants_around_1970_are_instants_as_others(rule: str, expected: list[tuple[str, int]]) -> None:
    lines = [
        b'{"type":"track","event":"A","userId":"u","timestamp":"1969-12-31T23:59:59Z","properties":{"x":-1000}}',
        b'{"type":"track","event":"Z","userId":"u","timestamp":"1970-01-01T01:00:00Z"}',
    ]
    run = run_engine(make_plan({"r": rule}), lines)
    assert expected == [(kind, t) for t, _, kind, _, _ in run.transitions]


# --- what a changed plan asks of slots ------------------------------------------------------------------------------------------------

WINDOWED = (
    "count('A', within='10s') > 1",
    "did('A', within='10s')",
    "since('A', within='10s') > '1s'",
    "since_first('A', within='10s') > '1s'",
    "last('A', 'x', within='10s') == 1",
    "first('A', 'x', within='10s') == 1",
    "latest('A', where=x == 1, within='10s')",
    "sum('A', 'x', within='10s') > 1",
    "avg('A', 'x', within='10s') > 1",
    "max('A', 'x', within='10s') > 1",
    "min('A', 'x', within='10s') > 1",
    "most('A', 'x', within='10s') == 1",
    "distinct('A', 'x', within='10s') > 1",
    "1 in unique('A', 'x', within='10s')",
    "sequence('A', 'A', within='5s')",
    "funnel('A', not 'B', 'A', within='5s')",
)
WHOLE = (
    "count('A') > 1",
    "did('A', within='10s', after='B')",
    "did('A', within='10s', same='x', as_='B')",
    "first_time('A', within='10s')",
)
"""With windows, but what lies before them matters too."""


@pytest.mark.parametrize("rule", WINDOWED)
def test_an_event_that_is_out_of_reach_is_not_looked_at(rule: str) -> None:
    [slot] = PersonStage(make_plan({"a": rule})).rules.slots
    assert slot.reach() == 10 * SECOND
    rules, p = PersonStage(make_plan({"a": rule})).rules, new_person("u")
    p.clock = BASE
    bring(rules, p, "A", BASE - 10 * SECOND, 1, {"x": 1}, BASE)
    unseen = slot.value(p.slots.get(slot.no), BASE)
    assert slot.value(None, BASE) == unseen
    bring(rules, p, "A", BASE - 10 * SECOND + 1, 2, {"x": 1}, BASE)
    assert p.slots[slot.no][1] is not None


@pytest.mark.parametrize("rule", WHOLE)
def test_where_all_events_may_matter_there_is_no_reach(rule: str) -> None:
    [slot] = PersonStage(make_plan({"a": rule})).rules.slots
    assert slot.reach() is None


@given(st.integers(1, 6), st.integers(1, 6), st.lists(st.integers(0, 12), max_size=12).map(sorted), st.booleans())
def test_a_state_that_is_enough_goes_on_as_one_that_was_always_there(before: int, now: int, times: list[int], number: bool) -> None:
    told = "count('A', within='10s') == count('B')" if number else f"count('A', within='10s') >= {before}"
    old, new = Someone(told), Someone(f"count('A', within='10s') >= {now}")
    for t in times:
        old.do(t * SECOND)
        new.do(t * SECOND)
    [first, *_], [slot] = old.stage.rules.slots, new.stage.rules.slots
    assert slot.is_enough(first.needs()) == (number or before >= now)
    if slot.is_enough(first.needs()) and first.no in old.p.slots:
        carried = slot.carry(old.p.slots[first.no], None)
        assert [slot.value(new.p.slots[slot.no], t) for t in range(BASE, BASE + 30 * SECOND, 500) if t >= new.p.clock] == [
            slot.value(carried, t) for t in range(BASE, BASE + 30 * SECOND, 500) if t >= new.p.clock
        ]
