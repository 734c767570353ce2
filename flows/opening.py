"""`OpeningSource`: any source of batches, with an empty batch in front of each partition.

The empty batch opens the lane at once: what a crash left unpublished is published, and a state that cannot be used is refused, before the
first record is there. The real partition is built only when the lane could be asked for, on the first reading.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.failure import Failure
from operators.lane.ports import Batch

Source = FixedPartitionedSource[Batch, Any]
Partition = StatefulSourcePartition[Batch, Any]


class OpeningSource(FixedPartitionedSource[Batch, None]):
    """The source of the flow; partitions are named by their numbers."""

    def __init__(self, source: Source, failure: Failure, began: Callable[[], None]) -> None:
        self._source = source
        self._failure = failure
        self._began = began

    def list_parts(self) -> list[str]:
        """Those of the source that is wrapped."""
        self._began()
        return self._failure.noting(self._source.list_parts)()

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> OpeningPartition:
        """The partition, ready to read."""
        build = self._failure.noting(self._source.build_part)
        return OpeningPartition(int(for_part), build(step_id, for_part, resume_state), self._failure)


class OpeningPartition(StatefulSourcePartition[Batch, None]):
    """One empty batch, then those of the partition that is wrapped."""

    def __init__(self, number: int, partition: Partition, failure: Failure) -> None:
        self._number = number
        self._opened = False
        self._next_batch = failure.noting(partition.next_batch)
        self.next_awake: Callable[[], datetime | None] = partition.next_awake
        self._close = failure.noting(partition.close)

    def next_batch(self) -> list[Batch]:
        """The next batches, none where there are none now."""
        if not self._opened:
            self._opened = True
            return [Batch(self._number, 0, [])]
        return list(self._next_batch())

    def snapshot(self) -> None:
        """Nothing: where to go on is kept by the lane."""

    def close(self) -> None:
        """Closes the partition that is wrapped."""
        self._close()
