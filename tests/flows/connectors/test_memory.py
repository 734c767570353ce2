"""The memory log keeps to the contract of logs; this is also the smallest example of its adapters."""

from __future__ import annotations

import pytest

from flows.connectors.memory import MemoryOutput, MemoryPublisher, MemorySource, numbered
from operators.lane.ports import Publisher
from schemas.errors import UnavailableError
from tests.flows.connectors.contract import (
    FRESH,
    ClockedLog,
    IdleContract,
    ManualClock,
    OutputLog,
    Partition,
    PublisherContract,
    SourceContract,
    Start,
    events,
    read,
    sample_rows,
    values,
)


class MemorySourceLog(ClockedLog):
    """One list."""

    def __init__(self) -> None:
        self.records = numbered([])

    def append(self, records: list[bytes]) -> None:
        self.records += numbered(records, first=len(self.records))

    def build(self, start: Start = FRESH, *, live: bool = False) -> Partition:
        return MemorySource([self.records], starts={0: start[0]}, follow=live).build_part("input", "0", None)

    def build_clocked(self, clock: ManualClock) -> Partition:
        return MemorySource([self.records], follow=True, monotonic=clock, wall=clock).build_part("input", "0", None)

    def missing(self) -> Partition:
        return MemorySource([]).build_part("input", "0", None)


class MemoryOutputLog(OutputLog):
    """One `MemoryOutput`."""

    takes_over = True

    def __init__(self, behind: int) -> None:
        self.output = MemoryOutput()
        self.behind = behind

    def publisher(self) -> Publisher:
        return MemoryPublisher(self.output, behind=self.behind)

    def read(self) -> dict[str, list[bytes]]:
        return {stream: [value for _, _, value in outputs] for stream, outputs in self.output.streams.items()}


class TestMemorySource(SourceContract, IdleContract):
    @pytest.fixture
    def log(self) -> ClockedLog:
        return MemorySourceLog()

    def test_reads_partitions_by_themselves_in_batches_of_a_size(self) -> None:
        source = MemorySource([numbered(events(5)), numbered(events(3, first=5), first=70)], starts={1: 70}, batch_records=2)
        assert source.list_parts() == ["0", "1"]
        first, second = (read(source.build_part("input", part, None)) for part in source.list_parts())
        assert [len(batch.records) for batch in first] == [2, 2, 1]
        assert events(2, first=6) == values(second)
        assert [(batch.partition, batch.start) for batch in second] == [(1, 71)]


@pytest.mark.parametrize("behind", [0, 1, 3])
class TestMemoryPublisher(PublisherContract):
    @pytest.fixture
    def log(self, behind: int) -> OutputLog:
        return MemoryOutputLog(behind)


def test_lanes_share_an_output_and_fence_only_themselves() -> None:
    output = MemoryOutput()
    lanes = [MemoryPublisher(output, partition) for partition in (0, 1)]
    for lane in lanes:
        lane.open()
        for row in sample_rows(2):
            lane.put(row, row.last)
    newer = MemoryPublisher(output, 1)
    assert newer.open().offset == sample_rows(2)[-1].last
    lanes[0].put(None, 99)
    with pytest.raises(UnavailableError):
        lanes[1].put(None, 99)
    assert [99, sample_rows(2)[-1].last] == [output.progress[partition].offset for partition in (0, 1)]
