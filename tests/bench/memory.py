"""Resident memory with many persons against few, and how long a start takes after `kill -9`.

Beckon with 20 segments and everything on reads the same number of events of 100,000 persons and of ten times as many (at least one event
each, the others by Zipf's law), a bounded run each. Then it reads those of the many live, to the end, is killed, and is started again
while 1,000 new events wait: the time from the start of the process to the first commit with one of these counts. The state is in the page
cache of the machine, as after a crash of a process, not of the machine. Beside the job that has come up again, persons are explained: the
answer alone, in a process that has the plan, and the whole command.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import TopicPartition

from flows.explain import explain_person
from flows.plan_folder import open_plan
from operators.lane.rocks import read_position
from tests.bench import plans, topics
from tests.bench.compare import SEGMENT
from tests.bench.generate import Shape, cached
from tests.bench.measure import ROOT, BenchError, Command, beckon, memory_kb, start
from tests.kafka_broker import Broker

NEW = 1000
"""Events that wait for the start after the kill."""
EXPLAINED = 100


@dataclass
class Input:
    """Events of so many persons, in a file and on a topic that bears the plan's name."""

    path: Path
    shape: Shape
    name: str


def measure(events: int, persons: int, folder: Path) -> dict[str, float]:
    """Peaks and last values in MB, the ratio of the peaks, and the seconds to the first commit; with 10 times `persons` for the many."""
    many = 10 * persons
    events = max(events, many + many // 2)
    with Broker(folder / "kafka-memory") as broker:
        few_peak, few_last = _bounded(broker, _input(broker, events, persons, "bench-few"), folder)
        full = _input(broker, events, many, "bench-many")
        many_peak, many_last = _bounded(broker, full, folder)
        restart_s, explained = _restart(broker, full, folder)
    print(f"      memory: {persons:,} persons {few_peak:,.0f} MB at the peak, {few_last:,.0f} MB at the end; ", end="")
    print(
        f"{many:,} persons {many_peak:,.0f} MB and {many_last:,.0f} MB; first commit {restart_s:.1f} s after the start that follows a kill",
        flush=True,
    )
    print("      explain: " + ", ".join(f"{name} {value:.0f}" for name, value in explained.items()), flush=True)
    return {
        "persons": persons,
        "peak_mb": few_peak,
        "last_mb": few_last,
        "tenfold_peak_mb": many_peak,
        "tenfold_last_mb": many_last,
        "ratio": many_peak / few_peak,
        "last_ratio": many_last / few_last,
        "restart_s": restart_s,
    } | explained


def _input(broker: Broker, events: int, persons: int, name: str) -> Input:
    print(f"memory: loading {events:,} events of {persons:,} persons", flush=True)
    path, shape = cached(events, persons)
    topics.create_input(broker, name)
    topics.load(broker, name, path)
    return Input(path, shape, name)


def _bounded(broker: Broker, given: Input, folder: Path) -> tuple[float, float]:
    """The peak and the last resident memory of a run, in MB."""
    topics.create_outputs(broker, given.name)
    print(f"memory: running over {given.shape.persons:,} persons", flush=True)
    plan = plans.write("twenty", given.name, folder / given.name / "plan")
    command = beckon(plan, broker.address, given.name, folder / given.name / "state", until_ms=given.shape.last_ms)
    with (folder / given.name / "log").open("wb") as log:
        process = start(command, log.fileno())
        last = peak = 0
        while process.poll() is None:
            now, most = memory_kb(process.pid)
            # Once it ends a process gives its memory back: what it held is what it held while it worked.
            last, peak = now or last, max(peak, most)
            time.sleep(0.05)
    _ended(process, folder / given.name / "log")
    return peak / 1024, last / 1024


def _restart(broker: Broker, given: Input, folder: Path) -> tuple[float, dict[str, float]]:
    name, state = f"{given.name}-restart", folder / f"{given.name}-restart" / "state"
    topics.create_outputs(broker, name)
    topics.create_input(broker, name)
    before = given.shape.events - NEW
    topics.load(broker, name, given.path, end=before)
    command = beckon(plans.write("twenty", name, state.parent / "plan"), broker.address, name, state)
    progress = Progress(broker, name)
    print("memory: running live, to be killed at the end of the log", flush=True)
    with (state.parent / "log").open("wb") as log:
        first = start(command, log.fileno())
        while sum(progress.offsets.values()) + len(progress.offsets) < before:
            progress.poll()
            if first.poll() is not None:
                _ended(first, state.parent / "log")
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        applied = {partition: read_position(state / f"lane-{partition}")[0] for partition in range(topics.PARTITIONS)}
        topics.load(broker, name, given.path, first=before)
        print("memory: starting again", flush=True)
        began = time.perf_counter()
        second = start(command, log.fileno())
        while all(progress.offsets[partition] <= offset for partition, offset in applied.items()):
            progress.poll()
            if second.poll() is not None:
                _ended(second, state.parent / "log")
        took_s = time.perf_counter() - began
        explained = _explain(state, given.shape.persons)
        second.terminate()
        second.wait()
    _ended(second, state.parent / "log")
    progress.close()
    return took_s, explained


def _explain(state: Path, persons: int) -> dict[str, float]:
    """How long it takes to explain a person, in ms: the answer alone, p50 and p99 of 100, and the median of 5 whole commands."""
    folder = state.parent / "plan"
    plan = open_plan(folder)
    alone: list[float] = []
    for number in range(EXPLAINED):
        began = time.perf_counter()
        explain_person(state, f"u{number * persons // EXPLAINED:07d}", plan, SEGMENT)
        alone.append((time.perf_counter() - began) * 1000)
    whole: list[float] = []
    for number in range(5):
        person = f"u{number * persons // 5:07d}"
        command: Command = [sys.executable, "-m", "flows.cli", "explain", person, SEGMENT, "--plan", folder, "--state", state]
        began = time.perf_counter()
        subprocess.run(list(command), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        whole.append((time.perf_counter() - began) * 1000)
    alone.sort()
    p50, p99 = alone[len(alone) // 2], alone[len(alone) * 99 // 100]
    return {"explain_p50_ms": p50, "explain_p99_ms": p99, "explain_command_ms": statistics.median(whole)}


def _ended(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.returncode:
        raise BenchError(f"beckon ended with {process.returncode}; its output ends:\n{log.read_text(errors='replace')[-3000:]}")


class Progress:
    """The offsets that are committed with their output, by partition, as the plan's progress topic tells them."""

    def __init__(self, broker: Broker, plan: str) -> None:
        self.offsets: dict[int, int] = {}
        self._consumer: Any = topics.make_consumer(broker.address)
        self._consumer.assign([TopicPartition(f"{plan}.progress", partition, 0) for partition in range(topics.PARTITIONS)])

    def poll(self) -> None:
        """Takes in what was committed; waits up to 50 ms for the first of it."""
        for message in self._consumer.consume(100, 0.05):
            if message.error() is None:
                self.offsets[message.partition()] = msgspec.json.decode(message.value())["offset"]

    def close(self) -> None:
        """Lets the consumer go."""
        self._consumer.close()
