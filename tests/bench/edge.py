"""The HTTP edge into Kafka: the edge alone on one core, broker and load on the other.

Batches of 100 and single events as fast as they are answered; the time of a batch at half the rate that is asked for and at half the rate
that was reached; memory over all events of a run. Beside it, in the same rounds, what the parts cost that it is made of (edge_floor.py):
a bare server, and a bare producer. `by_floor` is the edge's CPU time for an event by that of the two together. All events that were
answered must be on the topic.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from confluent_kafka import TopicPartition

from tests.bench import topics
from tests.bench.edge_load import closed, paced
from tests.bench.generate import cached
from tests.bench.measure import ROOT, BenchError, memory_kb
from tests.edge import BACKEND, RunningEdge, basic, edge_plan
from tests.kafka_broker import Broker

BATCH = 100
ASKED, SINGLE_ASKED = 5_000, 1_500
"""Events a second that are asked for: in batches, and one by one."""
CONNECTIONS, SINGLE_CONNECTIONS, PACED_CONNECTIONS = 8, 32, 64
PACED_S = 20.0
EDGE_CORE, OTHER_CORES = "0", {1}
CYCLE = 200
"""So many different batches are sent by turns."""


def measure(events: int, runs: int, folder: Path) -> dict[str, float]:
    """Medians of the rounds: rates in events a second, times in ms, memory in MB."""
    print(f"edge: {events:,} events in batches of {BATCH}, {runs} rounds", flush=True)
    path, _ = cached(100_000, 10_000)
    batches, singles = requests(path)
    with only_on(OTHER_CORES), Broker(folder / "kafka-edge") as broker:
        rounds = [
            Round(broker, path, folder / f"edge-{number}", f"bench-edge-{number}", events).run(batches, singles) for number in range(runs)
        ]
    figures = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    print("      edge: " + ", ".join(f"{name} {value:,.1f}" for name, value in figures.items()), flush=True)
    return figures


def requests(path: Path) -> tuple[list[bytes], list[bytes]]:
    """Batches and single calls, as bytes that go out."""
    records = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()[-CYCLE * BATCH :]]
    batches = [post("/v1/batch", {"batch": records[at : at + BATCH]}) for at in range(0, len(records), BATCH)]
    return batches, [post(f"/v1/{record['type']}", record) for record in records[:2000]]


def post(path: str, value: object) -> bytes:
    """The request."""
    body = json.dumps(value).encode()
    head = {"Host": "edge", "Content-Type": "application/json", "Content-Length": str(len(body)), **basic(BACKEND)}
    return "\r\n".join([f"POST {path} HTTP/1.1", *(f"{name}: {text}" for name, text in head.items()), "", ""]).encode() + body


@contextlib.contextmanager
def only_on(cores: set[int]) -> Iterator[None]:
    """This process, and those that it starts, run on these cores; everywhere where the machine has no two."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores & before or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Round:
    """One round on a topic of its own."""

    def __init__(self, broker: Broker, path: Path, folder: Path, name: str, events: int) -> None:
        self.broker, self.path, self.folder, self.name, self.events = broker, path, folder, name, events
        folder.mkdir(parents=True)

    def run(self, batches: Sequence[bytes], singles: Sequence[bytes]) -> dict[str, float]:
        """The figures of this round; BenchError where events are missing on the topic."""
        server_us, server_single_us = self._server(batches, singles)
        producer_us = self._producer()
        told = self._edge(batches, singles) | {"server_us": server_us, "server_single_us": server_single_us, "producer_us": producer_us}
        told["by_floor"] = told["cpu_us"] / (server_us + producer_us)
        told["single_by_floor"] = told["single_us"] / (server_single_us + producer_us)
        return told

    def _server(self, batches: Sequence[bytes], singles: Sequence[bytes]) -> tuple[float, float]:
        with self._floor("serve") as process:
            assert process.stdout is not None
            port = next(int(found[1]) for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:(\d+)", line)))
            some = Costs(process.pid, port)
            figures = some.of(batches, self.events // 5, BATCH, CONNECTIONS), some.of(singles, self.events // 20, 1, SINGLE_CONNECTIONS)
            process.terminate()
        return figures[0][1], figures[1][1]

    def _producer(self) -> float:
        topic = topics.create_input(self.broker, f"{self.name}-floor")
        with self._floor("produce", self.broker.address, topic, str(self.path), str(self.events // 5)) as process:
            assert process.stdout is not None
            return float(process.stdout.read())

    def _floor(self, *arguments: str) -> subprocess.Popen[str]:
        command = ["taskset", "-c", EDGE_CORE, sys.executable, "-m", "tests.bench.edge_floor", *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def _edge(self, batches: Sequence[bytes], singles: Sequence[bytes]) -> dict[str, float]:
        topics.create_input(self.broker, f"{self.name}.events")
        edge = RunningEdge(edge_plan(self.folder / "plan", name=self.name), self.folder, brokers=self.broker.address)
        edge.start("taskset", "-c", EDGE_CORE)
        with contextlib.ExitStack() as stack:
            stack.callback(edge.kill)
            some, tenth = Costs(edge.pid, edge.port), self.events // 10
            some.of(batches, tenth, BATCH, CONNECTIONS)
            warm = memory_kb(edge.pid)[0]
            rate, cpu_us = some.of(batches, 9 * tenth, BATCH, CONNECTIONS)
            last = memory_kb(edge.pid)[0]
            single, single_us = some.of(singles, self.events // 20, 1, SINGLE_CONNECTIONS)
            paces = [paced(edge.port, batches, each / 2 / BATCH, PACED_S, PACED_CONNECTIONS) for each in (ASKED, rate)]
            self._all_there(some.sent + sum(map(len, paces)) * BATCH)
        at_asked, at_half = ((times[len(times) // 2], times[len(times) * 99 // 100]) for times in paces)
        return {
            "rate": rate, "cpu_us": cpu_us, "singles": single, "single_us": single_us, "p50_ms": at_asked[0], "p99_ms": at_asked[1],
            "half_p50_ms": at_half[0], "half_p99_ms": at_half[1], "warm_mb": warm / 1024, "last_mb": last / 1024, "growth": last / warm,
        }  # fmt: skip

    def _all_there(self, sent: int) -> None:
        consumer = topics.make_consumer(self.broker.address)
        places = [TopicPartition(f"{self.name}.events", partition) for partition in range(topics.PARTITIONS)]
        there = sum(consumer.get_watermark_offsets(place, timeout=60)[1] for place in places)
        consumer.close()
        if there != sent:
            raise BenchError(f"{sent:,} events were answered, and {there:,} are on the topic")


class Costs:
    """What requests cost a server, and how many events it was `sent`."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid, self.port, self.sent = pid, port, 0

    def of(self, requests: Sequence[bytes], events: int, each: int, connections: int) -> tuple[float, float]:
        """Events a second and CPU microseconds an event; a request has `each` of them."""
        count, used_s = max(1, events // each), cpu(self.pid)
        took_s = closed(self.port, requests, count, connections)
        self.sent += count * each
        return count * each / took_s, (cpu(self.pid) - used_s) / (count * each) * 1e6


def cpu(pid: int) -> float:
    """The seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
