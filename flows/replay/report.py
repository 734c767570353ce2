"""`make_report`: from the scratch of a finished replay to its `Report`.

*Guarantees*: the report hangs on the log, the plans and the span alone: it holds no clock, no duration and no path of this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import msgspec

from flows.replay.comparison import Comparison
from flows.replay.differences import Difference, Differences, Record
from flows.replay.drive import Job, check_stop
from flows.replay.figures import Figures, Tally
from flows.replay.happenings import DECISION, ENTERED, EXITED, TRIGGER, Happening, side_by_side, stories
from flows.replay.scratch import Scratch, Side, Standing
from flows.replay.spill import line_file
from operators.instants import format_instant
from operators.lane.opening import stored_meta
from operators.lane.rocks import RocksStore
from schemas.output import Stream

NUMBERS = {
    "records": "records",
    "events": "events",
    "persons": "persons",
    "duplicates": "duplicates",
    "late": "late",
    "out_of_order": "out_of_order",
    "clamped": "clamped",
    "after_until": "after_end",
}
"""The sums of `schemas.counts.Counts` that a report has, and what it calls them."""

_EVERY = 1_000
_MOST_OPEN = 200
_STREAMS: dict[int, Stream] = {ENTERED: "transitions", EXITED: "transitions", TRIGGER: "triggers", DECISION: "decisions"}

_decode = msgspec.json.Decoder(Record).decode


class Report(msgspec.Struct):
    """What came of a replay. The span is `start <= time < end`, None for the beginning and the end of the log. `last` is the instant at
    which time ended, None where nothing was applied. `against` and `differences` are None where one plan was replayed alone."""

    start: str | None
    end: str | None
    last: str | None
    plan: Figures
    against: Figures | None
    differences: Differences | None


def make_report(
    job: Job, standings: Mapping[int, Standing], write: Callable[[Difference], None], done: Callable[[int], None] = lambda _: None
) -> Report:
    """The report; StoppedError where it was stopped before. `write` is given each difference, by person, then time, and `done` the number
    of persons from time to time."""
    plans = job.plans
    with ExitStack() as opened:
        stores = {side: _stores(job, side, opened) for side in plans}
        tallies = {side: Tally(plan, job.from_ms) for side, plan in plans.items()}
        records = opened.enter_context(Records(job.scratch, job.from_ms))
        comparison = Comparison(plans["new"], plans["old"], from_ms=job.from_ms, read=records.read) if "old" in plans else None
        for number, pair in enumerate(side_by_side(stories(stores["new"]), stories(stores.get("old", {})))):
            if number % _EVERY == 0:
                done(number)
                check_stop()
            for tally, story in zip(tallies.values(), pair, strict=False):
                tally.add(story.happenings)
            for difference in comparison.add(*pair) if comparison is not None else ():
                write(difference)
        last = _last(job, [store for its in stores.values() for store in its.values()])
    figures = {side: tally.figures(*_sums(standings.values(), side)) for side, tally in tallies.items()}
    return Report(
        _shown(job.from_ms), _shown(job.to_ms), _shown(last), figures["new"], figures.get("old"), comparison.sums if comparison else None
    )


class Records:
    """The records of happenings, read from the lines of a scratch; closed with the `with` block."""

    def __init__(self, scratch: Scratch, from_ms: int | None) -> None:
        self._scratch = scratch
        self._from_ms = from_ms
        self._files: dict[Path, BinaryIO] = {}

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        while self._files:
            self._files.popitem()[1].close()

    def read(self, side: Side, partition: int, happening: Happening) -> Record:
        """The record of a happening."""
        earlier = self._from_ms is not None and happening.t < self._from_ms
        path = line_file(self._scratch.place(partition).lines_folder(side), _STREAMS[happening.kind], earlier=earlier)
        file = self._files.get(path)
        if file is None:
            if len(self._files) >= _MOST_OPEN:
                self.__exit__()
            file = self._files[path] = path.open("rb", buffering=0)
        file.seek(happening.at)
        return _decode(file.read(happening.size))


def _stores(job: Job, side: Side, opened: ExitStack) -> dict[int, RocksStore]:
    stores: dict[int, RocksStore] = {}
    for partition in job.log.partitions:
        stores[partition] = job.scratch.place(partition).store(side)
        opened.callback(stores[partition].close)
    return stores


def _last(job: Job, stores: Iterable[RocksStore]) -> int | None:
    """The instant at which time ended."""
    latest = [meta.latest for store in stores if (meta := stored_meta(store)) is not None and meta.latest is not None]
    return None if not latest else max(latest) if job.to_ms is None else job.until_ms


def _sums(standings: Iterable[Standing], side: Side) -> tuple[dict[str, int], dict[str, int]]:
    """The numbers and the rejects of all partitions."""
    numbers = dict.fromkeys(NUMBERS.values(), 0)
    rejects: dict[str, int] = {}
    for standing in standings:
        sums = standing.side(side).sums
        for name, shown in NUMBERS.items():
            numbers[shown] += sums.numbers.get(name, 0)
        for reason, number in sums.rejects.items():
            rejects[reason] = rejects.get(reason, 0) + number
    return numbers, rejects


def _shown(ms: int | None) -> str | None:
    return None if ms is None else format_instant(ms)
