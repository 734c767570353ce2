"""A changed plan under load: how long until a new 7-day rule is filled for all persons, and how long events wait meanwhile.

The log of 1,000,000 events of 100,000 persons is laid down 20 times, one after the other, up to the present: 20,000,000 kept events. The
20 segments read them. Then the campaign of the latency part joins the plan, 2,000 events a second come in, and each run adds one more rule
over 7 days. The usual times are taken before it, those of the fill from the first trigger after the start with the new plan to the moment
when the metric says that nobody is left. Time to complete counts from the start of the process.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from tests.bench import plans, topics
from tests.bench.generate import BRANDS, DAY_MS, SPAN_MS, START_MS, cached
from tests.bench.measure import BenchError, beckon, run, start
from tests.bench.traffic import Traffic
from tests.kafka_broker import Broker, free_ports

NAME = "bench-fill"
RATE = 2000
ROUNDS = 20
USUAL_S = 30
WARM_UP_S = 5
PATIENCE_S = 900
NEW_RULE = "count('Product Viewed', within='7d', where=brand == '{}') >= 2"
LIVE = 200_000
"""So many of the log's last events are what comes in."""


@dataclass(frozen=True)
class Filling:
    """One fill: seconds from the start of the process, and of an event to its trigger p50 and p99 in ms, usually and meanwhile."""

    complete_s: float
    usual_p50_ms: float
    usual_p99_ms: float
    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        times = f"p50 {self.p50_ms:.0f} ms (usually {self.usual_p50_ms:.0f}), p99 {self.p99_ms:.0f} ms (usually {self.usual_p99_ms:.0f})"
        return f"complete after {self.complete_s:.0f} s; {times}"


def measure(events: int, persons: int, runs: int, folder: Path) -> dict[str, float]:
    """The medians of the runs, and the ratio of the two p99."""
    path, _ = cached(events, persons)
    with Broker(folder / "kafka-fill") as broker:
        topics.create_input(broker, NAME)
        topics.create_outputs(broker, NAME)
        job = Job(broker, folder)
        print(f"fill: laying down {ROUNDS * events:,} events of {persons:,} persons", flush=True)
        _lay_down(broker, path)
        print("fill: reading them, in two processes", flush=True)
        job.read()
        plans.write("latency", NAME, job.plan)
        live = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()[-LIVE:]]
        filled = list(_runs(job, Traffic(broker, NAME, live), runs))
    figures = {name: statistics.median(getattr(each, name) for each in filled) for name in asdict(filled[0])}
    ratio = statistics.median(each.p99_ms / each.usual_p99_ms for each in filled)
    return figures | {"ratio": ratio, "events": ROUNDS * events, "persons": persons}


class Job:
    """Beckon with the plan of this benchmark, as it grows."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.plan = plans.write("twenty", NAME, folder / NAME)
        self._broker, self._state, self._log = broker, folder / "fill-state", folder / "fill.log"
        self._port = free_ports(1)[0]

    def read(self) -> None:
        """Applies what is on the topic, and ends: two processes, as half of the partitions each."""
        shares = [range(each, topics.PARTITIONS, 2) for each in range(2)]
        until = int(time.time() * 1000)
        run([beckon(self.plan, self._broker.address, NAME, self._state, until_ms=until, partitions=share) for share in shares], self._log)

    def change(self, number: int) -> None:
        """Adds a rule to the plan."""
        with (self.plan / "segments.yaml").open("a") as file:
            file.write(f"  new_{number}: {json.dumps(NEW_RULE.format(BRANDS[number % len(BRANDS)]))}\n")

    @contextmanager
    def live(self) -> Iterator[None]:
        """Beckon runs; BenchError with the end of its output where something does not come."""
        command = [*beckon(self.plan, self._broker.address, NAME, self._state), "--metrics-port", str(self._port)]
        with self._log.open("ab") as log:
            process = start(command, log.fileno())
        try:
            yield
        except BenchError as error:
            raise BenchError(f"{error}; beckon's output ends:\n{self._log.read_text(errors='replace')[-3000:]}") from None
        finally:
            _end(process)

    def is_filled(self) -> bool:
        """True when no lane has a person of the old plan."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
            families = text_string_to_metric_families(answer.read().decode())
        left = [sample.value for family in families for sample in family.samples if sample.name == "beckon_to_fill_persons"]
        return len(left) == topics.PARTITIONS and not sum(left)


def _runs(job: Job, traffic: Traffic, runs: int) -> Iterator[Filling]:
    try:
        with job.live():
            traffic.greet()
            traffic.probe()
        for number in range(runs):
            with job.live():
                traffic.probe()
                usual = traffic.times_ms(traffic.send(RATE, lambda past: past < USUAL_S), WARM_UP_S)
            job.change(number)
            began = time.perf_counter()
            with job.live():
                traffic.probe()
                sent = traffic.send(RATE, Unfilled(job))
                complete_s = time.perf_counter() - began
                meanwhile = traffic.times_ms(sent, 0)
            filling = Filling(complete_s, _at(usual, 50), _at(usual, 99), _at(meanwhile, 50), _at(meanwhile, 99))
            print(f"[{number + 1}/{runs}] fill: {filling}, {len(meanwhile):,} triggers", flush=True)
            yield filling
    finally:
        traffic.close()


class Unfilled:
    """True while somebody is left, asked twice a second: a sender goes on with it."""

    def __init__(self, job: Job) -> None:
        self._job, self._next = job, 0.0

    def __call__(self, past: float) -> bool:
        if past > PATIENCE_S:
            raise BenchError(f"the fill was not complete after {PATIENCE_S} s")
        if past < self._next:
            return True
        self._next = past + 0.5
        return not self._job.is_filled()


def _at(times: list[float], percent: int) -> float:
    return times[len(times) * percent // 100]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait()


def _lay_down(broker: Broker, path: Path) -> None:
    """The log again and again, each time later by what it spans, so that it ends at today's midnight."""
    producer = topics.make_producer(broker.address, linger_ms=50)
    today_ms = int(time.time() * 1000) // DAY_MS * DAY_MS
    decode, encode = msgspec.json.decode, msgspec.json.encode
    for number in range(ROUNDS):
        shift = timedelta(milliseconds=today_ms - (ROUNDS - number) * SPAN_MS - START_MS)
        with path.open("rb") as file:
            for count, line in enumerate(file):
                event = decode(line)
                at = datetime.fromisoformat(event["timestamp"]) + shift
                event["timestamp"] = event["receivedAt"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                event["messageId"] = f"{number}-{event['messageId']}"
                while True:
                    try:
                        producer.produce(NAME, encode(event), event["userId"].encode())
                        break
                    except BufferError:
                        producer.poll(0.1)
                if not count % 1000:
                    producer.poll(0)
        print(f"      {number + 1} of {ROUNDS}", flush=True)
    producer.flush()
