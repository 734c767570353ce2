"""The floor: what any program pays that reads events from Kafka and keeps a little state of each person in RocksDB, and nothing else.

Consumes batches of 1,000, decodes each record with msgspec into typed fields, gets each person's state once a batch, and writes one
WriteBatch a batch. The state is a count and the times of the last view and order, 20 bytes. No output, no offsets, no synced write, no
rule.

    python floor.py BROKERS TOPIC STATE     ends at the topic's present end, and prints how many events and persons it saw
"""

from __future__ import annotations

import struct
import sys
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition
from rocksdict import AccessType, Options, Rdict, WriteBatch

BATCH = 1000
STATE = struct.Struct("<IQQ")


class Properties(msgspec.Struct, gc=False):
    """The properties that rules of a shop read."""

    category: str | None = None
    brand: str | None = None
    price: float | None = None
    cart_id: str | None = None
    total: float | None = None


class Event(msgspec.Struct, gc=False, rename="camel"):
    """The fields of the envelope that an engine needs."""

    type: str
    message_id: str
    user_id: str
    timestamp: str
    received_at: str
    event: str | None = None
    name: str | None = None
    properties: Properties | None = None


def main(brokers: str, topic: str, folder: str) -> None:
    """Reads the topic to its end."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "floor",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            # As every reader here: with the default of 1 s the client pauses when its queue is full, and halves the rate.
            "fetch.queue.backoff.ms": 5,
        }
    )
    waiting = 0
    parts = []
    for partition in consumer.list_topics(topic).topics[topic].partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition))
        waiting += high - low
        parts.append(TopicPartition(topic, partition, low))
    consumer.assign(parts)
    store = Rdict(folder, Options(raw_mode=True), access_type=AccessType.read_write())
    events = 0
    while events < waiting:
        messages = consumer.consume(BATCH, 0.1)
        apply(store, messages)
        events += len(messages)
    consumer.close()
    persons = len(list(store.keys()))
    store.close()
    print(f"events={events} persons={persons}")


def apply(store: Rdict, messages: list[Any]) -> None:
    """One batch: decode, get, fold, one WriteBatch."""
    decode = msgspec.json.Decoder(Event).decode
    touched: dict[bytes, tuple[int, int, int]] = {}
    for message in messages:
        error = message.error()
        if error is not None:
            raise RuntimeError(str(error))
        event = decode(message.value())
        key = event.user_id.encode()
        state = touched.get(key)
        if state is None:
            kept = store.get(key)
            state = STATE.unpack(kept) if kept is not None else (0, 0, 0)
        count, viewed, ordered = state
        if event.event == "Product Viewed":
            viewed = message.offset()
        elif event.event == "Order Completed":
            ordered = message.offset()
        touched[key] = (count + 1, viewed, ordered)
    batch = WriteBatch(raw_mode=True)
    for key, state in touched.items():
        batch.put(key, STATE.pack(*state))
    store.write(batch)


if __name__ == "__main__":
    main(*sys.argv[1:4])
