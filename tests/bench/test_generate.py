"""The generator gives the same log each time, with what the benchmarks count on; the comparison's own folds agree with each other."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operators.plan.read import read_plan
from tests.bench import compare, plans
from tests.bench.generate import START_MS, Shop, as_browsers_send, cached

EVENTS, PERSONS, SEED = 5_000, 500, 7


def log(seed: int = SEED) -> list[bytes]:
    return [record for _, record in Shop(EVENTS, PERSONS, seed).log()]


def decoded() -> list[dict[str, Any]]:
    return [msgspec.json.decode(record) for record in log()]


def test_a_seed_gives_one_log_on_every_python() -> None:
    expected = "b956c43d14b73d4344bb67a2ba16d05f2504862fe5fbb5a7f045d3c4f9ca45b9"
    assert expected == hashlib.sha256(b"\n".join(log())).hexdigest()
    assert log(SEED + 1) != log()


def test_numbers_are_those_asked_for() -> None:
    events = decoded()
    assert len(events) == EVENTS
    assert len({event["userId"] for event in events}) == PERSONS
    assert EVENTS - len({event["messageId"] for event in events}) == EVENTS * 3 // 1000


def test_records_are_of_the_size_that_is_promised() -> None:
    assert 400 < sum(map(len, log())) / EVENTS < 520


def test_arrival_rises_and_no_event_is_late() -> None:
    events = decoded()
    arrivals = [event["receivedAt"] for event in events if event["receivedAt"]]
    assert all(earlier <= later for earlier, later in pairwise(arrivals))
    largest = 0
    for event in events:
        t = compare.millis(event["timestamp"])
        assert t > largest - 10_000
        largest = max(largest, t)


def test_the_cached_file_holds_the_log(tmp_path: Path) -> None:
    path, shape = cached(EVENTS, PERSONS, SEED, tmp_path)
    assert log() == path.read_bytes().splitlines()
    assert (path, shape) == cached(EVENTS, PERSONS, SEED, tmp_path)
    times = [compare.millis(event["timestamp"]) for event in decoded()]
    assert (min(times), max(times)) == (shape.first_ms, shape.last_ms)
    assert shape.first_ms >= START_MS
    assert path.stat().st_size == shape.bytes


def test_browsers_tell_the_user_from_the_fifth_event_on() -> None:
    sent: dict[str, list[bool]] = {}
    for plain, record in zip(log(), as_browsers_send(log()), strict=True):
        before, event = msgspec.json.decode(plain), msgspec.json.decode(record)
        sent.setdefault(event["anonymousId"].replace("a", "u"), []).append("userId" in event)
        assert event.get("userId", before["userId"]) == before["userId"] == event["anonymousId"].replace("a", "u")
        assert before["messageId"] == event["messageId"]
    assert all(told == [n >= 4 for n in range(len(told))] for told in sent.values())
    assert len(sent) == PERSONS


def test_more_persons_than_events_are_refused() -> None:
    with pytest.raises(ValueError, match="persons must be from 1"):
        Shop(10, 11, SEED)


def test_what_is_noticed_at_events_is_the_truth_at_events(tmp_path: Path) -> None:
    path, shape = cached(EVENTS, PERSONS, SEED, tmp_path)
    read = compare.Log.read(path)
    derived = compare.at_events(read, compare.expected(read, shape.last_ms))
    standings: dict[str, compare.Standing] = {}
    truths: dict[str, bool] = {}
    directly = []
    for person, t, message_id, event in read.records:
        standing = standings.setdefault(person, compare.Standing())
        standing.now = max(standing.now, t)
        if event == "Product Viewed":
            standing.viewed = max(standing.viewed, t)
        if event == "Order Completed":
            standing.ordered = max(standing.ordered, t)
        truth = standing.holds(standing.now)
        if truth != truths.get(person, False):
            directly.append((person, message_id, "entered" if truth else "exited"))
        truths[person] = truth
    assert sorted(directly) == derived
    assert len(derived) > 100


@pytest.mark.parametrize(
    ("kind", "segments"),
    [("one_rule", 1), ("one_rule_full", 1), ("twenty", 20), ("twenty_plain", 20), ("two_hundred", 200), ("latency", 20)],
)
def test_a_plan_is_one_that_beckon_reads(kind: str, segments: int, tmp_path: Path) -> None:
    folder = plans.write(kind, "bench", tmp_path / "plan")
    plan = read_plan({str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()})
    assert segments == len(plan.segments)
    assert (kind == "twenty_plain") == (plan.identity is None) == (plan.clean is None)
    assert (kind == "one_rule") == (plan.history_ms is None) == (plan.duplicates_ms is None)
