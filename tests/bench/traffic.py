"""Live traffic on one broker: events sent at an even rate, and the triggers that answer them, read as they are committed.

The time of an event is from just before it is given to the producer until a read-committed consumer on the triggers' topic has its
trigger. Producer and consumer are this process, so one clock counts.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import TopicPartition

from tests.bench import topics
from tests.bench.measure import BenchError
from tests.kafka_broker import Broker

TICK_S = 0.005
PATIENCE_S = 60
PROBES = 200
ANSWERED = "Product Viewed"
"""The plan `latency` answers each of these."""


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
    """Reads the triggers that are committed from now on: `seen` gives the time by messageId, `twice` counts those that came again."""

    def __init__(self, broker: Broker, plan: str) -> None:
        super().__init__(name="triggers", daemon=True)
        self.seen: dict[str, float] = {}
        self.twice = 0
        self.over = threading.Event()
        self._consumer: Any = topics.make_consumer(broker.address)
        ends = topics.decided(broker.address, f"{plan}.triggers")
        self._consumer.assign([TopicPartition(f"{plan}.triggers", partition, end) for partition, end in ends.items()])

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


class Traffic:
    """Sends events to the topic that bears the plan's name, each at the present time, and waits for what answers them."""

    def __init__(self, broker: Broker, plan: str, events: Sequence[dict[str, Any]]) -> None:
        self._topic = plan
        self._producer = topics.make_producer(broker.address, linger_ms=0)
        self._persons = {event["userId"]: None for event in events}
        self._views = [event for event in events if event.get("event") == ANSWERED]
        # A log of the generator begins with many who sign up; what follows is the shop's everyday mix.
        self._events: Iterator[dict[str, Any]] = itertools.cycle(events[len(events) // 5 :])
        self._numbers = itertools.count()
        self._awaited: list[str] = []
        self.triggers = Triggers(broker, plan)
        self.triggers.start()

    def greet(self) -> None:
        """Gives all persons an address."""
        for person in self._persons:
            traits = {"email": f"{person}@example.com"}
            self._produce({"type": "identify", "messageId": f"hello-{person}", "userId": person, "traits": traits})
        self._producer.flush()

    def probe(self) -> None:
        """Views of some persons: with their triggers Beckon is up, and through all that was sent before."""
        for person in itertools.islice(self._persons, PROBES):
            self._view({**next(iter(self._views)), "userId": person})
        self._producer.flush()
        self.wait()

    def send(self, rate: int, going: Callable[[float], bool]) -> dict[str, float]:
        """Sends so many events a second while `going` of the seconds until now is true; gives when each view was sent, by messageId."""
        sent: dict[str, float] = {}
        began, number = time.perf_counter(), 0
        while going(past := time.perf_counter() - began):
            for event in itertools.islice(self._events, max(0, int(past * rate) - number)):
                number += 1
                if event.get("event") == ANSWERED:
                    at = time.perf_counter()
                    sent[self._view(event)] = at
                else:
                    self._produce(event | {"messageId": f"traffic-{next(self._numbers)}"})
            self._producer.poll(0)
            time.sleep(TICK_S)
        self._producer.flush()
        return sent

    def wait(self) -> None:
        """Until all views have their triggers; BenchError where they do not come, or come twice."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.triggers.seen) < len(self._awaited):
            if time.monotonic() > deadline:
                raise BenchError(f"{len(self.triggers.seen):,} of {len(self._awaited):,} triggers came; none more for {PATIENCE_S} s")
            time.sleep(0.05)
        if self.triggers.twice:
            raise BenchError(f"{self.triggers.twice} triggers came twice")

    def times_ms(self, sent: dict[str, float], leave_out_s: float) -> list[float]:
        """The times of these views, smallest first, without those that were sent first."""
        self.wait()
        start = min(sent.values()) + leave_out_s
        return sorted((self.triggers.seen[id] - at) * 1000 for id, at in sent.items() if at >= start)

    def close(self) -> None:
        """Ends the reading."""
        self.triggers.over.set()
        self.triggers.join()

    def _view(self, event: dict[str, Any]) -> str:
        id = f"traffic-{next(self._numbers)}"
        self._awaited.append(id)
        self._produce(event | {"messageId": id})
        return id

    def _produce(self, event: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._producer.produce(self._topic, msgspec.json.encode(event | {"timestamp": now, "receivedAt": now}), event["userId"].encode())
