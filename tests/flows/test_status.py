"""How a plan stands in the states of its lanes: live, being filled, about to go, and what another plan would change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from flows.audit.lanes import read_lanes
from flows.connectors.memory import MemoryOutput, MemoryPublisher, numbered
from flows.lane_step import lane_folder
from flows.status import PlanStatus, SegmentStatus, read_status
from flows.status_report import about, show
from operators.lane.keys import FORMAT, META
from operators.lane.lane import Lane
from operators.lane.live import read_live
from operators.lane.ports import Batch
from operators.lane.rocks import open_store, read_position
from operators.language.reads import reads_of
from operators.plan.checked import Plan
from schemas.errors import UnavailableError, UsageError
from tests.harness import make_plan
from tests.strategies import stamp

DAY = 86_400_000
PERSONS = 40
OLD = {"buyers": "did('Order')", "viewers": "did('View', within='3d')"}
NEW = {
    "buyers": "did('Order')",
    "early": "first_time('Order', within='9d')",
    "fans": "count('View', within='30d') >= 2 and segment('regulars')",
    "near": "not segment('regulars')",
    "regulars": "count('View', within='5d') >= 2",
}


class Job:
    """Lanes over states in a folder, whose output is kept; each lane has events of so many persons over eleven days."""

    def __init__(self, folder: Path, plan: Plan, lanes: int = 1) -> None:
        self.folder, self.outputs, self.open = folder, [MemoryOutput() for _ in range(lanes)], dict[int, Lane]()
        for partition in range(lanes):
            given = numbered([json.dumps(event).encode() for event in events()])
            self.start(plan, partition).apply(Batch(partition, 0, given))
        self.stop()

    def start(self, plan: Plan, partition: int = 0) -> Lane:
        """A lane of the plan that has read nothing yet, and brought nobody to the plan."""
        publisher = MemoryPublisher(self.outputs[partition], partition)
        lane = self.open[partition] = Lane(plan, open_store(lane_folder(self.folder, partition)), publisher, partition)
        lane.apply(Batch(partition, 0, [], wall_ms=0))
        return lane

    def stop(self) -> None:
        for lane in self.open.values():
            lane.close()
        self.open.clear()

    def run(self, plan: Plan, partition: int = 0, steps: int = 1000) -> None:
        """So many steps that bring persons to the plan."""
        lane = self.start(plan, partition)
        for _ in range(steps):
            if lane.filling:
                lane.fill()
        self.stop()


def events() -> Iterator[dict[str, Any]]:
    for number, name in enumerate(("View", "View", "Order")):
        for person in range(PERSONS):
            at = number * 5 * DAY + person
            yield {"type": "track", "event": name, "userId": f"u{person:02}", "timestamp": stamp(at)} | {"messageId": f"{at}"}
    yield {"type": "track", "event": "Any", "userId": "u00", "timestamp": stamp(11 * DAY + 10_000)}


START, END = "2026-01-05T00:00:00.000Z", "2026-01-16T00:00:00.000Z"
"""The first event, and the watermark behind the last."""


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten persons or so are reached in a step."""
    monkeypatch.setattr("operators.lane.fill.MOST_EVENTS", 180)


def nobody_waits() -> float:
    raise AssertionError("there is nothing to wait for")


def a_second() -> float:
    return 1.0


def by_id(status: PlanStatus) -> dict[str, SegmentStatus]:
    return {each.segment: each for each in status.segments}


def shown(status: PlanStatus, *, lanes: bool = False) -> list[str]:
    out = StringIO()
    show(status, Console(file=out, width=100), lanes=lanes)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_plan_that_was_always_there_is_live(tmp_path: Path) -> None:
    plan = make_plan(OLD)
    Job(tmp_path, plan)
    status = read_status(tmp_path, plan, nobody_waits)
    assert by_id(status) == {id: SegmentStatus(id, "live", PERSONS, PERSONS, whole_history=id == "buyers") for id in OLD}
    assert (status.persons, status.filling, status.running, status.change) == (PERSONS, False, None, None)
    assert shown(status) == [f"test  version {plan.version}, 40 persons in 1 lane", "", "Segments", "  buyers   live", "  viewers  live"]


def test_what_is_new_is_filling_and_what_is_gone_is_leaving_while_persons_are_left(tmp_path: Path) -> None:
    plan = make_plan(NEW)
    Job(tmp_path, make_plan(OLD)).run(plan, steps=1)
    status = read_status(tmp_path, plan, a_second)
    states = {"buyers": "live", "early": "filling", "fans": "filling", "near": "filling", "regulars": "filling", "viewers": "leaving"}
    assert {id: each.state for id, each in by_id(status).items()} == states
    assert (status.filled + status.to_fill, status.filling, status.running, status.seconds_left) == (PERSONS, True, False, None)
    assert 0 < status.filled < PERSONS
    assert {each.filled for each in status.segments} == {status.filled, PERSONS}
    share = status.filled * 100 // PERSONS
    assert f"filling {share} % ({status.filled} of 40 persons), paused: no job is running" in shown(status)
    assert f"  viewers   leaving {share} %" in shown(status)


def test_a_segment_is_filling_as_long_as_one_that_it_refers_to(tmp_path: Path) -> None:
    rules = {"a": "did('View', within='2d')", "b": "not segment('a')", "c": "held(segment('b'), at_least='1d')", "d": "did('Order')"}
    plan = make_plan(rules | {"a": "did('View', within='4d')"})
    Job(tmp_path, make_plan(rules)).run(plan, steps=0)
    states = {id: each.state for id, each in by_id(read_status(tmp_path, plan, a_second)).items()}
    assert states == {"a": "filling", "b": "filling", "c": "filling", "d": "live"}


def test_a_job_at_work_tells_how_long_it_will_take(tmp_path: Path) -> None:
    plan = make_plan(NEW)
    job = Job(tmp_path, make_plan(OLD))
    lane = job.start(plan)

    def at_work() -> float:
        lane.fill()
        return 300.0

    status = read_status(tmp_path, plan, at_work)
    job.stop()
    assert status.running
    assert status.seconds_left == status.to_fill * 300 / status.filled
    assert shown(status)[1].endswith(f" of 40 persons), complete in {about(status.seconds_left)}")


def test_a_job_that_finishes_meanwhile_has_nothing_left(tmp_path: Path) -> None:
    plan = make_plan(NEW)
    job = Job(tmp_path, make_plan(OLD))
    lane = job.start(plan)

    def at_work() -> float:
        while lane.filling:
            lane.fill()
        return 1.0

    status = read_status(tmp_path, plan, at_work)
    job.stop()
    assert (status.filling, status.to_fill, status.filled, status.running) == (False, 0, PERSONS, True)


def test_what_is_complete_says_since_when_and_how_far_back_it_knows(tmp_path: Path) -> None:
    plan = make_plan(NEW)
    Job(tmp_path, make_plan(OLD)).run(plan)
    found = by_id(read_status(tmp_path, plan, nobody_waits))
    came = (PERSONS, PERSONS, END, END, START)
    assert found == {
        "buyers": SegmentStatus("buyers", "live", PERSONS, PERSONS, whole_history=True),
        "early": SegmentStatus("early", "live", *came, whole_history=True),
        # 30 days behind the first event.
        "fans": SegmentStatus("fans", "live", *came, windows_whole_from="2026-02-04T00:00:00.000Z"),
        "near": SegmentStatus("near", "live", *came),
        "regulars": SegmentStatus("regulars", "live", *came),
    }
    lines = shown(read_status(tmp_path, plan, nobody_waits))
    assert lines[4:8] == [
        f"  early     complete since {END}",
        f"            knows what is kept since {START}",
        f"  fans      complete since {END}",
        "            windows are whole from 2026-02-04T00:00:00.000Z on",
    ]


def test_without_a_history_windows_begin_with_the_change(tmp_path: Path) -> None:
    plan = make_plan(NEW, history="none")
    Job(tmp_path, make_plan(OLD, history="none")).run(plan)
    found = by_id(read_status(tmp_path, plan, nobody_waits))
    # The last event of all came at 10 s behind the watermark.
    assert found["regulars"].knows_since == "2026-01-16T00:00:10.001Z"
    assert found["regulars"].windows_whole_from == "2026-01-21T00:00:10.001Z"
    assert found["buyers"].knows_since is None


def test_of_several_lanes_the_one_furthest_behind_counts(tmp_path: Path) -> None:
    old, plan = make_plan(OLD), make_plan(NEW)
    job = Job(tmp_path, old, lanes=3)
    job.run(plan, 0)
    job.run(plan, 1, steps=1)
    status = read_status(tmp_path, plan, a_second)
    assert [(lane.partition, lane.version, lane.filling) for lane in status.lanes] == [
        (0, plan.version, False),
        (1, plan.version, True),
        (2, old.version, False),
    ]
    found = by_id(status)
    assert (found["regulars"].state, found["regulars"].persons, found["regulars"].complete_since) == ("filling", 2 * PERSONS, None)
    assert found["regulars"].filled == PERSONS + status.lanes[1].filled
    assert (found["viewers"].state, found["buyers"].state) == ("leaving", "live")
    assert status.change is not None
    assert (status.change.lanes, status.change.new, status.change.gone) == ([2], ["early", "fans", "near", "regulars"], ["viewers"])
    lines = shown(status, lanes=True)
    assert f"Lane 0  version {plan.version}, 40 persons" in lines
    assert any(line.startswith(f"Lane 1  version {plan.version}, 40 persons, filling ") for line in lines)


def test_a_plan_that_was_not_started_yet_says_what_it_would_change(tmp_path: Path) -> None:
    plan = make_plan(OLD)
    Job(tmp_path, plan)
    given = make_plan(NEW | {"viewers": "did('View', within='8d')"})
    status = read_status(tmp_path, given, nobody_waits)
    assert [each.segment for each in status.segments] == ["buyers", "viewers"]
    assert status.change is not None
    assert (status.change.new, status.change.changed, status.change.gone) == (["early", "fans", "near", "regulars"], ["viewers"], [])
    assert (status.change.slots, status.change.persons, status.change.knows_since) == (4, PERSONS, START)
    assert shown(status)[-7:] == [
        f"With the plan given, version {given.version}, a start would bring",
        "  early     new",
        "  fans      new",
        "  near      new",
        "  regulars  new",
        "  viewers   changed",
        f"  4 slots would be filled for 40 persons from the history, which is whole since {START}",
    ]


@pytest.mark.parametrize(
    ("rules", "settings", "line"),
    [
        (OLD, {"lateness": "20s"}, "  nobody would be touched"),
        (OLD | {"away": "not did('Order')"}, {}, "  40 persons would be looked at, nothing would be filled"),
    ],
)
def test_a_change_for_which_no_history_is_read(tmp_path: Path, rules: dict[str, str], settings: dict[str, Any], line: str) -> None:
    Job(tmp_path, make_plan(OLD))
    assert shown(read_status(tmp_path, make_plan(rules, **settings), nobody_waits))[-1] == line


def test_no_state_and_the_state_of_another_plan(tmp_path: Path) -> None:
    plan = make_plan(OLD)
    with pytest.raises(UnavailableError, match="there is no state in"):
        read_status(tmp_path, plan, nobody_waits)
    Job(tmp_path, plan)
    with pytest.raises(UsageError, match="made with the plan test, not with other"):
        read_status(tmp_path, make_plan(OLD, name="other"), nobody_waits)


def test_a_state_of_another_format_is_refused_by_all_who_look_at_it(tmp_path: Path) -> None:
    plan = make_plan(OLD)
    Job(tmp_path, plan)
    store = open_store(lane_folder(tmp_path, 0))
    writes = store.writes()
    writes.put(META, msgspec.msgpack.encode([FORMAT + 1, {"another": "shape"}]))
    store.write(writes)
    store.close()
    looks: list[Callable[[], object]] = [
        lambda: read_status(tmp_path, plan, nobody_waits),
        lambda: read_lanes([tmp_path], plan, reads_of(plan), 30, lambda: False),
        lambda: read_live(tmp_path, "u01"),
        lambda: read_position(lane_folder(tmp_path, 0)),
    ]
    for look in looks:
        with pytest.raises(UnavailableError, match=f"the state has format {FORMAT + 1}, this version of Beckon reads {FORMAT}"):
            look()
