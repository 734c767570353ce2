"""`LaneLogic`: a lane as the logic of a stateful step of Bytewax, and `Lanes`, which opens one for each partition.

*Guarantees*: a lane is opened on the worker that owns its key, so its RocksDB is never sent anywhere. Bytewax keeps nothing of it: there
are no snapshots, the truth is what the lane has committed. At the end of the input a lane is closed when all it committed is published;
where the run breaks off, `let_go` frees the state and the publisher at once, and what was committed is published by the next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bytewax.operators import StatefulBatchLogic

from flows.failure import Failure
from flows.totals import Report
from operators.lane.lane import Lane
from operators.lane.ports import Batch, Publisher
from operators.lane.rocks import open_store
from operators.plan.checked import Plan

Reached = Callable[[str], None]
"""Called with the name of each step of a commit; tests let a process die there."""

SIZE_EVERY_S = 1.0


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
        self._close = failure.noting(lanes.close)
        self._lanes = lanes
        self._lane: OpenLane | None = None
        self._size_at = 0.0
        self._state_bytes = 0

    def on_batch(self, values: list[Batch]) -> tuple[list[Report], bool]:
        """One report a batch."""
        return self._reports(values), StatefulBatchLogic.RETAIN

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
        return [self._report(self._lane, batch) for batch in batches]

    def _report(self, opened: OpenLane, batch: Batch) -> Report:
        counts = opened.lane.apply(batch)
        now = time.monotonic()
        if now >= self._size_at or batch.end:
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
        until_ms: int | None = None,
        reached: Reached = no_failpoint,
    ) -> None:
        self._plan = plan
        self._state = state
        self._publisher = publisher
        self._until_ms = until_ms
        self._reached = reached
        self._closers: dict[int, list[Callable[[], None]]] = {}

    def open(self, partition: int) -> OpenLane:
        """The lane of a partition: its state is opened, older publishers are fenced, what is missing in the output is published."""
        store = open_store(lane_folder(self._state, partition))
        closers = self._closers[partition] = [store.close]
        publisher = self._publisher(partition)
        closers.append(publisher.close)
        lane = Lane(self._plan, store, publisher, partition, until_ms=self._until_ms, reached=self._reached, clock=time.perf_counter)
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
