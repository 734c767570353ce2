"""`KafkaEvents`: the log of events as a topic.

*Guarantees*: `done` says None when all replicas in sync have all records (`acks=all`), each once and in order, by an idempotent producer.
A broker that is away is waited for `DELIVERY_S` at most; what was not confirmed by then is told as an error, and may be in the topic all
the same. A producer that can go on no more is followed by another. Source: librdkafka, "INTRODUCTION.md: Idempotent Producer" and "Fatal
errors".
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from flows.collect.log import Done, FullError, Keyed, TooLargeError
from flows.connectors.kafka_settings import MAX_MESSAGE_BYTES, KafkaSettings, client_config
from flows.stop import stop
from schemas.errors import BeckonError, UnavailableError

MOST_BYTES, MOST_RECORDS = 64 << 20, 50_000
"""So much may be under way."""
DELIVERY_S = 10
"""Senders wait for an answer about as long."""
POLL_S = 0.2
ANEW_S = 1.0
"""So long after a producer that can go on no more comes the next."""
BATCH_BYTES = 1_000_000
"""So much goes in one go, where the topic takes it."""


class KafkaEvents:
    """The `EventLog` (`flows.collect.log`) of a topic that is there, and takes so many bytes in one go."""

    def __init__(self, settings: KafkaSettings, topic: str, *, batch_bytes: int = BATCH_BYTES) -> None:
        self._topic = topic
        self._config = client_config(settings, lambda _: None) | {
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "delivery.timeout.ms": DELIVERY_S * 1000,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "batch.size": min(batch_bytes, BATCH_BYTES),
            "linger.ms": 2,  # what comes together goes together
            "compression.type": "lz4",
            "queue.buffering.max.messages": 2 * MOST_RECORDS,
            "queue.buffering.max.kbytes": 2 * MOST_BYTES // 1024,
        }
        self._producer = Producer(self._config)
        self._lock = threading.Lock()
        self._bytes = self._records = 0
        self._failing = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-events", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """The topic."""
        return self._topic

    @property
    def waiting_bytes(self) -> int:
        """The bytes that were taken and are not confirmed yet."""
        return self._bytes

    def put(self, records: Sequence[Keyed], done: Done) -> None:
        """Hands the records to the producer, each to the partition that its key gives; FullError where too much is under way."""
        size = sum([len(raw) for _, raw in records])
        with self._lock:
            if self._closing.is_set() or (
                self._records and (self._bytes + size > MOST_BYTES or self._records + len(records) > MOST_RECORDS)
            ):
                raise FullError("the topic takes no more for now")
            self._bytes += size
            self._records += len(records)
        under_way, producer = _UnderWay(self, len(records), size, done), self._producer
        for number, (key, raw) in enumerate(records):
            try:
                producer.produce(self._topic, raw, key, on_delivery=under_way.delivered)
            except KafkaException as error:
                under_way.fail(len(records) - number, error.args[0])
                return
            except BufferError:
                under_way.fail(len(records) - number, None)
                return
        if not records:
            done(None)

    def close(self) -> None:
        """Waits until each record was confirmed or given up."""
        with self._lock:
            self._closing.set()
        self._thread.join()
        _emptied(self._producer)

    def settled(self, number: int, size: int, failed: str | None, *, too_large: bool) -> BeckonError | None:
        """Notes that a `put` has come to its end; gives the error that is told of it."""
        with self._lock:
            self._bytes -= size
            self._records -= number
            # Where others may not be in the topic all are sent again, and then this is what is left to tell.
            if too_large and failed is None:
                return TooLargeError(f"the topic {self._topic} takes no record so large")
            changed, self._failing = self._failing != (failed is not None), failed is not None
        log = structlog.get_logger(__name__)
        if changed and failed is None:
            log.info("Kafka takes events again", topic=self._topic)
        elif changed:
            log.error("Kafka does not take events; senders are told to try again", topic=self._topic, reason=failed)
        return None if failed is None else UnavailableError(f"the topic {self._topic} did not take the events: {failed}")

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._producer.poll(POLL_S)
            except KafkaException as error:
                if not is_final(error):
                    # A bug: nothing more is confirmed from here on, so nothing more is to be taken.
                    stop.set()
                    raise
                self._begin_anew(self._producer)

    def _begin_anew(self, old: Producer) -> None:
        """Puts another producer in the place of one that can go on no more; what that one held is told as an error."""
        structlog.get_logger(__name__).error("the producer can go on no more; another one takes its place", topic=self._topic)
        self._closing.wait(ANEW_S)
        self._producer = Producer(self._config)
        old.purge()
        _emptied(old)


def is_final(error: KafkaException) -> bool:
    """Whether a producer says that it can go on no more, which it says of each call from then on."""
    told = error.args[0]
    return bool(told.fatal()) or told.code() == KafkaError._FATAL  # noqa: SLF001 - so librdkafka's own errors are called


def _emptied(producer: Producer) -> None:
    """Returns when each record that it holds was confirmed or given up."""
    while len(producer):
        with suppress(KafkaException):
            producer.flush(1)


class _UnderWay:
    """A `put` whose records are under way."""

    __slots__ = ("_done", "_failed", "_left", "_lock", "_log", "_number", "_size", "_too_large")

    def __init__(self, log: KafkaEvents, number: int, size: int, done: Done) -> None:
        self._log, self._number, self._left, self._size, self._done = log, number, number, size, done
        self._failed: str | None = None
        self._too_large = False
        self._lock = threading.Lock()

    def delivered(self, error: KafkaError | None, _: Message) -> None:
        """What became of one record."""
        if error is None:
            self._less(1)
        else:
            self.fail(1, error)

    def fail(self, number: int, error: KafkaError | None) -> None:
        """So many records came to nothing; None where no more of them could wait."""
        large = error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE
        self._less(number, None if large else error.str() if error else "its queue is full", too_large=large)

    def _less(self, number: int, failed: str | None = None, *, too_large: bool = False) -> None:
        with self._lock:
            self._left -= number
            self._failed = self._failed or failed
            self._too_large = self._too_large or too_large
            at_end = self._left == 0
        if at_end:
            # What can be sent again is told first: then that the rest cannot.
            self._done(self._log.settled(self._number, self._size, self._failed, too_large=self._too_large and self._failed is None))
