"""One transactional producer: rows and their progress record become visible together, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from flows.connectors.kafka_progress import SLICE_S, ProgressRecord, lane_key
from flows.connectors.kafka_settings import LOADING, TIMED_OUT, KafkaSettings, producer_config
from flows.connectors.kafka_topics import Topic, output_topics, progress_topic
from operators.lane.ports import Progress, Row

_BY_KEY = -1
"""The partition that librdkafka chooses by the key."""
Headers = list[tuple[str, str | bytes | None]]
_HEADERS: Headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def binary_mode(event: bytes) -> Headers:
    """The headers of a CloudEvent without data: its attributes, as the Kafka binding of CloudEvents 1.0 has them (3.2).

    >>> binary_mode(b'{"id":"7","sequence":"12","datacontenttype":"application/json","data":null}')
    [('ce_id', b'7'), ('ce_sequence', b'12')]
    """
    attributes: dict[str, str] = msgspec.json.decode(event)
    return [(f"ce_{name}", value.encode()) for name, value in attributes.items() if name not in ("data", "datacontenttype")]


class Lane(NamedTuple):
    """A lane of a plan, the input topic that its progress records name, and the partition of what has no key."""

    plan: str
    partition: int
    source: Topic | None
    keyless: int = 0


class Transactions:
    """One transactional producer, from its making to its first error; `KafkaException` where an outcome is bad or unknown."""

    def __init__(
        self, settings: KafkaSettings, lane: Lane, timeout_ms: int, reached: Callable[[str], None], held: Callable[[str], None]
    ) -> None:
        self._lane = lane
        self._key = lane_key(lane.partition)
        self._reached = reached
        self._held = held
        self._topics = output_topics(lane.plan)
        self._began_s: float | None = None
        self._producer = Producer(producer_config(settings, lambda _: None, f"beckon-{lane.plan}-{lane.partition}", timeout_ms))

    @property
    def age_s(self) -> float:
        """For how long the transaction has been open; 0 where none is."""
        return 0 if self._began_s is None else time.monotonic() - self._began_s

    def fence(self, held: Callable[[str], None]) -> None:
        """Ends all older producers of this lane, and whatever transaction they left."""
        resumed(self._producer.init_transactions, held)

    def publish(self, rows: Iterable[Row], progress: Progress) -> None:
        """Makes rows and progress visible together."""
        self._began_s = time.monotonic()
        self._producer.begin_transaction()
        self._reached("after_begin")
        topics, produce, keyless = self._topics, self._producer.produce, self._lane.keyless
        for row in rows:
            for output in row.outputs:
                # What has no key goes to one partition, not to any: where a broker that died has left a transaction of the lane open, the
                # lane's next one there ends it, and readers go on.
                partition = keyless if output.key is None else _BY_KEY
                value, headers = (None, binary_mode(output.value)) if output.gone else (output.value, _HEADERS)
                try:
                    produce(topics[output.stream], value, output.key, partition, headers=headers)
                except BufferError:
                    self._produce(topics[output.stream], value, output.key, partition=partition, headers=headers)
        source = self._lane.source or Topic("", "", 0)
        record = ProgressRecord(progress.sequence, progress.offset, source.name, source.id, source.partitions)
        self._produce(progress_topic(self._lane.plan), msgspec.json.encode(record), self._key, partition=self._lane.partition)
        self._reached("after_produce")
        while self._producer.flush(SLICE_S):
            self._held("records are not taken")
        self._reached("before_commit")
        # Fails where any record was not taken: librdkafka counts them, so no report of each is asked for.
        resumed(self._producer.commit_transaction, self._held)
        self._began_s = None
        self._reached("after_commit")

    def poll(self) -> None:
        """Lets librdkafka hand over what it has to say."""
        self._producer.poll(0)

    def drop(self) -> None:
        """Throws away what the producer still holds; it must not be used again."""
        self._producer.purge()

    def _produce(self, topic: str, value: bytes | None, key: str | None, **more: object) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, **more)  # type: ignore[arg-type]
            except BufferError:
                if not self._producer.poll(SLICE_S):
                    self._held("the producer's queue is full")
            else:
                return


def resumed(call: Callable[[float], None], held: Callable[[str], None]) -> None:
    """Makes a call of librdkafka that is to be repeated where it ran out of time, or came before the broker had all in its memory, until it
    is through."""
    while True:
        try:
            call(SLICE_S)
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            if error.code() != LOADING and not (error.code() == TIMED_OUT and error.retriable()):
                raise
            held(error.str())
        else:
            return
