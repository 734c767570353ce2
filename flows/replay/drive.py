"""`drive`: the lanes of a replay over a log, in a plain loop; with two plans each batch goes to the lanes of both.

The log is read first, partition by partition; then time passes to the end, which is the same instant in all partitions.

*Guarantees*: the same log and plan leave the same lines, index and sums, whatever the size of batches, and wherever the replay was stopped
or killed and gone on with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import msgspec

from flows.lane_step import Reached, no_failpoint
from flows.opening import Partition
from flows.replay.inputs import Log
from flows.replay.scratch import Place, Scratch, Side, SideStanding, Standing
from flows.replay.spill import Spill
from flows.run import no_collections
from flows.stop import stop
from flows.totals import NUMBERS, Report
from operators.lane.lane import Lane
from operators.lane.opening import stored_meta
from operators.lane.ports import Batch
from operators.plan.checked import Plan
from schemas.counts import Counts

CHECKPOINT_S = 10.0
"""A replay that is killed loses the work of about so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is replayed: the plan, with `old` also the one to compare it with, over a log.

    `from_ms` begins the span of the report, `to_ms` ends all time; each may be None. `ends` are offsets before which partitions end. With
    `lines` the output is kept, else only its index. `watch` is told what the lane of the plan did with each batch. The records `without`
    are not there for `old`, whose time ends when that of the plan does.
    """

    plans: Mapping[Side, Plan]
    log: Log
    scratch: Scratch
    ends: Mapping[int, int] = field(default_factory=dict)
    from_ms: int | None = None
    to_ms: int | None = None
    lines: bool = True
    watch: Callable[[Report], None] = lambda _: None
    reached: Reached = no_failpoint
    checkpoint_s: float = CHECKPOINT_S
    without: frozenset[bytes] = frozenset()

    @property
    def until_ms(self) -> int | None:
        """The last instant, where one is given."""
        return None if self.to_ms is None else self.to_ms - 1


class StoppedError(Exception):
    """The wish to stop came before the end."""


def drive(job: Job) -> dict[int, Standing]:
    """The standings of the partitions at the end of time; StoppedError where it was stopped before that."""
    standings = {partition: job.scratch.place(partition).restore() for partition in job.log.partitions}
    with no_collections():
        for partition, standing in standings.items():
            if standing.phase == "reading":
                _read(job, partition, standing)
        ending: dict[Side, Side] = {side: "new" if job.without else side for side in job.plans}
        latest = {side: job.until_ms if job.to_ms is not None else _latest(job, ending[side]) for side in job.plans}
        for partition, standing in standings.items():
            if standing.phase == "read":
                _end(job, partition, standing, latest)
    return standings


def check_stop() -> None:
    """StoppedError where the wish to stop has come."""
    if stop.is_set():
        raise StoppedError


def _read(job: Job, partition: int, standing: Standing) -> None:
    """Reads a partition to its end."""
    with _Crew(job, partition, standing, dict.fromkeys(job.plans, job.until_ms)) as crew:
        source = job.log.open(partition, (standing.offset, standing.hint), job.ends.get(partition))
        try:
            due_s, ended = time.monotonic() + job.checkpoint_s, False
            for batch in batches_of(source):
                # Time ends when all partitions are read.
                ended, batch.end = batch.end, False
                crew.apply(batch)
                if job.scratch.kept and not ended and time.monotonic() >= due_s:
                    crew.checkpoint()
                    due_s = time.monotonic() + job.checkpoint_s
        finally:
            source.close()
        if ended:
            standing.phase = "read"
        crew.checkpoint()
    if not ended:
        raise StoppedError


def _end(job: Job, partition: int, standing: Standing, until: Mapping[Side, int | None]) -> None:
    """Lets time pass to the end in a partition."""
    check_stop()
    with _Crew(job, partition, standing, until) as crew:
        crew.apply(Batch(partition, standing.offset + 1, [], end=True))
        standing.phase = "ended"
        crew.checkpoint()


def batches_of(source: Partition) -> Iterator[Batch]:
    """The batches of a source up to its end, or to the wish to stop."""
    while True:
        try:
            batches = source.next_batch()
        except StopIteration:
            return
        yield from batches
        awake = source.next_awake()
        if awake is not None:
            stop.wait(max(0.0, (awake - datetime.now(UTC)).total_seconds()))


def left_of(batch: Batch, without: frozenset[bytes]) -> Batch:
    """The batch without some records: nothing is missing before it, since what is not there is meant not to be.

    >>> left_of(Batch(0, 5, [(5, None, b"a"), (6, None, b"b")]), frozenset({b"a"})).records
    [(6, None, b'b')]
    """
    return msgspec.structs.replace(batch, start=0, records=[record for record in batch.records if record[2] not in without])


def _latest(job: Job, side: Side) -> int | None:
    """The latest event time that a plan's lanes have applied; None where there is none."""
    latest: list[int] = []
    for partition in job.log.partitions:
        store = job.scratch.place(partition).store(side)
        meta = stored_meta(store)
        store.close()
        if meta is not None and meta.latest is not None:
            latest.append(meta.latest)
    return max(latest, default=None)


class _Crew:
    """The lanes of one partition at work, one for each plan; closed with the `with` block."""

    def __init__(self, job: Job, partition: int, standing: Standing, until: Mapping[Side, int | None]) -> None:
        self._job = job
        self._standing = standing
        self._place: Place = job.scratch.place(partition)
        self._open = ExitStack()
        with self._open as opening:
            self._hands = {side: _Hand(job, self._place, side, partition, standing.side(side), until[side], opening) for side in job.plans}
            self._open = opening.pop_all()

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def apply(self, batch: Batch) -> None:
        """Hands a batch to each lane."""
        for side, hand in self._hands.items():
            counts = hand.apply(batch if side == "new" or not self._job.without else left_of(batch, self._job.without))
            if side == "new":
                self._job.watch(Report(counts, 0))
                self._standing.offset, self._standing.hint = hand.lane.offset, hand.lane.hint

    def checkpoint(self) -> None:
        """Takes note of how far the partition is, and keeps it where the scratch is kept."""
        for hand in self._hands.values():
            hand.note()
        if self._place.kept:
            self._job.reached("before_checkpoint")
            self._place.checkpoint(self._standing, {side: hand.store for side, hand in self._hands.items()})
            self._job.reached("after_checkpoint")


class _Hand:
    """One plan's lane, with its store and its spill."""

    def __init__(
        self, job: Job, place: Place, side: Side, partition: int, standing: SideStanding, until_ms: int | None, opening: ExitStack
    ) -> None:
        self._standing = standing
        self.store = place.store(side)
        opening.callback(self.store.close)
        self._lines = place.lines(side, standing.lines) if job.lines else None
        self._spill = Spill(self.store, self._lines, from_ms=job.from_ms, published=standing.sequence)
        opening.callback(self._spill.close)
        plan = job.plans[side]
        self.lane = Lane(
            replace(plan, profiles=False),
            self.store,
            self._spill,
            partition,
            until_ms=until_ms,
            reached=job.reached,
            clock=time.perf_counter,
        )

    def apply(self, batch: Batch) -> Counts:
        """What the lane did with a batch."""
        counts = self.lane.apply(batch)
        sums = self._standing.sums
        for name in NUMBERS:
            sums.numbers[name] = sums.numbers.get(name, 0) + getattr(counts, name)
        for reason, number in counts.rejects.items():
            sums.rejects[reason] = sums.rejects.get(reason, 0) + number
        return counts

    def note(self) -> None:
        """Takes note of how far output and lines are."""
        self._standing.sequence = self._spill.published
        if self._lines is not None:
            self._standing.lines = self._lines.sizes()
