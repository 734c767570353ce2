"""The report stage: it ends at the wish to stop, and leaves nothing open."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.replay.drive import Job, StoppedError, drive
from flows.replay.inputs import FilesLog
from flows.replay.report import make_report
from flows.replay.scratch import scratch_folder
from flows.stop import stop
from tests.command import write_lines
from tests.flows.replay.replays import track
from tests.harness import make_plan


def test_a_report_is_stopped_and_can_be_made_after_that(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "events.jsonl", [track(f"p{n}", "10:00", "Viewed") for n in range(3)])
    with scratch_folder(tmp_path / "scratch") as scratch:
        job = Job(plans={"new": make_plan({"lookers": "did('Viewed')"})}, log=FilesLog(str(path)), scratch=scratch)
        standings = drive(job)
        stop.set()
        try:
            with pytest.raises(StoppedError):
                make_report(job, standings, lambda _: None)
        finally:
            stop.clear()
        told: list[int] = []
        report = make_report(job, standings, lambda _: None, told.append)
    assert [(each.members, each.persons) for each in report.plan.segments] == [(3, 3)]
    assert told == [0]


def test_a_replay_is_stopped_before_its_first_batch(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "events.jsonl", [track("p", "10:00", "Viewed")])
    with scratch_folder(None) as scratch:
        job = Job(plans={"new": make_plan({"lookers": "did('Viewed')"})}, log=FilesLog(str(path)), scratch=scratch)
        stop.set()
        try:
            with pytest.raises(StoppedError):
                drive(job)
        finally:
            stop.clear()
