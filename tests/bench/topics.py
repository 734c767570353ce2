"""The Kafka side of the benchmarks: topics made, the input loaded, the output read back."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.output import STREAMS
from tests.bench.generate import as_browsers_send
from tests.kafka_broker import Broker

PARTITIONS = 4
PATIENCE_S = 60


def create_input(broker: Broker, name: str) -> str:
    """An input topic that keeps records of any age."""
    return broker.create_topic(name, PARTITIONS, {"retention.ms": "-1"})


def create_outputs(broker: Broker, plan: str) -> None:
    """The topics that a run of a plan writes to."""
    for stream in STREAMS:
        broker.create_topic(f"{plan}.{stream}", PARTITIONS, {"retention.ms": "-1"})
    broker.create_topic(f"{plan}.progress", PARTITIONS, {"cleanup.policy": "compact"})


def load(broker: Broker, topic: str, path: Path, first: int = 0, end: int | None = None, *, browsers: bool = False) -> None:
    """Produces the file's lines from `first` on and before `end`, keyed by `userId` and spread as Java's clients do; with `browsers` as
    these send them, with the same keys."""
    producer = make_producer(broker.address, linger_ms=50)
    with path.open("rb") as file, path.open("rb") as keys:
        lines = as_browsers_send(file) if browsers else file
        for count, (line, keyed) in enumerate(itertools.islice(zip(lines, keys, strict=True), first, end)):
            record = line.rstrip(b"\n")
            while True:
                try:
                    producer.produce(topic, record, person_of(keyed))
                    break
                except BufferError:
                    producer.poll(0.1)
            if not count % 1000:
                producer.poll(0)
    producer.flush()


def make_producer(brokers: str, linger_ms: int) -> Any:
    """A producer that keeps the order, partitions as Java's clients do, and raises where a record is not delivered."""

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            raise RuntimeError(f"a record was not delivered: {error}")

    return Producer(
        {
            "bootstrap.servers": brokers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": linger_ms,
            "on_delivery": delivered,
            # Right after its start the broker says "not yet" to an idempotent producer, which asks again and would say so on stderr.
            "log_level": 3,
        }
    )


def person_of(record: bytes) -> bytes:
    """The value of `userId` in a record of the generator."""
    start = record.index(b'"userId":"') + 10
    return record[start : record.index(b'"', start)]


def committed(broker: Broker, topic: str) -> Iterator[bytes]:
    """All records of a topic that are committed by now."""
    ends = decided(broker.address, topic)
    consumer = make_consumer(broker.address)
    waiting = {partition for partition, end in ends.items() if end}
    consumer.assign([TopicPartition(topic, partition, 0) for partition in waiting])
    while waiting:
        for message in consumer.consume(5000, 0.2):
            error = message.error()
            if error is None:
                yield message.value()
            elif error.name() != "_PARTITION_EOF":
                raise RuntimeError(str(error))
            else:
                # The end of a partition: also where its last records are markers of transactions, which no reader is given.
                waiting.discard(message.partition())
    consumer.close()


def decided(brokers: str, topic: str) -> dict[int, int]:
    """The end of each partition of a topic, once every transaction before it is decided.

    A commit that has returned is certain, and yet its marker may come to a partition a moment later.
    """
    all_records, reader = make_consumer(brokers, isolation="read_uncommitted"), make_consumer(brokers)
    ends: dict[int, int] = {}
    deadline = time.monotonic() + PATIENCE_S
    for partition in all_records.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions:
        place = TopicPartition(topic, partition)
        _, ends[partition] = all_records.get_watermark_offsets(place, timeout=PATIENCE_S)
        while reader.get_watermark_offsets(place, timeout=PATIENCE_S)[1] < ends[partition]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"a transaction on {topic} has been open for {PATIENCE_S} s")
            time.sleep(0.01)
    all_records.close()
    reader.close()
    return ends


def make_consumer(brokers: str, isolation: str = "read_committed") -> Any:
    """A consumer that says when it reaches the end of a partition; it is not in a group."""
    return Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "bench",
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 5,
        }
    )
