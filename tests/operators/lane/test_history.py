"""The history: an event comes once, is kept as long as the plan says, and is read back in its order."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.lane.history import LATE_MS, History, read_history
from operators.lane.keys import FORMAT, HISTORY, HISTORY_END, Meta
from operators.lane.memory_store import MemoryStore
from operators.lane.rocks import open_store
from operators.lane.store import Store
from operators.plan.checked import Plan
from schemas.event import Event
from tests.harness import make_plan, run_engine

BASE = 1_767_571_200_000
DAY = 86_400_000
WEEK = 7 * DAY


def plan_with(**settings: Any) -> Plan:
    return make_plan({"all": "everyone"}, **settings)


def event(t: int, id: str = "m", name: str | None = "A", **properties: Any) -> Event:
    return Event(t, "track", name, id, "u", None, properties)


class Kept:
    """A history over a store, with the lane's standing that it needs."""

    def __init__(self, plan: Plan, store: Store | None = None) -> None:
        self.plan = plan
        self.store = store if store is not None else MemoryStore()
        self.meta = Meta(FORMAT, plan.name, plan.version, 0)
        self.history = History(plan, self.store)
        self.n = 0

    def add(self, t: int, id: str = "m", person: str = "u", **properties: Any) -> bool:
        """True where the event was taken in."""
        self.n += 1
        taken = self.history.add(person, event(t, id, **properties), self.n, t) >= 0
        if taken:
            self.meta.oldest = t if self.meta.oldest is None else min(t, self.meta.oldest)
        return taken

    def flush(self, watermark: int | None = None) -> None:
        if watermark is not None:
            self.meta.watermark = watermark
        writes = self.store.writes()
        self.history.flush(self.meta, writes)
        self.store.write(writes)

    def read(self, person: str = "u") -> list[tuple[int, str]]:
        return [(kept.t, id) for id, kept in read_history(self.store, person)]


@pytest.fixture(params=["in the batch", "in the store"])
def between(request: pytest.FixtureRequest) -> Callable[[Kept], None]:
    """What happens between two events: nothing, or a write."""

    def step(kept: Kept) -> None:
        if request.param == "in the store":
            kept.flush()

    return step


AWAY = {0: False, 1: False, WEEK - 1: False, WEEK: True, WEEK + 1: True, 10 * WEEK: True}
"""How far the second is away from the first, and whether it is taken in."""


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("away", "taken"), AWAY.items())
def test_a_duplicate_is_less_than_the_window_away_in_either_direction(
    between: Callable[[Kept], None], away: int, taken: bool, direction: int
) -> None:
    kept = Kept(plan_with(duplicates="7d"))
    assert kept.add(BASE)
    between(kept)
    assert taken == kept.add(BASE + direction * away)
    assert kept.add(BASE, "other")
    assert kept.add(BASE, person="v")


def test_every_event_with_the_id_counts_not_the_last_alone(between: Callable[[Kept], None]) -> None:
    kept = Kept(plan_with(duplicates="7d"))
    assert [kept.add(BASE), kept.add(BASE + 2 * WEEK)] == [True, True]
    between(kept)
    assert [kept.add(BASE + 1), kept.add(BASE + 2 * WEEK - 1), kept.add(BASE + WEEK)] == [False, False, True]
    between(kept)
    assert kept.add(BASE + WEEK + 1) is False


def test_ids_are_told_apart_by_person_and_text() -> None:
    """No person and id may share a row with another, wherever one ends and the other begins."""
    kept = Kept(plan_with())
    names = ["a", "ab", "a\0", "a\0b", "\0", "\0\0a", "é", "\U0001f600" * 1024]
    assert all(kept.add(BASE, id, person) for person in names for id in names)
    kept.flush()
    assert not any(kept.add(BASE, id, person) for person in names for id in names)
    for person in names:
        assert sorted(names) == sorted(id for _, id in kept.read(person))


def test_without_the_check_each_record_is_an_event(between: Callable[[Kept], None]) -> None:
    kept = Kept(plan_with(duplicates="off"))
    assert kept.add(BASE, x=1)
    between(kept)
    assert kept.add(BASE, x=2)
    kept.flush()
    assert [(id, row.properties) for id, row in read_history(kept.store, "u")] == [("m", {"x": 1}), ("m", {"x": 2})]


def test_without_the_check_ids_with_nul_are_read_back_whole() -> None:
    kept = Kept(plan_with(duplicates="off"))
    ids = ["a", "a\0b", "\0", "a\0" + "\0" * 7 + "\1"]
    for id in ids:
        assert kept.add(BASE, id)
    kept.flush()
    assert ids == [id for _, id in kept.read()]


def test_without_history_only_what_the_check_needs_is_kept(between: Callable[[Kept], None]) -> None:
    kept = Kept(plan_with(history="none", duplicates="7d"))
    assert kept.add(BASE, x="secret")
    between(kept)
    assert not kept.add(BASE + WEEK - 1, x="secret")
    kept.flush()
    assert [(row.name, row.properties) for _, row in read_history(kept.store, "u")] == [(None, None)]
    assert b"secret" not in b"".join(value for _, value in kept.store.scan(b"", b"\xff", 100))


def test_without_both_nothing_is_kept() -> None:
    kept = Kept(plan_with(history="none", duplicates="off"))
    assert kept.add(BASE)
    assert kept.add(BASE)
    kept.flush(BASE + 1000 * DAY)
    assert kept.store.scan(b"", b"\xff", 100) == []


def test_the_history_is_read_by_time_then_arrival() -> None:
    kept = Kept(plan_with())
    for t, id in [(5, "z"), (1, "y"), (5, "b"), (5, "a"), (3, "c")]:
        kept.add(BASE + t, id)
    kept.add(BASE + 5 + WEEK, "b")
    kept.add(BASE + 4, "other", "u2")
    kept.flush()
    order = [(1, "y"), (3, "c"), (5, "z"), (5, "b"), (5, "a"), (5 + WEEK, "b")]
    assert [(BASE + t, id) for t, id in order] == kept.read()


def test_the_content_of_an_event_is_read_back() -> None:
    kept = Kept(plan_with())
    kept.add(BASE, x=[1, {"y": None}], z=2**63)
    kept.add(BASE + 1, "huge", x=10**400, y=[-(2**64)])
    kept.flush()
    first, second = (row for _, row in read_history(kept.store, "u"))
    assert (first.kind, first.name, first.properties) == ("track", "A", {"x": [1, {"y": None}], "z": 2**63})
    assert second.properties == {"x": 1.7976931348623157e308, "y": [-(2.0**64)]}


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
@pytest.mark.parametrize("name", ["Identified", "Unsubscribed", "A"])
def test_the_source_is_kept_of_what_tells_something_of_the_person_and_costs_others_nothing(name: str, late: bool) -> None:
    kept = Kept(plan_with())
    for number, source in enumerate([None, "crm"]):
        sent = msgspec.structs.replace(event(BASE, f"m{number}", name, x=1), source=source)
        kept.history.add("u", sent, number + 1, BASE + late)
    kept.flush()
    rows = [row for _, row in read_history(kept.store, "u")]
    assert [None, None if name == "A" else "crm"] == [row.source for row in rows]
    assert [row.properties for row in rows] == [{"x": 1}, {"x": 1}]
    assert [BASE + 1 if late else None] * 2 == [row.watermark for row in rows]
    plain, sourced = (len(value) for _, value in kept.store.scan(HISTORY, HISTORY_END, 10))
    assert (plain == sourced) == (name == "A")


# --- retention ------------------------------------------------------------------------------------------------------------------------


def sweep(kept: Kept, watermark: int, batches: int = 60, pace_ms: int = 0) -> None:
    """Events of one more person, a batch each, as time stands still, or goes on at a pace."""
    for number in range(batches):
        kept.add(watermark, f"new{number}", "later")
        kept.flush(watermark + pace_ms * number)


LATE_DAYS = LATE_MS // DAY
RETENTION = {
    "history for longer": ("400d", "7d", 400),
    "duplicates for longer": ("1d", "7d", 7 + LATE_DAYS),
    "no history": ("none", "2d", 2 + LATE_DAYS),
    "no check": ("3d", "off", 3),
}


@pytest.mark.parametrize(("history", "duplicates", "days"), RETENTION.values(), ids=RETENTION)
def test_the_sweep_takes_what_is_older_than_the_plan_keeps_and_nothing_else(history: str, duplicates: str, days: int) -> None:
    kept = Kept(plan_with(history=history, duplicates=duplicates))
    now, edge = BASE + 10_000 * DAY, BASE + 10_000 * DAY - days * DAY
    times = [edge - 1000 * DAY, edge - 2, edge - 1, edge, edge + 1, now - 1, now]
    for number, t in enumerate(times):
        kept.add(t, f"m{number}")
        kept.add(t, f"m{number}", f"person{number}")
    kept.flush()
    sweep(kept, now)
    assert times[3:] == [t for t, _ in kept.read()]
    assert times[3:] == [t for number in range(len(times)) for t, _ in kept.read(f"person{number}")]
    assert len(kept.read("later")) == 60


def test_of_a_row_with_several_events_only_the_old_leave() -> None:
    kept = Kept(plan_with(history="30d", duplicates="7d"))
    for weeks in range(10):
        assert kept.add(BASE + weeks * WEEK)
    kept.flush()
    sweep(kept, BASE + 10 * WEEK)
    assert [BASE + weeks * WEEK for weeks in (6, 7, 8, 9)] == [t for t, _ in kept.read()]
    assert not kept.add(BASE + 9 * WEEK + 1)


def test_a_row_written_in_the_batch_of_the_sweep_stays() -> None:
    kept = Kept(plan_with(history="30d", duplicates="7d"))
    kept.add(BASE)
    kept.flush()
    kept.add(BASE + 50 * DAY)  # the same row gets a new event while the sweep lets go of the old one
    kept.flush(BASE + 50 * DAY)
    assert (BASE + 50 * DAY, "m") in kept.read()
    assert not kept.add(BASE + 50 * DAY + 1)


def test_a_late_event_older_than_what_is_kept_leaves_with_a_later_sweep() -> None:
    kept = Kept(plan_with(history="30d", duplicates="7d"))
    now = BASE + 100 * DAY
    kept.add(now)
    kept.flush(now)
    kept.add(BASE, "late")
    kept.flush(now)
    sweep(kept, now, pace_ms=1)
    assert [(now, "m")] == kept.read()


def test_the_sweep_goes_on_where_it_was_after_the_state_is_opened_again(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    kept = Kept(plan_with(history="30d", duplicates="7d"), store)
    for number in range(200):
        kept.add(BASE + number, f"m{number}", f"p{number}")
    kept.flush()
    now = BASE + 100 * DAY
    for number in range(150):
        kept.add(now, f"new{number}", "later")
        kept.flush(now)
        if number % 20 == 0:
            store.close()
            store = open_store(tmp_path)
            meta, n = kept.meta, kept.n
            kept = Kept(kept.plan, store)
            kept.meta, kept.n = meta, n
    assert len(store.scan(HISTORY, HISTORY_END, 1000)) == 150
    store.close()


def test_what_should_be_gone_never_outgrows_what_is_kept() -> None:
    """Over a long steady stream the rows stay a small multiple of those in the window."""
    kept = Kept(plan_with(history="10d", duplicates="1d"))
    chance, most = random.Random(7), 0
    for day in range(400):
        for number in range(10):
            kept.add(BASE + day * DAY, f"m{day}-{number}", f"p{chance.randrange(1000)}")
        kept.flush(BASE + day * DAY)
        most = max(most, len(kept.store.scan(HISTORY, HISTORY_END, 1 << 20)))
    assert 100 <= most <= 300


@given(
    events=st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab"), st.sampled_from("uv"), st.booleans()), max_size=40),
    window=st.integers(1, 12),
)
def test_duplicates_against_a_list(events: list[tuple[int, str, str, bool]], window: int) -> None:
    kept, model = Kept(plan_with(duplicates=f"{window}ms")), dict[tuple[str, str], list[int]]()
    for t, id, person, written in events:
        times = model.setdefault((person, id), [])
        new = all(abs(t - other) >= window for other in times)
        assert new == kept.add(BASE + t, id, person)
        if new:
            times.append(t)
        if written:
            kept.flush()
    kept.flush()
    for person in "uv":
        expected = sorted(BASE + t for (owner, _), times in model.items() for t in times if owner == person)
        assert expected == [t for t, _ in kept.read(person)]


def test_a_duplicate_changes_nothing_in_a_lane() -> None:
    """Not the history, not the clock, not the watermark."""
    plan = make_plan({"twice": 'count("A", within="1h") >= 2', "once": 'did("A", within="1h")'}, lateness="0s")
    line = '{{"type":"track","event":"A","userId":"{}","messageId":"{}","timestamp":"2026-01-05T{}Z"}}'
    first = [line.format("u", "m1", "00:00:00").encode(), line.format("v", "m2", "00:00:01").encode()]
    duplicate = line.format("u", "m1", "05:00:00").encode()  # were it taken, the window of both would have passed
    last = [line.format("v", "m3", "00:30:00").encode()]
    without, with_it = run_engine(plan, first + last), run_engine(plan, [*first, duplicate, *last])
    assert without.records == with_it.records
    assert dict(with_it.counts) == {"events": 3, "duplicates": 1}
