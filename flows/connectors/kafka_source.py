"""Reads the input topic as batches: one consumer a partition, assigned and never subscribed, that begins where the caller says.

A batch is what has come since the last one: few records while they trickle, up to 5,000 of them or 4 MB while the lane catches up.

*Guarantees*: offsets rise, and every committed record from the start on is handed on once, in order; gaps (transaction markers, compaction)
are normal. Records that are no longer in the log, a topic made anew, a changed partition count: `UnavailableError`, never a jump. A broker
that goes away is waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from flows.connectors.files_source import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, Clock, LogRecord, Quiet
from flows.connectors.kafka_progress import bounds_of, patience
from flows.connectors.kafka_settings import (
    AWAY,
    END_OF_PARTITION,
    MISSING,
    MOVED,
    REFUSED,
    KafkaSettings,
    consumer_config,
    refusal,
)
from flows.connectors.kafka_topics import Topic, TopicWatch
from flows.stop import stop
from operators.lane.ports import Batch
from schemas.errors import UnavailableError, UsageError

_MANY = 500
"""A batch of so many records says that more are waiting: the next is taken at once."""
_GATHER = timedelta(milliseconds=4)
_POLL = timedelta(milliseconds=2)

# No group is joined, so a group that we may not join is no error; a topic that is missing is left to the watch, which knows for sure.
_LOOK_AGAIN = AWAY | MISSING | {KafkaError.GROUP_AUTHORIZATION_FAILED}


class KafkaSource(FixedPartitionedSource[Batch, int]):
    """The partitions of `topic`, or those of `parts`; each begins at `start_of(partition)`, and at its earliest record where that is 0.

    `bounded`: each partition is read up to the end that it has when its reading starts, or up to that of `ends`; else it is followed until
    `flows.stop.stop` is set.
    `wait_s`: how long a broker is waited for at the start; `watch_s`: how often the topic is looked at while it is read.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: Topic,
        start_of: Callable[[int], int],
        *,
        parts: Sequence[int] | None = None,
        bounded: bool = False,
        ends: Mapping[int, int] | None = None,
        wait_s: float = 30,
        watch_s: float = 5,
        monotonic: Clock = time.monotonic,
        wall: Clock = time.time,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._start_of = start_of
        self._parts = range(topic.partitions) if parts is None else parts
        self._bounded = bounded
        self._ends = ends or {}
        self._wait_s = wait_s
        self._watch_s = watch_s
        self._watch: TopicWatch | None = None
        self._lock = threading.Lock()
        self._clocks = (monotonic, wall)
        if wrong := [part for part in self._parts if not 0 <= part < topic.partitions]:
            raise UsageError(f"the topic {topic.name} has the partitions 0 to {topic.partitions - 1}; got {', '.join(map(str, wrong))}")

    def list_parts(self) -> list[str]:
        """The partitions' numbers, as text."""
        return [str(part) for part in self._parts]

    def build_part(self, _step_id: str, for_part: str, _resume_state: int | None) -> KafkaPartition:
        """A reader of one partition; Bytewax's resume state is not asked, as `start_of` knows what was applied."""
        with self._lock:
            if self._watch is None:
                self._watch = TopicWatch(self._settings, self._topic, every_s=self._watch_s)
        partition = int(for_part)
        return KafkaPartition(
            self._settings,
            self._topic,
            partition,
            self._start_of(partition),
            self._watch,
            self._clocks,
            bounded=self._bounded,
            end=self._ends.get(partition),
            wait_s=self._wait_s,
        )


def read_bounds(settings: KafkaSettings, topic: Topic, *, wait_s: float = 30) -> dict[int, tuple[int, int]]:
    """The first offset of each partition and the one before which all is decided; raises `UnavailableError` where Kafka does not say."""
    consumer = Consumer(consumer_config(settings, lambda _: None))
    held = patience(settings, wait_s)
    try:
        return {part: bounds_of(consumer, TopicPartition(topic.name, part), held) for part in range(topic.partitions)}
    except KafkaException as problem:
        error: KafkaError = problem.args[0]
        if error.code() in REFUSED:
            raise refusal(settings, error) from None
        raise UnavailableError(f"Kafka cannot say where topic {topic.name} ends: {error.str()}") from None
    finally:
        consumer.close()


class KafkaPartition(StatefulSourcePartition[Batch, int]):
    """One partition being read; waits up to `wait_s` for the broker when it is made."""

    def __init__(
        self,
        settings: KafkaSettings,
        topic: Topic,
        partition: int,
        start: int,
        watch: TopicWatch,
        clocks: tuple[Clock, Clock],
        *,
        bounded: bool,
        end: int | None,
        wait_s: float,
    ) -> None:
        self._settings = settings
        self._where = f"topic {topic.name} partition {partition}"
        self._watch = watch
        self._bounded = bounded
        self._partition = TopicPartition(topic.name, partition)
        self._consumer = Consumer(consumer_config(settings, self._heard))
        low, high = self._bounds(wait_s)
        self._start = self._next = start or low
        self._end = high if end is None else end
        for needed in (self._next, self._end):
            if not low <= needed <= high:
                raise self._moved(needed, low, high)
        self._end_seen = -1
        self._ended = False
        monotonic, self._wall = clocks
        self._quiet = Quiet(monotonic)
        self._awake: datetime | None = None
        self._consumer.assign([TopicPartition(topic.name, partition, self._next)])

    def next_batch(self) -> list[Batch]:
        """What has come since; empty where nothing has. Raises `StopIteration` after the end of a bounded input, and when `stop` is set."""
        if self._ended or stop.is_set():
            raise StopIteration
        self._watch.look()
        records = self._read()
        if self._bounded:
            return self._up_to_the_end(records)
        wall_s = self._wall()
        at_end = self._end_seen == self._next and self._watch.answering
        if records or not at_end:
            self._quiet.heard()
        if records:
            self._awake = None if len(records) >= _MANY else _at(wall_s, _GATHER)
            return self._batches(records, int(wall_s * 1000))
        self._awake = _at(wall_s, _POLL)
        if at_end and self._quiet.is_due():
            return [Batch(self._partition.partition, self._start, [], int(wall_s * 1000), idle=True)]
        return []

    def next_awake(self) -> datetime | None:
        """When to ask again; None for at once."""
        return self._awake

    def snapshot(self) -> int:
        """The offset after the last record handed on."""
        return self._next

    def close(self) -> None:
        """Lets go of the consumer."""
        self._consumer.close()

    def _read(self) -> list[LogRecord]:
        """The records that librdkafka holds ready, without waiting for more."""
        records: list[LogRecord] = []
        for message in self._consumer.consume(MAX_BATCH_RECORDS, 0):
            error = message.error()
            if error is None:
                kind, ms = message.timestamp()
                # A record from the log has an offset; the types allow for messages that are yet to be sent.
                records.append((message.offset(), ms if kind and ms >= 0 else None, message.value() or b""))  # type: ignore[arg-type]
            elif error.code() == END_OF_PARTITION:
                self._next = self._end_seen = cast("int", message.offset())
            else:
                self._judge(error)
        if records:
            self._next = max(self._next, records[-1][0] + 1)
        return records

    def _up_to_the_end(self, records: list[LogRecord]) -> list[Batch]:
        self._ended = self._next >= self._end
        while records and records[-1][0] >= self._end:
            records.pop()
        self._awake = None if records else _at(self._wall(), _POLL)
        batches = self._batches(records, None)
        if self._ended:
            batches = batches or [Batch(self._partition.partition, self._start, [])]
            batches[-1].end = True
        return batches

    def _batches(self, records: list[LogRecord], wall_ms: int | None) -> list[Batch]:
        """The records as batches of at most 4 MB: one, unless records are large."""
        high = self._end if self._bounded else self._consumer.get_watermark_offsets(self._partition, cached=True)[1]
        made = [Batch(self._partition.partition, self._start, part, wall_ms) for part in _parts(records)]
        for batch in made:
            batch.lag = max(0, high - batch.records[-1][0] - 1)
        return made

    def _bounds(self, wait_s: float) -> tuple[int, int]:
        """The earliest offset that is there, and the one after the last that is committed."""
        deadline = time.monotonic() + wait_s
        while True:
            self._watch.look()
            try:
                bounds: tuple[int, int] | None = self._consumer.get_watermark_offsets(self._partition, timeout=2)
            except KafkaException as problem:
                self._judge(problem.args[0])
                bounds = None
            if bounds is not None:
                return bounds
            if time.monotonic() >= deadline:
                raise UnavailableError(
                    f"no Kafka broker at {self._settings.brokers} gives {self._where} (waited {wait_s:g} s): see that all brokers run"
                )
            self._consumer.poll(0.2)

    def _judge(self, error: KafkaError) -> None:
        """Raises where the error does not mend itself."""
        if error.code() in MOVED:
            low, high = self._bounds(30)
            raise self._moved(self._next, low, high)
        if error.code() in REFUSED:
            raise refusal(self._settings, error)
        if error.fatal() or not (error.retriable() or error.code() in _LOOK_AGAIN):
            raise UnavailableError(f"Kafka cannot give {self._where} from offset {self._next} on: {error.str()}")
        self._watch.doubt()

    def _moved(self, wanted: int, low: int, high: int) -> UnavailableError:
        if wanted < low:
            return UnavailableError(
                f"offsets {wanted} to {low - 1} are no longer in {self._where} (earliest is {low}), so records would be skipped: "
                "restore them, or start over with a new plan name and an empty state, and let the topic keep its records for longer"
            )
        return UnavailableError(
            f"offset {wanted} is not in {self._where} (it ends at {high}), so the log is not the one that was read before: "
            "restore it, or start over with a new plan name and an empty state"
        )

    def _heard(self, _error: KafkaError) -> None:
        self._watch.doubt()


def _parts(records: list[LogRecord]) -> list[list[LogRecord]]:
    """The records in parts of at most 4 MB each: all together, unless records are large."""
    if not records or sum(len(value) for _, _, value in records) <= MAX_BATCH_BYTES:
        return [records] if records else []
    parts: list[list[LogRecord]] = []
    room = -1
    for record in records:
        room -= len(record[2])
        if room < 0:
            room = MAX_BATCH_BYTES - len(record[2])
            parts.append([])
        parts[-1].append(record)
    return parts


def _at(wall_s: float, later: timedelta) -> datetime:
    return datetime.fromtimestamp(wall_s, UTC) + later
