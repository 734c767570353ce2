"""`beckon run` from Kafka to Kafka, as its users start it: equal to the run over files however it is spread, also through the restart of a
broker; and what it says where it cannot run.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewPartitions

from flows.connectors.kafka_progress import read_progress
from flows.connectors.kafka_settings import KafkaSettings
from flows.lane_step import lane_folder
from operators.instants import format_instant
from operators.lane.rocks import read_position
from schemas.output import STREAMS
from tests.conftest import new_plan_name
from tests.crash.outcome import Published, gaps, read_outputs, twice
from tests.crash.process import BECKON, Process, run
from tests.crash.stream import PARTITIONS, SEGMENTS, Feed, Sent, end_of, read_topic, seeded_stream, write_lines, write_plan
from tests.kafka_broker import Broker, free_ports

Keyed = dict[str, dict[str, list[dict[str, Any]]]]
"""By stream, then by person, the outputs in their order."""


class Outputs(NamedTuple):
    """What came out, as it is to be equal: `rejects` without their place, which is another on each log."""

    keyed: Keyed
    rejects: list[tuple[str, str, str]]


class Input(NamedTuple):
    """The events on a topic, the end of time, and what the run over files makes of them."""

    topic: str
    until: str
    outputs: Outputs


def outputs_of(plan: str, records: Iterable[tuple[str, dict[str, Any]]]) -> Outputs:
    """Of outputs by stream, each person's in their order."""
    keyed: Keyed = {stream: defaultdict(list) for stream in (*STREAMS, "profiles")}
    rejects = []
    for stream, record in records:
        assert record.pop("source") == f"beckon/{plan}"
        del record["sequence"]
        if stream == "rejects":
            data = record["data"]
            rejects.append((data["reason"], data["detail"], data.get("record") or data["record_base64"]))
        else:
            keyed[stream][record["subject"]].append(record)
    return Outputs(keyed, sorted(rejects))


def of_topics(plan: str, found: Sequence[Published]) -> Outputs:
    """Of what a reader of the topics gets, once it is whole and in order."""
    assert [*twice(found), *gaps(found)] == []
    assert all(each.key == each.record.get("subject") for each in found)
    return outputs_of(plan, ((each.stream, each.record) for each in found))


def of_folder(plan: str, folder: Path) -> Outputs:
    """Of a run over files."""
    texts = ((stream, (folder / f"{stream}.jsonl").read_text(encoding="utf-8")) for stream in (*STREAMS, "profiles"))
    return outputs_of(plan, ((stream, json.loads(line)) for stream, text in texts for line in text.splitlines()))


def from_files(folder: Path, stream: Sequence[Sent], until: str) -> Outputs:
    """What the run over a file of these records puts out."""
    plan = write_plan(folder, "from-files")
    lines = write_lines(folder / "events.jsonl", stream)
    code, stderr = run([*BECKON, "run", "--plan", plan, "--input", lines, "--output", folder / "out", "--until", until], folder / "log")
    assert code == 0, stderr
    return of_folder("from-files", folder / "out")


def in_the_middle(stream: Sequence[Sent]) -> str:
    """An instant that some of the records lie after."""
    return format_instant(end_of(stream[: len(stream) * 9 // 10]) - 86_400_000)


@pytest.fixture(scope="module")
def events(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Input:
    stream = seeded_stream(seed=3, events=4000)
    topic = broker.create_topic(f"{new_plan_name('kafka-run')}.events", PARTITIONS)
    Feed(broker, topic).send(stream)
    until = in_the_middle(stream)
    return Input(topic, until, from_files(tmp_path_factory.mktemp("files"), stream, until))


def command(broker: Broker, plan: Path, *options: str | Path) -> list[str | Path]:
    """The command that runs a plan on a broker, its state beside the plan."""
    return [*BECKON, "run", "--plan", plan, "--state", plan.with_name("state"), "--kafka", broker.address, *options]


ONE_PROCESS: list[list[str]] = [[]]
TWO_WORKERS = [["--workers", "2"]]
OWN_PROCESSES = [["--partitions", "0,2"], ["--partitions", "1,3"]]


def cluster() -> list[list[str]]:
    """The options of two processes that find each other."""
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(2))
    return [["--addresses", addresses, "--process-id", str(number)] for number in range(2)]


@pytest.mark.parametrize("spread", ["one_worker", "two_workers", "a_cluster", "own_processes"])
def test_output_on_kafka_equals_that_on_files(
    broker: Broker, events: Input, topics: Callable[..., str], plan_name: str, tmp_path: Path, spread: str
) -> None:
    options = {"one_worker": ONE_PROCESS, "two_workers": TWO_WORKERS, "a_cluster": cluster(), "own_processes": OWN_PROCESSES}[spread]
    topics(PARTITIONS)
    plan = write_plan(tmp_path, plan_name)
    words = command(broker, plan, "--topic", events.topic, "--until", events.until)
    with ExitStack() as around:
        started = [around.enter_context(Process([*words, *more], tmp_path / f"log-{number}")) for number, more in enumerate(options)]
        for process in started:
            assert process.wait() == 0, process.stderr
    found = of_topics(plan_name, read_outputs(broker, plan_name))
    assert found == events.outputs
    assert len(found.keyed["transitions"]) > 100
    assert found.keyed["triggers"]
    assert found.keyed["decisions"]
    assert len(found.rejects) > 30


def test_a_reject_says_why_and_where_from(broker: Broker, events: Input, plan_name: str, tmp_path: Path) -> None:
    plan = write_plan(tmp_path, plan_name)
    code, stderr = run(command(broker, plan, "--topic", events.topic, "--until", events.until, "--create-topics"), tmp_path / "log")
    assert code == 0, stderr
    log = read_topic(broker, events.topic)
    rejects = [json.loads(read.value) for reads in read_topic(broker, f"{plan_name}.rejects").values() for read in reads]
    assert {each["data"]["reason"] for each in rejects} == {"not_json", "no_id", "unknown_type", "no_name", "wrong_type", "bad_time"}
    for each in rejects:
        source = each["data"]["source"]
        read = log[source["partition"]][source["offset"]]
        assert (read.offset, read.key[:7] if read.key else "") == (source["offset"], "poison-")
        assert each["data"].get("record", "").encode() in (read.value, b"")


@pytest.mark.kafka
def test_a_run_waits_for_a_broker_that_goes_away_and_goes_on(own_broker: Broker, plan_name: str, tmp_path: Path) -> None:
    stream = seeded_stream(seed=7, events=2000)
    plan, until = write_plan(tmp_path, plan_name), format_instant(end_of(stream))
    own_broker.start()
    feed = Feed(own_broker, own_broker.create_topic(f"{plan_name}.events", PARTITIONS))
    for name, config in [
        *((stream, {}) for stream in STREAMS),
        *((name, {"cleanup.policy": "compact"}) for name in ("progress", "profiles")),
    ]:
        own_broker.create_topic(f"{plan_name}.{name}", PARTITIONS, config)
    with Process(command(own_broker, plan), tmp_path / "log") as process:
        feed.send(stream[:1000])
        process.until(lambda: max(published(own_broker, plan_name)) >= 0)
        own_broker.kill()
        process.until(lambda: "waiting for it" in process.stderr)
        own_broker.start()
        feed.send(stream[1000:])
        log = read_topic(own_broker, f"{plan_name}.events")
        process.until(lambda: published(own_broker, plan_name) == [log[lane][-1].offset for lane in range(PARTITIONS)])
        assert process.stop() == 0, process.stderr
    code, stderr = run(command(own_broker, plan, "--until", until), tmp_path / "log")
    assert code == 0, stderr
    found = of_topics(plan_name, read_outputs(own_broker, plan_name))
    assert found == from_files(tmp_path / "files", stream, until)


def published(broker: Broker, plan: str) -> list[int]:
    """The offset that each lane's published output has reached, -1 before the first."""
    return [read_progress(KafkaSettings(brokers=broker.address), plan, lane).offset for lane in range(PARTITIONS)]


class Ran:
    """A plan whose first run is over, and of whose input there is a second half yet to come."""

    def __init__(self, broker: Broker, plan: Path) -> None:
        self.broker, self.plan, self.state = broker, plan, plan.with_name("state")
        stream = seeded_stream(seed=9, events=400, persons=40)
        self.feed = Feed(broker, f"{plan.name}.events")
        self.first, self.second = stream[:200], stream[200:]
        self.until = format_instant(end_of(stream))
        self.feed.send(self.first)
        self.run_to_the_end()

    def command(self, *options: str | Path) -> list[str | Path]:
        """The command of the first run, with further options."""
        return command(self.broker, self.plan, "--until", self.until, *options)

    def run_to_the_end(self) -> None:
        """A run that has nothing in its way."""
        code, stderr = run(self.command(), self.plan.with_name("log"))
        assert code == 0, stderr

    def standing(self) -> tuple[list[int], list[str]]:
        """What is applied, and the ids of what is published."""
        applied = [read_position(lane_folder(self.state, lane))[0] for lane in range(PARTITIONS)]
        return applied, sorted(each.record["id"] for each in read_outputs(self.broker, self.plan.name))

    def refusal(self) -> str:
        """The sentence with which another run is refused; it has applied and published nothing."""
        before = self.standing()
        sentence = refusal(self.command(), self.plan.with_name("log"))
        assert self.standing() == before
        return sentence


def refusal(words: Sequence[str | Path], log: Path) -> str:
    """The one sentence with which a command ends, and exit code 3."""
    code, stderr = run(words, log)
    return the_sentence(code, stderr)


def the_sentence(code: int, stderr: str) -> str:
    """The one line that is no log line, of a command that found a component unavailable."""
    lines = [line for line in stderr.splitlines() if not line.startswith("{")]
    assert (code, len(lines)) == (3, 1), f"ended with {code}:\n{stderr}"
    assert "Traceback" not in stderr
    assert ". " not in lines[0]
    return lines[0]


@pytest.fixture
def ran(broker: Broker, topics: Callable[..., str], plan_name: str, tmp_path: Path) -> Ran:
    topics(PARTITIONS)
    return Ran(broker, write_plan(tmp_path, plan_name))


def test_topics_that_are_missing(broker: Broker, plan_name: str, tmp_path: Path) -> None:
    sentence = refusal(command(broker, write_plan(tmp_path, plan_name), "--until", "2036-01-01"), tmp_path / "log")
    assert f"{plan_name}.events" in sentence
    assert "are not there: make them, or run with --create-topics" in sentence
    assert not (tmp_path / "state").exists()


def test_an_input_topic_that_is_missing(ran: Ran) -> None:
    sentence = refusal(ran.command("--topic", "no-such-topic"), ran.plan.with_name("log"))
    assert "the topic no-such-topic is not there: make it, or run with --create-topics" in sentence


def test_another_number_of_partitions(ran: Ran) -> None:
    for name in ("events", "progress"):
        grown = NewPartitions(f"{ran.plan.name}.{name}", PARTITIONS + 1)
        ran.broker.admin.create_partitions([grown])[f"{ran.plan.name}.{name}"].result()
    assert f"the topic {ran.plan.name}.events has 5 partitions now and had 4 when the state was begun" in ran.refusal()


def test_records_that_are_no_longer_in_the_log(ran: Ran) -> None:
    ran.feed.send(ran.second)
    everything = [TopicPartition(f"{ran.plan.name}.events", partition, -1) for partition in range(PARTITIONS)]
    for deleted in ran.broker.admin.delete_records(everything).values():
        deleted.result()
    assert "are no longer in topic" in ran.refusal()


def test_an_older_copy_of_the_state(ran: Ran, tmp_path: Path) -> None:
    shutil.copytree(ran.state, tmp_path / "older")
    ran.feed.send(ran.second)
    ran.run_to_the_end()
    ran.state.rename(tmp_path / "newest")
    (tmp_path / "older").rename(ran.state)
    assert "the state went backwards" in ran.refusal()
    shutil.rmtree(ran.state)
    (tmp_path / "newest").rename(ran.state)
    before = ran.standing()
    ran.run_to_the_end()
    assert ran.standing() == before


def test_a_state_that_was_deleted(ran: Ran) -> None:
    shutil.rmtree(ran.state)
    assert "the state went backwards" in ran.refusal()


def test_a_changed_plan_goes_on_over_the_same_topics(ran: Ran, tmp_path: Path) -> None:
    ran.feed.send(ran.second[:100])
    write_plan(ran.plan.parent, ran.plan.name, {**SEGMENTS, "busy": "count('Product Viewed') >= 3"})
    with Process(command(ran.broker, ran.plan), tmp_path / "live") as live:
        live.until(lambda: sum(published(ran.broker, ran.plan.name)) == 300 - PARTITIONS)
        assert live.stop() == 0, live.stderr


def test_a_state_that_is_in_use(ran: Ran, tmp_path: Path) -> None:
    with Process(command(ran.broker, ran.plan), tmp_path / "live") as live:
        ran.feed.send(ran.second[:100])
        live.until(lambda: sum(published(ran.broker, ran.plan.name)) == 300 - PARTITIONS)
        assert "is in use by another process" in ran.refusal()
        ran.feed.send(ran.second[100:])
        live.until(lambda: sum(published(ran.broker, ran.plan.name)) == 400 - PARTITIONS)
        assert live.stop() == 0, live.stderr


def test_a_broker_that_is_away(away: Process) -> None:
    code = away.wait()
    assert "no Kafka broker answers at 127.0.0.1:" in the_sentence(code, away.stderr)


@pytest.fixture(scope="module", autouse=True)
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A run at an address where no broker is. It begins before all other tests, as it waits for long before it gives up."""
    folder = tmp_path_factory.mktemp("away")
    words = [*BECKON, "run", "--plan", str(write_plan(folder, "away")), "--state", str(folder / "state")]
    words += ["--kafka", f"127.0.0.1:{free_ports(1)[0]}"]
    with Process(words, folder / "log") as process:
        yield process
