"""The Kafka log as the contract suites see it, and what Kafka's own tests share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from confluent_kafka import Consumer, Producer, TopicPartition

from flows.connectors.kafka_publisher import KafkaPublisher
from flows.connectors.kafka_settings import KafkaSettings, consumer_config
from flows.connectors.kafka_source import KafkaPartition, KafkaSource
from flows.connectors.kafka_topics import describe, output_topic
from operators.lane.ports import Batch, Publisher
from schemas.output import STREAMS
from tests.flows.connectors.contract import FRESH, ClockedLog, ManualClock, OutputLog, Start
from tests.kafka_broker import Broker

T = TypeVar("T")
DEADLINE_S = 60.0


class KafkaSourceLog(ClockedLog):
    """The first partition of a plan's input topic."""

    def __init__(self, broker: Broker, plan: str) -> None:
        self.settings = KafkaSettings(brokers=broker.address)
        self.topic = f"{plan}.events"

    def append(self, records: list[bytes]) -> None:
        produce(self.settings, self.topic, records)

    def build(self, start: Start = FRESH, *, live: bool = False) -> KafkaPartition:
        topic = describe(self.settings, self.topic)
        return KafkaSource(self.settings, topic, lambda _: start[0] + 1, bounded=not live).build_part("in", "0", None)

    def build_clocked(self, clock: ManualClock) -> KafkaPartition:
        topic = describe(self.settings, self.topic)
        partition = KafkaSource(self.settings, topic, lambda _: 0, monotonic=clock, wall=clock).build_part("in", "0", None)
        if end_of(self.settings, self.topic) == 0:
            assert settle(partition, 0) == []
        return partition

    def missing(self) -> KafkaPartition:
        return KafkaSource(self.settings, describe(self.settings, "nobody.events"), lambda _: 0).build_part("in", "0", None)


class KafkaOutputLog(OutputLog):
    """The outputs of a plan, written by its lane 0."""

    takes_over = True

    def __init__(self, broker: Broker, plan: str) -> None:
        self.settings = KafkaSettings(brokers=broker.address)
        self.plan = plan

    def publisher(self) -> Publisher:
        return KafkaPublisher(self.settings, self.plan, 0)

    def read(self) -> dict[str, list[bytes]]:
        return {stream: read_committed(self.settings, output_topic(self.plan, index)) for index, stream in enumerate(STREAMS)}


def produce(settings: KafkaSettings, topic: str, records: list[bytes], partition: int = 0) -> None:
    """Writes records to the end of a partition, in order."""
    producer = Producer({"bootstrap.servers": settings.brokers, "enable.idempotence": True, "error_cb": lambda _: None, "log_level": 0})
    for record in records:
        producer.produce(topic, record, partition=partition)
    assert producer.flush(DEADLINE_S) == 0


def read_committed(settings: KafkaSettings, topic: str, partition: int = 0) -> list[bytes]:
    """The values that a read-committed reader finds in a partition, once all transactions there are decided.

    A commit that has returned is certain, and yet its marker may come to the partition a moment later.
    """
    end = end_of(settings, topic, partition, decided=False)
    until(lambda: end_of(settings, topic, partition) >= end)
    consumer = Consumer(consumer_config(settings, lambda _: None))
    low = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=DEADLINE_S)[0]
    consumer.assign([TopicPartition(topic, partition, low)])
    found: list[bytes] = []
    place = low
    while place < end:
        message = consumer.poll(DEADLINE_S)
        assert message is not None
        error = message.error()
        if error is None:
            found.append(message.value() or b"")
        place = (message.offset() or 0) + (error is None)
    consumer.close()
    return found


def end_of(settings: KafkaSettings, topic: str, partition: int = 0, *, decided: bool = True) -> int:
    """The offset after a partition's last record, or before its first record of an open transaction."""
    isolation = {"isolation.level": "read_committed" if decided else "read_uncommitted"}
    consumer = Consumer(consumer_config(settings, lambda _: None) | isolation)
    end = int(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=DEADLINE_S)[1])
    consumer.close()
    return end


def until(look: Callable[[], T]) -> T:
    """Looks again and again until there is something to see."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
    raise AssertionError(f"not seen within {DEADLINE_S:g} s")


def goes_on(partition: KafkaPartition, seen: Callable[[list[Batch]], object]) -> list[Batch]:
    """The batches of a live partition until `seen` is content with them."""
    found: list[Batch] = []

    def look() -> object:
        found.extend(partition.next_batch())
        return seen(found)

    until(look)
    return found


def settle(partition: KafkaPartition, end: int) -> list[Batch]:
    """What a live partition gives until it knows that it has read up to `end` and nothing is behind it."""
    return goes_on(partition, lambda _: partition._end_seen == partition.snapshot() >= end)


def told(lines: Sequence[Mapping[str, object]]) -> list[tuple[object, object]]:
    """Level and text of the lines for users among those captured."""
    return [(line["log_level"], line["event"]) for line in lines if line["log_level"] != "debug"]
