"""From an event to its trigger: 1,000 events a second into Kafka for a minute.

Beckon runs 20 segments with everything on, and a campaign that answers each view. The time of an event is from just before it is given
to the producer until a read-committed consumer on the triggers' topic has its trigger. Producer and consumer are this process, so one
clock counts. All persons have an address first; what comes in the first 5 seconds is not counted. Each view must have its trigger,
once.
"""

from __future__ import annotations

import itertools
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import TopicPartition

from tests.bench import plans, topics
from tests.bench.generate import cached
from tests.bench.measure import BenchError, beckon, start
from tests.kafka_broker import Broker

NAME = "bench-latency"
RATE = 1000
TICK_S = 0.005
WARM_UP_S = 5
PATIENCE_S = 60


class Context(msgspec.Struct, gc=False, rename="camel"):
    """The event that a trigger is about."""

    message_id: str


class Data(msgspec.Struct, gc=False):
    """What is read of a trigger's data."""

    context: Context


class Trigger(msgspec.Struct, gc=False):
    """What is read of a trigger."""

    data: Data


class Triggers(threading.Thread):
    """Reads the triggers as they are committed: `seen` gives the time by messageId, `twice` counts those that came again."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(name="triggers", daemon=True)
        self.seen: dict[str, float] = {}
        self.twice = 0
        self.over = threading.Event()
        self._consumer: Any = topics.make_consumer(broker.address)
        self._consumer.assign([TopicPartition(f"{NAME}.triggers", partition, 0) for partition in range(topics.PARTITIONS)])

    def run(self) -> None:
        """Until `over` is set."""
        decode = msgspec.json.Decoder(Trigger).decode
        while not self.over.is_set():
            message = self._consumer.poll(0.1)
            now = time.perf_counter()
            if message is not None and message.error() is None:
                id = decode(message.value()).data.context.message_id
                self.twice += id in self.seen
                self.seen[id] = now
        self._consumer.close()

    def wait(self, number: int) -> None:
        """Until so many triggers are there; BenchError where they do not come."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.seen) < number:
            if time.monotonic() > deadline:
                raise BenchError(f"{len(self.seen):,} of {number:,} triggers came; none more for {PATIENCE_S} s")
            time.sleep(0.05)


def measure(seconds: int, folder: Path) -> dict[str, float]:
    """p50, p99 and the largest time in ms, and the number of triggers they are of."""
    print(f"latency: {RATE:,} events/s for {seconds} s", flush=True)
    path, _ = cached(100_000, 10_000)
    with Broker(folder / "kafka-latency") as broker, (folder / "latency.log").open("wb") as log:
        topics.create_input(broker, NAME)
        topics.create_outputs(broker, NAME)
        plan = plans.write("latency", NAME, folder / NAME)
        process = start(beckon(plan, broker.address, NAME, folder / "latency-state"), log.fileno())
        triggers = Triggers(broker)
        triggers.start()
        try:
            times = _drive(broker, triggers, path, seconds)
        except BenchError as error:
            raise BenchError(f"{error}; beckon's output ends:\n{(folder / 'latency.log').read_text(errors='replace')[-3000:]}") from None
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            triggers.over.set()
            triggers.join()
    times.sort()
    p50, p99, largest = times[len(times) // 2], times[len(times) * 99 // 100], times[-1]
    print(f"      latency: p50 {p50:.1f} ms, p99 {p99:.1f} ms, largest {largest:.1f} ms, of {len(times):,}", flush=True)
    return {"p50_ms": p50, "p99_ms": p99, "max_ms": largest, "triggers": len(times)}


def _drive(broker: Broker, triggers: Triggers, path: Path, seconds: int) -> list[float]:
    producer = topics.make_producer(broker.address, linger_ms=0)
    events = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    persons = {event["userId"]: event for event in events}
    for person in persons:
        _produce(
            producer, {"type": "identify", "messageId": f"hello-{person}", "userId": person, "traits": {"email": f"{person}@example.com"}}
        )
    producer.flush()
    # One view tells that Beckon is up and has got through all addresses of its partition.
    probes = [
        next(event for event in events if event.get("event") == "Product Viewed") | {"userId": person}
        for person in itertools.islice(persons, 200)
    ]
    for number, probe in enumerate(probes):
        _produce(producer, probe | {"messageId": f"probe-{number}"})
    producer.flush()
    triggers.wait(len(probes))
    # The log begins with many who sign up; what follows is the shop's everyday mix.
    sent = _send(producer, itertools.cycle(events[len(events) // 5 :]), seconds)
    triggers.wait(len(probes) + len(sent))
    if triggers.twice:
        raise BenchError(f"{triggers.twice} triggers came twice")
    warm = min(sent.values()) + min(WARM_UP_S, seconds / 4)
    return [(triggers.seen[id] - at) * 1000 for id, at in sent.items() if at >= warm]


def _send(producer: Any, events: itertools.cycle[dict[str, Any]], seconds: int) -> dict[str, float]:
    """When each view was sent, by messageId; all events evenly over the time, a few each tick."""
    sent: dict[str, float] = {}
    began, number = time.perf_counter(), 0
    while number < seconds * RATE:
        due = min(seconds * RATE, int((time.perf_counter() - began) * RATE))
        for event in itertools.islice(events, max(0, due - number)):
            id = f"latency-{number}"
            number += 1
            if event.get("event") == "Product Viewed":
                sent[id] = time.perf_counter()
            _produce(producer, event | {"messageId": id})
        producer.poll(0)
        time.sleep(TICK_S)
    producer.flush()
    return sent


def _produce(producer: Any, event: dict[str, Any]) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    producer.produce(NAME, msgspec.json.encode(event | {"timestamp": now, "receivedAt": now}), event["userId"].encode())
