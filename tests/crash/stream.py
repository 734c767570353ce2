"""The plan and the seeded stream of the tests on a real Kafka: what many persons do over some days, with duplicates and poison in between.

*Guarantees*: no event is late, so what comes out for a person is a function of the person's own events, however they are spread over lanes.
Everything lies in the future of this machine's clock, and is received as it happens: so the watermark of a live lane, which follows that
clock while the input is idle, stays where the events have put it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import TopicPartition

from operators.instants import format_instant
from tests.bench.topics import decided, make_consumer, make_producer
from tests.harness import milliseconds
from tests.kafka_broker import Broker

PARTITIONS = 4
START_MS = 2_051_222_400_000
"""2035-01-01T00:00:00Z."""
LATENESS_MS = 10_000

SEGMENTS = {
    "viewers": "did('Product Viewed', within='6h') and not did('Order Completed', within='6h')",
    "busy": "count('Product Viewed', within='6h') >= 2",
    "away": "not did('*', within='6h')",
    "carts": "did('Product Added', within='1d', after='Order Completed') and since('Product Added') >= '30m'",
    "stuck": "in_segment_for('viewers') >= '30m'",
    "loyal": "count('Order Completed') >= 3",
    "spenders": "last('Order Completed', 'total') > 80",
    "gold": "trait.tier == 'gold'",
    "asked": "consent('offers')",
}
TOPICS = {"offers": {"title": "Offers"}, "orders": {"consent": "none"}}
CAMPAIGNS: dict[str, dict[str, Any]] = {
    "cart": {"on": "enters carts", "topic": "orders", "re_enter": "after 12h", "steps": [{"send": "cart_reminder"}]},
    "comeback": {"on": "enters away", "topic": "offers", "re_enter": "always", "steps": [{"send": "comeback"}]},
    "farewell": {"on": "exits gold", "topic": "offers", "re_enter": "never", "steps": [{"send": "farewell"}]},
    "receipt": {"on": "event Order Completed", "topic": "orders", "re_enter": "always", "steps": [{"send": "receipt"}]},
}
POISON = (
    b"not json",
    b'{"type":"track","userId":"u1"',
    b"[1,2]",
    b"\xff\xfe broken",
    b'{"type":"track","event":"Product Viewed","timestamp":"2035-01-01T00:00:00Z"}',
    b'{"type":"trick","userId":"u1","timestamp":"2035-01-01T00:00:00Z"}',
    b'{"type":"track","userId":"u1","timestamp":"2035-01-01T00:00:00Z"}',
    b'{"type":"track","event":7,"userId":"u1","timestamp":"2035-01-01T00:00:00Z"}',
    b'{"type":"track","event":"Product Viewed","userId":"u1","timestamp":"tomorrow"}',
)


ACTS = (*["Consent Given"] * 4, "Consent Withdrawn", "Unsubscribed", "Email Marked as Spam", "Email Bounced")


class Sent(NamedTuple):
    """A record as its producer has it."""

    key: str
    value: bytes


class Read(NamedTuple):
    """A record as a reader gets it from a partition of a topic."""

    offset: int
    ms: int
    key: str | None
    value: bytes
    headers: dict[str, str] = {}  # noqa: RUF012 - of a tuple: nobody changes it


def write_plan(folder: Path, name: str, segments: Mapping[str, str] = SEGMENTS, **settings: Any) -> Path:
    """Makes the plan's folder under `folder`, and gives it; `settings` are further ones of plan.yaml."""
    plan = folder / name
    (plan / "campaigns").mkdir(parents=True, exist_ok=True)
    told = {
        "name": name,
        "lateness": f"{LATENESS_MS}ms",
        "holdout": "5%",
        "caps": [{"most": 3, "within": "1d"}],
        "profiles": "on",
        "topics": TOPICS,
        **settings,
    }
    files = {"plan.yaml": told, "segments.yaml": {"segments": dict(segments)}}
    files |= {f"campaigns/{id_}.yaml": campaign for id_, campaign in CAMPAIGNS.items()}
    for file, content in files.items():
        (plan / file).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return plan


def seeded_stream(seed: int, events: int = 3000, persons: int = 150) -> list[Sent]:
    """So many records, always the same ones for a seed: usable events, one in 30 of them a second time, one in 50 that cannot be used, one
    in 100 by which a person is forgotten."""
    rng = random.Random(seed)
    stream: list[Sent] = []
    again: list[Sent] = []
    now = START_MS
    while len(stream) < events:
        luck = rng.random()
        if luck < 0.02:
            stream.append(Sent(f"poison-{len(stream)}", rng.choice(POISON)))
        elif luck < 0.03 and stream:
            person, stamp = f"u{rng.randrange(persons)}", format_instant(now)
            erase = {"type": "erase", "messageId": f"m{len(stream)}", "userId": person, "timestamp": stamp, "receivedAt": stamp}
            stream.append(Sent(person, json.dumps(erase).encode()))
            # What a person of before did is somebody new's, and has the same ids.
            again = [sent for sent in again if sent.key != person]
        elif luck < 0.06 and again:
            stream.append(rng.choice(again[-200:]))
        else:
            now += rng.choice((0, 1, rng.randrange(3_000), rng.randrange(300_000)))
            t = now - rng.choice((0, 0, rng.randrange(LATENESS_MS)))
            stream.append(_event(rng, f"u{rng.randrange(persons)}", len(stream), t))
            again.append(stream[-1])
    return stream


def _event(rng: random.Random, person: str, number: int, t: int) -> Sent:
    record: dict[str, Any] = {"type": "track", "messageId": f"m{number}", "userId": person}
    luck = rng.random()
    if luck < 0.5:
        record |= {"event": "Product Viewed", "properties": {"product_id": f"p{rng.randrange(20)}"}}
    elif luck < 0.65:
        record |= {"event": "Product Added", "properties": {"product_id": f"p{rng.randrange(20)}"}}
    elif luck < 0.75:
        record |= {"event": "Order Completed", "properties": {"order_id": f"o{number}", "total": rng.randrange(10, 120)}}
    elif luck < 0.85:
        traits = {"email": f"{person}@example.com", "tier": rng.choice(("gold", "basic", None))}
        record |= {"type": "identify", "traits": traits}
    elif luck < 0.93:
        record |= {
            "event": rng.choice(ACTS),
            "properties": {"topic": rng.choice(("offers", "offers", None)), "text_version": "v1", "type": "hard"},
        }
    else:
        record |= {"type": "page", "name": "Home"}
    stamp = format_instant(t)
    return Sent(person, json.dumps({**record, "timestamp": stamp, "receivedAt": stamp}).encode())


def end_of(stream: Iterable[Sent]) -> int:
    """An instant a day after the last event, in ms: by then most of what time does to the persons is done."""
    return max(milliseconds(json.loads(record.value)["timestamp"]) for record in stream if b"messageId" in record.value) + 86_400_000


def write_lines(path: Path, stream: Iterable[Sent]) -> Path:
    """The records as a file of lines."""
    path.write_bytes(b"".join(record.value + b"\n" for record in stream))
    return path


class Feed:
    """Produces to a topic, keyed as Java's clients do; a broker that is away is waited for."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._producer = make_producer(broker.address, linger_ms=0)
        self._topic = topic

    def send(self, records: Iterable[Sent]) -> None:
        """Returns when all of them are in the log."""
        for record in records:
            self._producer.produce(self._topic, record.value, record.key)
        self._producer.flush()


def read_topic(broker: Broker, topic: str) -> dict[int, list[Read]]:
    """All records that are committed by now, by partition, in their order."""
    found: dict[int, list[Read]] = {partition: [] for partition in decided(broker.address, topic)}
    consumer = make_consumer(broker.address)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in found])
    try:
        for message in _to_the_ends(consumer, len(found)):
            key = message.key()
            headers = {name: value.decode() for name, value in message.headers() or () if value is not None}
            read = Read(message.offset(), message.timestamp()[1], key and key.decode(), message.value() or b"", headers)
            found[message.partition()].append(read)
    finally:
        consumer.close()
    return found


def _to_the_ends(consumer: Any, partitions: int) -> Iterator[Any]:
    ended: set[int] = set()
    while len(ended) < partitions:
        for message in consumer.consume(5000, 0.2):
            error = message.error()
            if error is None:
                yield message
            elif error.name() == "_PARTITION_EOF":
                ended.add(message.partition())
            else:
                raise RuntimeError(str(error))
