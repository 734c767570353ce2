"""A lane as a step of the flow: persons are brought to a changed plan while no input comes, and between what comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from flows.connectors.memory import MemoryOutput, MemoryPublisher, MemorySource, numbered
from flows.failure import Failure
from flows.lane_step import LaneLogic, Lanes
from flows.run import Job, run
from flows.totals import Report, Totals
from operators.lane.ports import Batch
from operators.plan.checked import Plan
from tests.command import events
from tests.harness import make_plan

PERSONS = 1500
OLD = {"buyers": "did('Order Completed')", "lookers": "did('Product Viewed', within='1h')"}
NEW = {"buyers": "did('Order Completed')", "keen": "count('Product Viewed', within='7d') >= 2", "lookers": "did('Product Viewed')"}


def records(persons: int = PERSONS) -> list[bytes]:
    return [json.dumps(event).encode() for event in events(persons, 2)]


class Kept:
    """A state in a folder, of the old plan, and all that was published from it."""

    def __init__(self, folder: Path, given: list[bytes]) -> None:
        self.folder, self.output, self.given = folder, MemoryOutput(), numbered(given)
        self.run(make_plan(OLD), follow=False)

    def run(self, plan: Plan, *watchers: Callable[[Report], None], **how: Any) -> Totals:
        """A run that goes on behind all records that are there now, if it is live."""
        starts = {0: len(self.given) - 1} if how["follow"] else None
        # The clock stands still, so no batch comes because the input is idle.
        source = MemorySource([self.given], starts=starts, monotonic=lambda: 0.0, **how)
        return run(Job(plan=plan, source=source, publisher=self.publisher, state=self.folder), watchers=watchers)

    def publisher(self, partition: int) -> MemoryPublisher:
        return MemoryPublisher(self.output, partition)

    def came(self) -> list[tuple[str, str, str]]:
        """Person, segment and kind of all transitions by a changed plan."""
        records = [json.loads(value) for _, _, value in self.output.streams["transitions"]]
        return sorted((r["subject"], r["data"]["segment"], r["type"].rpartition(".")[2]) for r in records if "plan" in r["data"]["cause"])


EXPECTED = sorted((f"p{n}", segment, "entered") for n in range(PERSONS) for segment in ("keen", "lookers") if n % 4 not in (2, 3))
"""Of two events of everybody the one or the other is an order for half of them; the window of an hour is over for the first event."""


def viewed_twice(number: int) -> bool:
    return (0 + number) % 4 != 3 and (1 + number) % 4 != 3


def test_persons_are_filled_while_no_input_comes(tmp_path: Path) -> None:
    kept, stop = Kept(tmp_path, records()), threading.Event()
    left: list[int] = []

    def watch(report: Report) -> None:
        left.append(report.counts.to_fill)
        if not left[-1]:
            stop.set()

    # Without the steps between batches this run would never end.
    guard = threading.Timer(60, stop.set)
    guard.start()
    totals = kept.run(make_plan(NEW), watch, follow=True, stop=stop)
    guard.cancel()
    assert (left[-1], totals.counts().filled) == (0, PERSONS)
    assert left == sorted(left, reverse=True)
    assert len(left) > 10
    assert {person for person, segment, _ in kept.came() if segment == "keen"} == {f"p{n}" for n in range(PERSONS) if viewed_twice(n)}


def test_what_comes_meanwhile_does_not_wait_for_the_last_person(tmp_path: Path) -> None:
    kept, stop = Kept(tmp_path, records()), threading.Event()
    came: list[tuple[int, int]] = []

    def watch(report: Report) -> None:
        came.append((report.counts.events, report.counts.to_fill))
        if not came[-1][1]:
            stop.set()
        event = {"type": "track", "messageId": f"m{len(came)}", "userId": "p0", "event": "Any", "timestamp": "2026-01-02T00:00:00Z"}
        kept.given.append((len(kept.given), None, json.dumps(event).encode()))

    kept.run(make_plan(NEW), watch, follow=True, stop=stop)
    assert [left for events, left in came if events and left] != []


def test_a_bounded_input_ends_when_all_are_filled(tmp_path: Path) -> None:
    kept = Kept(tmp_path, records())
    left: list[int] = []
    totals = kept.run(make_plan(NEW), lambda report: left.append(report.counts.to_fill), follow=False)
    assert (totals.counts().ended, totals.counts().filled, left[-1]) == (True, PERSONS, 0)
    assert len([each for each in left if each]) > 10


def test_a_stop_does_not_wait_for_the_last_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, stop = Kept(tmp_path, records()), threading.Event()
    monkeypatch.setattr("flows.lane_step.stop", stop)
    totals = kept.run(make_plan(NEW), lambda report: stop.set() if report.counts.filled else None, follow=False)
    assert not totals.counts().ended
    assert 0 < totals.counts().filled < PERSONS
    stop.clear()
    rest = kept.run(make_plan(NEW), follow=False)
    assert (rest.counts().ended, rest.counts().filled) == (True, PERSONS - totals.counts().filled)


def test_nothing_is_asked_for_where_nobody_is_to_be_filled(tmp_path: Path) -> None:
    kept = Kept(tmp_path, records(120))

    def opened(plan: Plan) -> LaneLogic:
        return LaneLogic(Lanes(plan, kept.folder, kept.publisher), Failure())

    logic = opened(make_plan(OLD))
    assert logic.notify_at() is None
    logic.on_batch([Batch(0, 0, [])])
    assert logic.notify_at() is None
    logic.on_eof()
    logic = opened(make_plan(NEW))
    logic.on_batch([Batch(0, 0, [], wall_ms=0)])
    steps = 0
    while (at := logic.notify_at()) is not None:
        assert at == logic.notify_at()
        steps += 1
        logic.on_notify()
    assert steps > 0
    assert logic.on_notify() == ([], LaneLogic.RETAIN)
    logic.on_eof()


def test_the_log_tells_what_a_changed_plan_brings(tmp_path: Path) -> None:
    kept = Kept(tmp_path, records(4))
    with capture_logs() as logs:
        kept.run(make_plan({"keen": NEW["keen"], "lookers": NEW["lookers"]}), follow=False)
    told = {"new": ["keen"], "changed": ["lookers"], "gone": ["buyers"], "persons": 4, "partition": 0}
    assert logs == [{"event": "the plan has changed", "log_level": "info", **told}]
    with capture_logs() as logs:
        kept.run(make_plan({"keen": NEW["keen"], "lookers": NEW["lookers"]}), follow=False)
    assert logs == []
