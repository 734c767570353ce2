"""Both ends of a lane in memory, for tests and tools; they pass the suites of the real ones.

*Guarantees*: those of `operators.lane.ports`, as long as the lists and the `MemoryOutput` live: they are what a topic or a folder is
elsewhere, and a "crash" is to forget a source or a publisher and to make a new one over them.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.connectors.files_source import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, POLL_S, Clock, LogRecord, Quiet
from flows.stop import stop
from operators.lane.ports import Batch, Progress, Row
from schemas.errors import UnavailableError
from schemas.output import ALL_STREAMS, STREAMS


class MemorySource(FixedPartitionedSource[Batch, None]):
    """The `Batch`es of lists of `(offset, log time in ms or None, bytes)`, one list a partition; offsets rise in each.

    `starts` gives for a partition the offset that is applied. With `follow` a list may grow while it is read. `batch_records` is the most
    a batch holds.

    >>> [batch] = MemorySource([numbered([b"{}", b"[]"])]).build_part("input", "0", None).next_batch()
    >>> batch.records, batch.end
    ([(0, None, b'{}'), (1, None, b'[]')], True)
    """

    def __init__(
        self,
        partitions: Sequence[list[LogRecord]],
        *,
        starts: Mapping[int, int] | None = None,
        batch_records: int = MAX_BATCH_RECORDS,
        follow: bool = False,
        stop: threading.Event = stop,
        monotonic: Clock = time.monotonic,
        wall: Clock = time.time,
    ) -> None:
        self.partitions = partitions
        self.starts = starts or {}
        self.batch_records = batch_records
        self.follow = follow
        self.stop = stop
        self.monotonic = monotonic
        self.wall = wall

    def list_parts(self) -> list[str]:
        """One partition for each list."""
        return [str(partition) for partition in range(len(self.partitions))]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> MemoryPartition:
        """Begins after the applied offset; UnavailableError where there is no such partition."""
        if for_part not in self.list_parts():
            raise UnavailableError(f"there is no partition {for_part} in memory; there are {len(self.partitions)}")
        return MemoryPartition(self, int(for_part))


class MemoryPartition(StatefulSourcePartition[Batch, None]):
    """Reads one list, batch by batch."""

    def __init__(self, source: MemorySource, partition: int) -> None:
        self._source = source
        self._partition = partition
        self._records = source.partitions[partition]
        self._start = source.starts.get(partition, -1) + 1
        self._next = bisect_right(self._records, self._start - 1, key=lambda record: record[0])
        self._ended = False
        self._quiet = Quiet(source.monotonic)
        self._awake: datetime | None = None

    def next_batch(self) -> list[Batch]:
        """The next batch, or none now."""
        if self._ended or self._source.stop.is_set():
            raise StopIteration
        self._awake = None
        records = self._take()
        lag = len(self._records) - self._next
        if not self._source.follow:
            self._ended = not lag
            return [Batch(self._partition, self._start, records, end=self._ended, lag=lag)]
        wall = self._source.wall()
        if records:
            self._quiet.heard()
        else:
            self._awake = datetime.fromtimestamp(wall, UTC) + timedelta(seconds=POLL_S)
            if not self._quiet.is_due():
                return []
        return [Batch(self._partition, self._start, records, int(wall * 1000), idle=not records, lag=lag)]

    def next_awake(self) -> datetime | None:
        """A moment later where there was nothing new."""
        return self._awake

    def snapshot(self) -> None:
        """Nothing: the place to go on at is kept by the lane."""

    def _take(self) -> list[LogRecord]:
        """The next records, within the limits of a batch."""
        records: list[LogRecord] = []
        room = MAX_BATCH_BYTES
        for record in self._records[self._next : self._next + self._source.batch_records]:
            room -= len(record[2])
            if records and room < 0:
                break
            records.append(record)
        self._next += len(records)
        return records


class MemoryOutput:
    """What has been published by all lanes: `(sequence, key, bytes)` by stream, in order; and the progress of each lane, by partition."""

    def __init__(self) -> None:
        self.streams: dict[str, list[tuple[int, str | None, bytes]]] = {stream: [] for stream in STREAMS}
        self.progress: dict[int, Progress] = {}
        self.epochs: dict[int, int] = {}


class MemoryPublisher:
    """The `Publisher` of one lane into a `MemoryOutput`.

    It publishes a row when `behind` later ones have been put, or in `wait`: so a test can crash with rows that were put and not
    published. A newer one of the same lane fences it: its next publishing raises UnavailableError.

    >>> from schemas.output import Output
    >>> output = MemoryOutput()
    >>> publisher = MemoryPublisher(output)
    >>> publisher.open()
    Progress(sequence=0, offset=-1)
    >>> publisher.put(Row(1, [Output(1, "anna", b"{}")]), 17)
    >>> output.streams["triggers"], output.progress
    ([(1, 'anna', b'{}')], {0: Progress(sequence=1, offset=17)})
    """

    def __init__(self, output: MemoryOutput, partition: int = 0, *, behind: int = 0) -> None:
        self._output = output
        self._partition = partition
        self._behind = behind
        self._epoch = 0
        self._queue: deque[tuple[Row | None, int]] = deque()

    def open(self) -> Progress:
        """Fences older publishers of this lane, and gives what is published."""
        self._epoch = self._output.epochs.get(self._partition, 0) + 1
        self._output.epochs[self._partition] = self._epoch
        return self._output.progress.setdefault(self._partition, Progress())

    def put(self, row: Row | None, offset: int) -> None:
        """Takes a row, and publishes what is more than `behind` rows old."""
        self._queue.append((row, offset))
        self._publish(self._behind)

    @property
    def published(self) -> int:
        """The last sequence number that is published."""
        return self._output.progress.get(self._partition, Progress()).sequence

    def wait(self) -> None:
        """Publishes all that was put."""
        self._publish(0)

    def close(self) -> None:
        """Drops what is not published."""
        self._queue.clear()

    def _publish(self, behind: int) -> None:
        while len(self._queue) > behind:
            if self._output.epochs.get(self._partition) != self._epoch:
                raise UnavailableError(f"a newer run has taken over lane {self._partition}; stop one of the two")
            self._publish_one(*self._queue.popleft())

    def _publish_one(self, row: Row | None, offset: int) -> None:
        """Makes a row visible together with its progress."""
        done = self.published
        if row is not None and row.last > done:
            for sequence, output in enumerate(row.outputs, row.first):
                if sequence > done:
                    self._output.streams.setdefault(ALL_STREAMS[output.stream], []).append((sequence, output.key, output.value))
            done = row.last
        self._output.progress[self._partition] = Progress(done, offset)


def numbered(records: Sequence[bytes], first: int = 0) -> list[LogRecord]:
    """Records with offsets from `first` on and no log times."""
    return [(offset, None, record) for offset, record in enumerate(records, first)]
