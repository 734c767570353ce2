"""`launch`: a replay from what is asked to its report, with progress on standard error and a clean stop at SIGTERM and Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from flows import progress
from flows.lane_step import Reached, no_failpoint
from flows.replay.differences import Difference
from flows.replay.drive import CHECKPOINT_S, Job, StoppedError, drive
from flows.replay.inputs import Log
from flows.replay.page import page_of
from flows.replay.report import Report, make_report
from flows.replay.result import DIFFERENCES, Result, line_of
from flows.replay.scratch import FORMAT, Manifest, Scratch, Side, Standing, scratch_folder
from flows.stop import install_signal_handlers
from flows.totals import Report as BatchReport
from flows.totals import Totals
from operators.plan.checked import Plan
from schemas.counts import Counts

SHOWN = 200
"""So many differences are kept for table and page; the file has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A replay of the plan `new`, with `old` also of the one to compare it with, over a log, in the span `from_ms <= t < to_ms`. Without
    `output` nothing is written; without `scratch` a temporary folder is used. The records `without` are there for `new` alone; such a
    replay has no `scratch`."""

    plans: Mapping[Side, Plan]
    log: Log
    from_ms: int | None = None
    to_ms: int | None = None
    output: Path | None = None
    scratch: Path | None = None
    without: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the report, None where the replay was stopped before; the first `SHOWN` differences; and how many events this
    process applied in which time."""

    report: Report | None
    differences: list[Difference]
    events: int
    seconds: float


def launch(asked: Asked, *, reached: Reached = no_failpoint, checkpoint_s: float = CHECKPOINT_S) -> Outcome:
    """Replays, reports, and writes the output. Must be called on the main thread."""
    install_signal_handlers()
    result = None if asked.output is None else Result(asked.output)
    totals, shown, began = Totals(), list[Difference](), time.monotonic()
    report: Report | None = None
    with scratch_folder(asked.scratch) as scratch:
        job = _job(asked, scratch, totals, reached, checkpoint_s)
        try:
            with progress.shown(Console(stderr=True), totals, live=False):
                standings = drive(job)
            reached("reporting")
            report = _report(job, standings, result, shown)
        except StoppedError:
            pass
    return Outcome(report, shown, totals.counts().events, time.monotonic() - began)


def _job(asked: Asked, scratch: Scratch, totals: Totals, reached: Reached, checkpoint_s: float) -> Job:
    """The work, with the ends of the log as they were when it was begun."""
    names: dict[Side, str] = {side: f"{plan.name} {plan.version}" for side, plan in asked.plans.items()}
    bounds = asked.log.bounds()
    ends = {partition: end for partition, (_, end) in bounds.items()}
    wanted = Manifest(FORMAT, names["new"], names.get("old"), asked.log.identity, asked.from_ms, asked.to_ms, ends)
    manifest = scratch.manifest(wanted) if scratch.kept else wanted
    for partition, (first, _) in bounds.items():
        totals.add(BatchReport(Counts(partition=partition, lag=manifest.ends[partition] - first), 0))
    return Job(
        plans=asked.plans,
        log=asked.log,
        scratch=scratch,
        ends=manifest.ends,
        from_ms=asked.from_ms,
        to_ms=asked.to_ms,
        lines=scratch.kept or asked.output is not None or "old" in asked.plans,
        watch=totals.add,
        reached=reached,
        checkpoint_s=checkpoint_s,
        without=asked.without,
    )


def _report(job: Job, standings: Mapping[int, Standing], result: Result | None, shown: list[Difference]) -> Report:
    """The report, written where there is an output folder."""
    persons = sum(standing.side("new").sums.numbers.get("persons", 0) for standing in standings.values())
    with Console(stderr=True).status("comparing" if "old" in job.plans else "counting") as status, _differences(job, result) as file:

        def write(difference: Difference) -> None:
            if len(shown) < SHOWN:
                shown.append(difference)
            if file is not None:
                file.write(line_of(difference))

        def done(number: int) -> None:
            status.update(f"{number:,} of {persons:,} persons")

        report = make_report(job, standings, write, done)
    if result is not None:
        result.report(report, page_of(report, shown))
        result.streams(job.scratch, job.log.partitions)
    return report


@contextmanager
def _differences(job: Job, result: Result | None) -> Iterator[BinaryIO | None]:
    """The file for differences; None where there can be none, or nothing is written."""
    if result is None or "old" not in job.plans:
        yield None
        return
    with result.file(DIFFERENCES) as file:
        yield file
