"""`produce_records`: puts records on an input topic and lines on another one, all in one transaction.

*Guarantees*: readers of what is committed see all of it, once, or nothing. Where the broker does not say what became of the transaction,
that is an error, and the caller must look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer

from flows.connectors.kafka_progress import SLICE_S, patience
from flows.connectors.kafka_settings import REFUSED, KafkaSettings, producer_config, refusal
from flows.connectors.kafka_topics import Cluster, describe
from flows.connectors.kafka_transactions import resumed
from schemas.errors import UnavailableError

TRANSACTION_MS = 60_000

Keyed = tuple[str, bytes] | tuple[str, bytes, int]
"""A key and a value; the partition that the key gives, unless another one is named."""
_BY_KEY = -1


def produce_records(settings: KafkaSettings, name: str, put: Iterable[tuple[str, Sequence[Keyed]]], *, wait_s: float = 30) -> None:
    """Puts on each topic its messages, by key. `name` is that of the transaction: a newer one of it fences an older."""
    held = patience(settings, wait_s)
    producer = Producer(producer_config(settings, lambda _: None, name, TRANSACTION_MS))
    try:
        resumed(producer.init_transactions, held)
        producer.begin_transaction()
        for topic, messages in put:
            for message in messages:
                while not _taken(producer, topic, *message):
                    producer.poll(SLICE_S)
        while producer.flush(SLICE_S):
            held("records are not taken")
        resumed(producer.commit_transaction, held)
    except KafkaException as problem:
        producer.purge()
        error: KafkaError = problem.args[0]
        if error.code() in REFUSED:
            raise refusal(settings, error) from None
        raise UnavailableError(f"Kafka has not taken the records for sure: {error.str()}; run the same again, none counts twice") from None


def _taken(producer: Producer, topic: str, key: str, value: bytes, partition: int = _BY_KEY) -> bool:
    """Whether there was room for the message."""
    try:
        producer.produce(topic, value, key, partition)
    except BufferError:
        return False
    return True


def ensure_compacted(settings: KafkaSettings, topic: str) -> None:
    """Makes a small compacted topic where it is missing."""
    cluster = Cluster(settings)
    if cluster.find([topic])[topic] is None:
        cluster.create({topic: {"cleanup.policy": "compact"}}, 1)
        cluster.find([topic], created=True)
    describe(settings, topic)
