"""`LaneLogic`: a lane as the logic of a stateful step of Bytewax, and `Lanes`, which opens one for each partition.

*Guarantees*: a lane is opened on the worker that owns its key, so its RocksDB is never sent anywhere. Bytewax keeps nothing of it: there
are no snapshots, the truth is what the lane has committed. At the end of the input a lane is closed when all it committed is published;
where the run breaks off, `let_go` frees the state and the publisher at once, and what was committed is published by the next run.

While persons are brought to a changed plan, one lane at a time does a step of that, and then all rest for as long as the step took: no
batch waits for longer than a step, and half of the time is left to the batches, and to those who read and publish beside them. A bounded
input ends its time when all of them are there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog
from bytewax.operators import StatefulBatchLogic

from flows.failure import Failure
from flows.stop import stop
from flows.suppression_key import suppression_key
from flows.totals import Report
from operators.lane.lane import Lane
from operators.lane.ports import Batch, Publisher
from operators.lane.rocks import open_store
from operators.lane.split import StageName, open_lane
from operators.plan.checked import Plan
from schemas.counts import Counts

log = structlog.get_logger(__name__)

Reached = Callable[[str], None]
"""Called with the name of each step of a commit; tests let a process die there."""

SIZE_EVERY_S = 1.0
LEAST_REST = timedelta(milliseconds=2)
"""So long nothing is done between two steps that bring persons to a changed plan: else Bytewax does not get to ask the source for more."""


def no_failpoint(step: str) -> None:
    """Goes on."""


def lane_folder(state: Path, partition: int) -> Path:
    """Where the state of a partition's lane lies.

    >>> lane_folder(Path("state"), 3).as_posix()
    'state/lane-3'
    """
    return state / f"lane-{partition}"


class LaneLogic(StatefulBatchLogic[Batch, Report, None]):
    """Hands batches to the lane of their partition, which the first batch opens: Bytewax does not tell a logic its key."""

    def __init__(self, lanes: Lanes, failure: Failure) -> None:
        self._reports = failure.noting(self._reports_of)
        self._fill = failure.noting(self._filled)
        self._close = failure.noting(lanes.close)
        self._lanes = lanes
        self._lane: OpenLane | None = None
        self._size_at = 0.0
        self._state_bytes = 0
        self._lag = 0
        self._next: datetime | None = None

    def on_batch(self, values: list[Batch]) -> tuple[list[Report], bool]:
        """One report a batch."""
        return self._reports(values), StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        """Soon, while persons are to be brought to a changed plan, else never. Batches that come meanwhile do not put it off."""
        if self._lane is None or not self._lane.lane.filling:
            return None
        if self._next is None:
            self._next = max(datetime.now(UTC) + LEAST_REST, self._lanes.rest_until)
        return self._next

    def on_notify(self) -> tuple[list[Report], bool]:
        """Brings some persons to the changed plan."""
        self._next = None
        # Behind a bounded input nobody may be left; and another lane may have done a step meanwhile.
        if self._lane is None or not self._lane.lane.filling or datetime.now(UTC) < self._lanes.rest_until:
            return [], StatefulBatchLogic.RETAIN
        report = self._fill(self._lane)
        self._lanes.rest_until = datetime.now(UTC) + timedelta(seconds=report.counts.batch_s)
        return [report], StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[Report], bool]:
        """Closes the lane."""
        if self._lane is not None:
            self._close(self._lane)
        return [], StatefulBatchLogic.DISCARD

    def snapshot(self) -> None:
        """Nothing."""

    def _reports_of(self, batches: list[Batch]) -> list[Report]:
        if self._lane is None:
            self._lane = self._lanes.open(batches[0].partition)
        return [self._applied(self._lane, batch) for batch in batches]

    def _applied(self, opened: OpenLane, batch: Batch) -> Report:
        if batch.end and not self._all_filled(opened):
            batch = msgspec.structs.replace(batch, end=False)
        counts = opened.lane.apply(batch)
        self._lag = counts.lag
        return self._report(opened, counts)

    def _all_filled(self, opened: OpenLane) -> bool:
        """Brings all persons to the changed plan; false where a stop is wished before that is done."""
        while opened.lane.filling and not stop.is_set():
            # It may take minutes: those who watch do not wait for the end of it.
            self._lanes.watch(self._filled(opened))
        return not opened.lane.filling

    def _filled(self, opened: OpenLane) -> Report:
        counts = opened.lane.fill()
        counts.lag = self._lag
        return self._report(opened, counts)

    def _report(self, opened: OpenLane, counts: Counts) -> Report:
        now = time.monotonic()
        if now >= self._size_at or counts.ended:
            self._size_at = now + SIZE_EVERY_S
            self._state_bytes = opened.lane.state_bytes()
        counts.state_bytes = self._state_bytes
        return Report(counts, opened.publisher.published)


@dataclass(frozen=True, slots=True)
class OpenLane:
    """A lane at work, and the publisher of its output."""

    partition: int
    lane: Lane
    publisher: Publisher


class Lanes:
    """Opens and closes the lanes of a run, on whichever thread asks."""

    def __init__(
        self,
        plan: Plan,
        state: Path,
        publisher: Callable[[int], Publisher],
        *,
        stage: StageName = "all",
        until_ms: int | None = None,
        reached: Reached = no_failpoint,
        watch: Callable[[Report], None] = lambda _: None,
        key: str | None = None,
    ) -> None:
        """`watch` is called with reports that are made while a batch is applied; `key` is that of the suppression list."""
        self._plan = plan
        self._state = state
        self._publisher = publisher
        self._stage: StageName = stage
        self._until_ms = until_ms
        self._reached = reached
        self.watch = watch
        self._key = key
        self.rest_until = datetime.min.replace(tzinfo=UTC)
        """No step that brings persons to a changed plan is done before."""
        self._closers: dict[int, list[Callable[[], None]]] = {}

    def open(self, partition: int) -> OpenLane:
        """The lane of a partition: its state is opened, older publishers are fenced, what is missing in the output is published."""
        key = suppression_key(self._state, self._key)
        store = open_store(lane_folder(self._state, partition))
        closers = self._closers[partition] = [store.close]
        publisher = self._publisher(partition)
        closers.append(publisher.close)
        lane = open_lane(
            self._stage,
            self._plan,
            store,
            publisher,
            partition,
            until_ms=self._until_ms,
            reached=self._reached,
            clock=time.perf_counter,
            key=key,
        )
        _tell_change(partition, lane)
        return OpenLane(partition, lane, publisher)

    def close(self, opened: OpenLane) -> None:
        """Closes a lane when all that it committed is published."""
        # Taken off first: a lane that cannot publish lets go of everything itself.
        del self._closers[opened.partition]
        opened.lane.close()

    def let_go(self) -> None:
        """Frees what is still open, without waiting for anything to be published."""
        while self._closers:
            _, closers = self._closers.popitem()
            for close in reversed(closers):
                close()


def _tell_change(partition: int, lane: Lane) -> None:
    """Logs what a changed plan brings, and that persons are still to be brought to one."""
    if lane.change is not None:
        new, changed, gone = lane.change
        log.info("the plan has changed", partition=partition, new=new, changed=changed, gone=gone, persons=lane.unfilled)
    elif lane.filling:
        log.info("persons are still being brought to the changed plan", partition=partition, persons=lane.unfilled)
