"""What is published of a lane: its last record on the progress topic, read without joining or fencing anything.

*Guarantees*: only committed records count, and transactions that are still open are not waited for. So what a reader gets may lag behind a
publisher that lives, and is never ahead of it; for the publisher itself, after fencing, it is exact.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from flows.connectors.kafka_settings import AWAY, END_OF_PARTITION, MISSING, REFUSED, KafkaSettings, consumer_config, refusal
from flows.connectors.kafka_topics import Topic, check_same, progress_topic
from operators.lane.ports import Progress
from schemas.errors import UnavailableError

SLICE_S = 1.0
"""How long one call into librdkafka may hold up a wish to close."""

_TAIL = 64
_WIDER = 16


class ProgressRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The value of a progress record, as JSON: what is published, and from which input topic it came (empty where that was not told)."""

    sequence: int
    offset: int
    topic: str = ""
    topic_id: str = ""
    partitions: int = 0


def read_progress(settings: KafkaSettings, plan: str, partition: int, *, wait_s: float = 30) -> Progress:
    """What is published of a lane, as far as a reader sees that does not fence; raises `UnavailableError` where Kafka does not give it."""
    return _read(settings, plan, partition, None, wait_s)


def start_after(settings: KafkaSettings, plan: str, source: Topic, *, wait_s: float = 30) -> Callable[[int], int]:
    """For `KafkaSource`: the offset after the last one that a lane is known to have applied, 0 for none.

    Raises `UnavailableError` where the lane has read another topic than `source`, or the topic is no longer the same.
    """
    return lambda partition: _read(settings, plan, partition, source, wait_s).offset + 1


def _read(settings: KafkaSettings, plan: str, partition: int, source: Topic | None, wait_s: float) -> Progress:
    try:
        return progress_of(last_record(settings, plan, partition, patience(settings, wait_s)), source)
    except KafkaException as problem:
        error: KafkaError = problem.args[0]
        if error.code() in REFUSED:
            raise refusal(settings, error) from None
        raise UnavailableError(f"Kafka cannot give {progress_topic(plan)} partition {partition}: {error.str()}") from None


def last_record(settings: KafkaSettings, plan: str, partition: int, held: Callable[[str], None]) -> ProgressRecord | None:
    """The last committed progress record of a lane: the end of its partition is read, and ever more before it until there is one."""
    consumer = Consumer(consumer_config(settings, lambda _: None) | {"fetch.wait.max.ms": 10})
    where = TopicPartition(progress_topic(plan), partition)
    try:
        value = _search(consumer, where, held)
        return None if value is None else msgspec.json.decode(value, type=ProgressRecord)
    except msgspec.MsgspecError:
        raise UnavailableError(f"the topic {where.topic} holds a record that is not Beckon's: give Beckon a topic of its own") from None
    finally:
        consumer.close()


def _search(consumer: Consumer, where: TopicPartition, held: Callable[[str], None]) -> bytes | None:
    low, end = bounds_of(consumer, where, held)
    start, reach = end, _TAIL
    while start > low:
        start, reach = max(low, end - reach), reach * _WIDER
        value = _last_value(consumer, TopicPartition(where.topic, where.partition, start), held)
        if value is not None:
            return value
    return None


def bounds_of(consumer: Consumer, where: TopicPartition, held: Callable[[str], None]) -> tuple[int, int]:
    """The first offset of a partition, and the one before which all transactions are decided."""
    while True:
        try:
            bounds: tuple[int, int] | None = consumer.get_watermark_offsets(where, timeout=SLICE_S)
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            if error.code() in MISSING:
                raise UnavailableError(f"the topic {where.topic} is not there: make it, or run with --create-topics") from None
            if error.code() not in AWAY:
                raise
            bounds = None
            held(error.str())
        if bounds is not None:
            return bounds


def _last_value(consumer: Consumer, start: TopicPartition, held: Callable[[str], None]) -> bytes | None:
    """The value of the last record of the lane from `start` to the end."""
    key = lane_key(start.partition).encode()
    value: bytes | None = None
    consumer.assign([start])
    while True:
        message = consumer.poll(SLICE_S)
        if message is None:
            held("the progress is not given")
            continue
        error = message.error()
        if error is None:
            value = message.value() if message.key() == key else value
        elif error.code() == END_OF_PARTITION:
            return value
        elif error.code() in AWAY:
            held(error.str())
        else:
            raise KafkaException(error)


def progress_of(record: ProgressRecord | None, source: Topic | None) -> Progress:
    """What the record says; raises `UnavailableError` where it tells of another topic than `source`."""
    if record is None:
        return Progress()
    if source is not None and record.topic_id:
        check_same(Topic(record.topic, record.topic_id, record.partitions), source)
    return Progress(record.sequence, record.offset)


def patience(settings: KafkaSettings, wait_s: float) -> Callable[[str], None]:
    """Called while something is waited for; raises `UnavailableError` when that has taken `wait_s`."""
    deadline = time.monotonic() + wait_s

    def held(reason: str) -> None:
        if time.monotonic() >= deadline:
            raise UnavailableError(f"Kafka at {settings.brokers} does not answer (waited {wait_s:g} s; {reason}): see that all brokers run")

    return held


def lane_key(partition: int) -> str:
    """The key of a lane's progress records."""
    return f"lane-{partition}"
