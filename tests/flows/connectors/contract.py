"""What every log keeps to: the suites of sources and publishers, passed by files, memory and Kafka alike.

To let a log pass them:
1. Derive an adapter from `SourceLog`, and one from `OutputLog`: they write, read and open a log that is the test's own.
2. Derive a test class from `SourceContract` (and `IdleContract`, where the source takes clocks), with a fixture `log` that gives the first.
3. Derive one from `PublisherContract`, with a fixture `log` that gives the second.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

import pytest
from bytewax.inputs import StatefulSourcePartition

from flows.stop import stop
from operators.lane.ports import Batch, Publisher, Row
from schemas.errors import BeckonError, UnavailableError
from schemas.event import MAX_RECORD_BYTES
from schemas.output import STREAMS, Output

Partition = StatefulSourcePartition[Batch, int] | StatefulSourcePartition[Batch, None]
Start = tuple[int, str]
FRESH: Start = (-1, "")
MAX_BATCH_RECORDS = 5_000
MAX_BATCH_BYTES = 4 << 20


class ManualClock:
    """Monotonic and wall clock in one, in seconds, that moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class SourceLog(ABC):
    """A log with one partition of input, empty at first, that a test fills and reads."""

    @abstractmethod
    def append(self, records: list[bytes]) -> None:
        """Writes records at the end of the log."""

    @abstractmethod
    def build(self, start: Start = FRESH, *, live: bool = False) -> Partition:
        """A partition that begins after the applied offset of `start`; read to its end, or live."""

    @abstractmethod
    def missing(self) -> Partition:
        """The same over a log that does not exist: raises."""


class ClockedLog(SourceLog):
    """A log whose live source takes its clocks."""

    @abstractmethod
    def build_clocked(self, clock: ManualClock) -> Partition:
        """A live partition from the beginning on."""


def drive(partition: Partition) -> Iterator[Batch]:
    """The batches of a partition up to its StopIteration, asked for as Bytewax does it."""
    while True:
        try:
            batches = partition.next_batch()
        except StopIteration:
            partition.close()
            return
        yield from batches
        awake = partition.next_awake()
        if awake is not None and not batches:
            time.sleep(max(0.0, (awake - datetime.now(UTC)).total_seconds()))


def read(partition: Partition) -> list[Batch]:
    """All batches of a bounded partition."""
    return list(drive(partition))


def values(batches: list[Batch]) -> list[bytes]:
    """The records' bytes, in order."""
    return [record[2] for batch in batches for record in batch.records]


def reach(batches: Iterator[Batch], count: int) -> list[Batch]:
    """The next batches of a live partition, until they hold so many records."""
    found: list[Batch] = []
    while len(values(found)) < count:
        found.append(next(batches))
    return found


def events(count: int, first: int = 0) -> list[bytes]:
    """Small records, each another one."""
    return [b'{"type":"track","messageId":"m%d"}' % number for number in range(first, first + count)]


def assert_one_sentence(error: BeckonError) -> None:
    """An error for users is one line of some length that does not end in a stop."""
    text = str(error)
    assert len(text) > 20
    assert "\n" not in text


class SourceContract:
    """Order, places, limits, ends and errors of a source."""

    @pytest.fixture(autouse=True)
    def no_stop(self) -> Iterator[None]:
        """Takes back the wish to stop that a test has set."""
        yield
        stop.clear()

    @pytest.fixture
    def log(self) -> SourceLog:
        raise NotImplementedError

    def test_gives_every_record_once_and_in_order(self, log: SourceLog) -> None:
        records = events(12_500)
        log.append(records)
        batches = read(log.build())
        offsets = [record[0] for batch in batches for record in batch.records]
        assert records == values(batches)
        assert sorted(set(offsets)) == offsets
        assert {0} == {batch.partition for batch in batches}
        assert {0} == {batch.start for batch in batches}

    def test_takes_bytes_as_they_are(self, log: SourceLog) -> None:
        records = [b"\x00", b"\xff\xfe{}", b"  {} ", b"not json", "{“ü”}".encode(), b'{"a":"\x00"}']
        log.append(records)
        assert records == values(read(log.build()))

    def test_a_bounded_input_ends_once(self, log: SourceLog) -> None:
        log.append(events(7_000))
        batches = read(log.build())
        assert [False] * (len(batches) - 1) + [True] == [batch.end for batch in batches]
        assert {(None, False)} == {(batch.wall_ms, batch.idle) for batch in batches}
        assert batches[-1].lag == 0
        assert batches[0].lag > 0

    def test_an_empty_log_ends_at_once(self, log: SourceLog) -> None:
        batches = read(log.build())
        assert [(batch.records, batch.end, batch.lag) for batch in batches] == [([], True, 0)]

    def test_goes_on_after_any_batch(self, log: SourceLog) -> None:
        log.append(events(12_500))
        batches = read(log.build())
        done: list[bytes] = []
        for batch in batches:
            if batch.records:
                done += values([batch])
                start = (batch.records[-1][0], batch.hint)
                again = read(log.build(start))
                assert values(batches)[len(done) :] == values(again)
                assert [record for each in again for record in each.records] == [
                    record for each in batches for record in each.records if record[0] > start[0]
                ]
                assert {start[0] + 1} == {each.start for each in again}
        assert done == events(12_500)

    def test_goes_on_after_the_end_with_what_was_added(self, log: SourceLog) -> None:
        log.append(events(10))
        last = read(log.build())[-1]
        start = (last.records[-1][0], last.hint)
        [end] = read(log.build(start))
        assert (end.records, end.end) == ([], True)
        log.append(events(5, first=10))
        assert events(5, first=10) == values(read(log.build(start)))

    def test_batches_keep_their_limits(self, log: SourceLog) -> None:
        records = [b'{"n":%d,"x":"%s"}' % (number, b"x" * 400_000) for number in range(30)] + events(6_000)
        log.append(records)
        batches = read(log.build())
        assert records == values(batches)
        assert max(len(batch.records) for batch in batches) <= MAX_BATCH_RECORDS
        assert max(sum(map(len, values([batch]))) for batch in batches) <= MAX_BATCH_BYTES

    def test_a_record_that_is_too_large_can_be_told(self, log: SourceLog) -> None:
        exact, large = b"a" * MAX_RECORD_BYTES, b"b" * (MAX_RECORD_BYTES + 90_000)
        log.append([exact, large, b"{}"])
        first, second, third = values(read(log.build()))
        assert exact == first
        assert len(second) > MAX_RECORD_BYTES
        assert large.startswith(second)
        assert third == b"{}"

    def test_stops_without_an_end(self, log: SourceLog) -> None:
        log.append(events(12_500))
        batches = drive(log.build())
        first = next(batches)
        stop.set()
        rest = list(batches)
        assert [batch.end for batch in [first, *rest]] == [False]
        stop.clear()
        again = read(log.build((first.records[-1][0], first.hint)))
        assert events(12_500) == values([first, *again])

    def test_a_live_input_gives_what_is_added(self, log: SourceLog) -> None:
        log.append(events(3))
        batches = drive(log.build(live=True))
        found = reach(batches, 3)
        log.append(events(4, first=3))
        found += reach(batches, 4)
        stop.set()
        found += list(batches)
        assert events(7) == values(found)
        assert not any(batch.end for batch in found)
        assert all(batch.wall_ms for batch in found)

    def test_a_live_input_goes_on_where_it_stopped(self, log: SourceLog) -> None:
        log.append(events(3))
        batches = drive(log.build(live=True))
        last = reach(batches, 3)[-1]
        stop.set()
        assert list(batches) == []
        stop.clear()
        log.append(events(4, first=3))
        again = drive(log.build((last.records[-1][0], last.hint), live=True))
        assert events(4, first=3) == values(reach(again, 4))

    def test_a_missing_log_is_one_sentence(self, log: SourceLog) -> None:
        with pytest.raises(UnavailableError) as caught:
            read(log.missing())
        assert_one_sentence(caught.value)


class IdleContract:
    """When a live source, which takes its clocks, says that its input is idle."""

    @pytest.fixture
    def log(self) -> ClockedLog:
        raise NotImplementedError

    def test_is_idle_after_five_seconds_and_then_again_and_again(self, log: ClockedLog) -> None:
        clock = ManualClock()
        log.append(events(2))
        partition = log.build_clocked(clock)
        found = self.step(partition, clock, 0.0)
        assert events(2) == values(found)
        assert self.step(partition, clock, 4.9) == []
        [idle] = self.step(partition, clock, 0.2)
        assert (idle.records, idle.idle, idle.end, idle.wall_ms) == ([], True, False, 1_005_100)
        assert self.step(partition, clock, 0.02) == []
        assert [batch.idle for batch in self.step(partition, clock, 0.04)] == [True]

    def test_is_not_idle_once_something_comes(self, log: ClockedLog) -> None:
        clock = ManualClock()
        partition = log.build_clocked(clock)
        assert [batch.idle for batch in self.step(partition, clock, 6.0)] == [True]
        log.append(events(1))
        found = self.step(partition, clock, 1.0)
        assert [(len(batch.records), batch.idle) for batch in found] == [(1, False)]
        assert self.step(partition, clock, 4.0) == []
        assert [batch.idle for batch in self.step(partition, clock, 1.1)] == [True]

    def test_waits_between_looks(self, log: ClockedLog) -> None:
        clock = ManualClock()
        partition = log.build_clocked(clock)
        assert self.step(partition, clock, 0.0) == []
        awake = partition.next_awake()
        assert awake is not None
        assert 0 < awake.timestamp() - clock.now_s <= 0.05

    def step(self, partition: Partition, clock: ManualClock, seconds: float) -> list[Batch]:
        """What the partition gives when it is asked once, so much later."""
        clock.now_s += seconds
        return list(partition.next_batch())


class OutputLog(ABC):
    """A log of output, empty at first, that publishers of one lane write to."""

    takes_over: bool
    """Whether a newer publisher fences an older one that lives (Kafka); else it is refused while that one has the log (files)."""

    @abstractmethod
    def publisher(self) -> Publisher:
        """A new publisher, not opened."""

    @abstractmethod
    def read(self) -> dict[str, list[bytes]]:
        """What a reader finds in each stream, in order."""


def sample_rows(count: int, outputs: int = 4, padding: int = 0) -> list[Row]:
    """Rows of 1 to `outputs` outputs each, in changing streams, numbered without a gap from 1 on; the same at every call."""
    rows: list[Row] = []
    first = 1
    for number in range(count):
        size = 1 + number * 7 % outputs
        rows.append(Row(first, [sample_output(sequence, padding) for sequence in range(first, first + size)]))
        first += size
    return rows


def sample_output(sequence: int, padding: int = 0) -> Output:
    """The output of a sequence number, its stream by the number."""
    value = {"specversion": "1.0", "id": f"i{sequence}", "sequence": str(sequence), "data": {"x": "é" * padding}}
    return Output(
        (sequence * sequence % 7 + sequence // 9) % len(STREAMS), f"p{sequence % 5}", json.dumps(value, separators=(",", ":")).encode()
    )


def expected(rows: list[Row]) -> dict[str, list[bytes]]:
    """What the streams hold when each output of the rows is there once, in order."""
    outputs = list(chain.from_iterable(row.outputs for row in rows))
    return {stream: [output.value for output in outputs if output.stream == index] for index, stream in enumerate(STREAMS)}


def put_after(publisher: Publisher, rows: list[Row], sequence: int) -> None:
    """Puts the rows that are not whole up to `sequence`, as a lane does it at its start."""
    for row in rows:
        if row.last > sequence:
            publisher.put(row, row.last * 10)


class PublisherContract:
    """Each output once and in order, whatever happens between `put` and publishing."""

    @pytest.fixture
    def log(self) -> OutputLog:
        raise NotImplementedError

    def test_nothing_is_published_at_first(self, log: OutputLog) -> None:
        publisher = log.publisher()
        assert publisher.open().sequence == 0
        assert publisher.published == 0
        publisher.close()
        assert expected([]) == log.read()

    def test_publishes_each_output_once_and_in_order(self, log: OutputLog) -> None:
        rows = sample_rows(100)
        publisher = log.publisher()
        publisher.open()
        seen = [0]
        for row in rows:
            publisher.put(row, row.last)
            seen.append(publisher.published)
            assert seen[-1] <= row.last
        publisher.wait()
        assert rows[-1].last == publisher.published
        assert sorted(seen) == seen
        assert set(seen) <= {0, *(row.last for row in rows)}
        publisher.close()
        assert expected(rows) == log.read()

    def test_wait_returns_when_there_is_nothing(self, log: OutputLog) -> None:
        publisher = log.publisher()
        publisher.open()
        publisher.wait()
        publisher.put(None, 5)
        publisher.wait()
        assert publisher.published == 0
        publisher.close()
        publisher.close()
        assert expected([]) == log.read()

    def test_goes_on_where_an_older_one_ended(self, log: OutputLog) -> None:
        rows = sample_rows(9)
        for count in (3, 6, 9):
            publisher = log.publisher()
            done = publisher.open().sequence
            assert (rows[count - 4].last if count > 3 else 0) == done
            assert publisher.published == done
            put_after(publisher, rows[:count], done)
            publisher.put(None, 10_000)
            publisher.wait()
            publisher.close()
        assert expected(rows) == log.read()

    def test_publishes_what_was_put_before_a_crash(self, log: OutputLog) -> None:
        rows = sample_rows(6)
        for count in range(1, len(rows) + 1):
            publisher = log.publisher()
            done = publisher.open().sequence
            assert done <= rows[count - 1].first - 1
            put_after(publisher, rows[:count], done)
            publisher.close()
        publisher = log.publisher()
        put_after(publisher, rows, publisher.open().sequence)
        publisher.wait()
        publisher.close()
        assert expected(rows) == log.read()

    def test_a_row_that_is_published_is_passed_over(self, log: OutputLog) -> None:
        rows = sample_rows(5)
        for _ in range(2):
            publisher = log.publisher()
            publisher.open()
            put_after(publisher, rows, 0)
            publisher.wait()
            assert rows[-1].last == publisher.published
            publisher.close()
        assert expected(rows) == log.read()

    def test_two_publishers_never_both_publish(self, log: OutputLog) -> None:
        first, second = sample_rows(2)
        older, newer = log.publisher(), log.publisher()
        older.open()
        older.put(first, 1)
        older.wait()
        if log.takes_over:
            assert newer.open().sequence == first.last
            with pytest.raises(UnavailableError) as caught:
                self.publish(older, second)
            newer.put(second, 2)
            newer.wait()
        else:
            with pytest.raises(UnavailableError) as caught:
                newer.open()
            self.publish(older, second)
        assert_one_sentence(caught.value)
        older.close()
        newer.close()
        assert expected([first, second]) == log.read()

    def publish(self, publisher: Publisher, row: Row) -> None:
        """Puts a row and waits for it."""
        publisher.put(row, row.last)
        publisher.wait()
