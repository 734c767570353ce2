"""Two processes are killed again and again while events come in: nothing is lost, nothing comes twice, and the state is that of a quiet
run.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from flows.plan_folder import open_plan
from operators.instants import format_instant
from tests.bench.topics import make_consumer
from tests.crash.outcome import oracles_of, problems, read_outputs, read_state, state_problems
from tests.crash.process import JOB, Process, patiently, run
from tests.crash.stream import PARTITIONS, Feed, Sent, end_of, read_topic, seeded_stream, write_plan
from tests.kafka_broker import Broker

SHARES = ((0, 1), (2, 3))
"""The partitions of each process."""
PER_KILL = 40
"""At least so many records come in between two kills, on average."""


class Loop:
    """Two live processes of one plan on halves of the partitions, each with a state of its own."""

    def __init__(self, broker: Broker, plan: Path, folder: Path, options: Sequence[str] = ()) -> None:
        self.broker, self.plan, self.folder, self.options = broker, plan, folder, options
        self.count = len(SHARES)
        self.processes: list[Process] = []
        self.feed = Feed(broker, f"{plan.name}.events")
        self._consumer = make_consumer(broker.address)

    def __enter__(self) -> Loop:
        self.processes += [self.start(number) for number in range(self.count)]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
        self._consumer.close()

    def state(self, number: int) -> Path:
        """Where a process keeps its state."""
        return self.folder / f"state-{number}"

    def command(self, number: int) -> list[str | Path]:
        """The command of a process, without its options."""
        partitions = ",".join(map(str, SHARES[number]))
        return ["run", "--plan", self.plan, "--state", self.state(number), "--kafka", self.broker.address, "--partitions", partitions]

    def progress(self, number: int) -> list[TopicPartition]:
        """Where a process tells what of its lanes is out."""
        return [TopicPartition(f"{self.plan.name}.progress", partition) for partition in SHARES[number]]

    def start(self, number: int) -> Process:
        """Starts a process; it goes on where its state stands."""
        return Process([*JOB, *self.options, *self.command(number)], self.folder / f"log-{number}")

    def grown(self, number: int) -> int:
        """How many records and ends of transactions the progress of a process has, those of a transaction under way included."""
        where = self.progress(number)
        while True:
            try:
                return sum(self._consumer.get_watermark_offsets(each, timeout=30)[1] for each in where)
            except KafkaException as problem:
                # A topic that was made just now: this client does not know yet who leads it.
                if problem.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                    raise

    def kill(self, rng: random.Random, records: Iterator[Sent]) -> None:
        """Feeds the records, and kills one of the processes meanwhile: at once, in or after its next transaction, or when it has killed
        itself. Starts it again, and feeds the rest."""
        number, wanted = rng.randrange(self.count), rng.choice((0, 1, 1, 1, 2))
        victim, before = self.processes[number], self.grown(number)
        for _ in patiently():
            grown = self.grown(number) - before
            if not victim.running or (grown >= wanted and "--die" not in self.options):
                break
            self.feed.send(piece(records, rng.randrange(1, PER_KILL)))
        for _ in range(rng.randrange(12)):
            self.grown(number)
        code = victim.kill()
        assert code == -signal.SIGKILL, f"ended with {code}:\n{victim.stderr}"
        self.processes[number] = self.start(number)
        self.feed.send(records)

    def finish(self, until: str) -> None:
        """Kills the processes a last time, and runs each to the end of its input."""
        for number, process in enumerate(self.processes):
            code = process.kill()
            assert code == -signal.SIGKILL, f"ended with {code}:\n{process.stderr}"
            code, stderr = run([*JOB, *without_death(self.options), *self.command(number), "--until", until], self.folder / f"log-{number}")
            assert code == 0, stderr


def piece(records: Iterator[Sent], most: int) -> list[Sent]:
    """The next records, none where there are no more."""
    return [record for record, _ in zip(records, range(most), strict=False)]


def without_death(options: Sequence[str]) -> list[str]:
    """The options of `tests/crash/job.py` without that to die."""
    return [each for place, each in enumerate(options) if "--die" not in (each, *options[max(place - 1, 0) : place])]


def torment(loop: Loop, stream: Sequence[Sent], kills: int, seed: int, until: str) -> None:
    """Feeds the stream in as many parts as there are kills, each with a kill in it, and lets it end."""
    rng = random.Random(seed)
    with loop:
        for kill in range(kills):
            loop.kill(rng, iter(stream[len(stream) * kill // kills : len(stream) * (kill + 1) // kills]))
        loop.finish(until)


def test_kills_at_random_moments_are_not_seen_in_output_and_state(
    broker: Broker, topics: Callable[..., str], plan_name: str, tmp_path: Path, kills: int
) -> None:
    events = max(2500, kills * PER_KILL)
    stream = seeded_stream(seed=23, events=events, persons=events // 18)
    topics(PARTITIONS)
    until_ms = end_of(stream)
    loop = Loop(broker, write_plan(tmp_path, plan_name), tmp_path)
    torment(loop, stream, kills, seed=5, until=format_instant(until_ms))

    plan = open_plan(loop.plan)
    oracles = oracles_of(plan, read_topic(broker, f"{plan_name}.events"), until_ms)
    assert problems(read_outputs(broker, plan_name), oracles) == []
    states = {lane: read_state(loop.state(number), lane) for number, lanes in enumerate(SHARES) for lane in lanes}
    assert state_problems(plan, states, oracles) == []
    assert states == quiet_states(loop, tmp_path / "quiet", format_instant(until_ms))


def quiet_states(loop: Loop, folder: Path, until: str) -> dict[int, object]:
    """The states of one process that read the same input, and that nobody disturbed."""
    plan = write_plan(folder, f"{loop.plan.name}-quiet")
    source = ["--kafka", loop.broker.address, "--topic", f"{loop.plan.name}.events", "--create-topics", "--until", until]
    code, stderr = run([*JOB, "run", "--plan", plan, "--state", folder / "state", *source], folder / "log")
    assert code == 0, stderr
    return {lane: read_state(folder / "state", lane) for lane in range(PARTITIONS)}


def test_without_the_offset_filter_the_same_loop_finds_doubles(
    broker: Broker, topics: Callable[..., str], plan_name: str, tmp_path: Path
) -> None:
    stream = seeded_stream(seed=29, events=600, persons=60)
    topics(PARTITIONS)
    until_ms = end_of(stream)
    # The duplicate check would hide most of what is applied twice. A process that dies between write and publishing leaves records that
    # come again.
    plan = write_plan(tmp_path, plan_name, duplicates="off")
    loop = Loop(broker, plan, tmp_path, ["--no-offset-filter", "--die", "after_write:1"])
    torment(loop, stream, kills=10, seed=5, until=format_instant(until_ms))

    oracles = oracles_of(open_plan(plan), read_topic(broker, f"{plan_name}.events"), until_ms)
    found = problems(read_outputs(broker, plan_name), oracles)
    assert [each for each in found if each.startswith("twice")], found
