"""`beckon replay` of a topic: what the replay of a file gives, up to the end that the topic had, and not a trace left on the broker."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.command import beckon, environment, events, plan_folder, write_lines
from tests.conftest import new_plan_name
from tests.kafka_broker import Broker

JOB = (sys.executable, "-m", "tests.flows.replay.job")
PARTITIONS = 3

LAST = {"type": "track", "messageId": "last", "userId": "p0", "event": "Product Viewed", "timestamp": "2026-01-02T08:00:00Z"}
"""An event hours after those of all others: their time goes on, too."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plan, an older one, and events."""
    plan_folder(tmp_path / "plan")
    shutil.copytree(tmp_path / "plan", tmp_path / "old")
    rules = (tmp_path / "old" / "segments.yaml").read_text(encoding="utf-8")
    (tmp_path / "old" / "segments.yaml").write_text(rules.replace("1h", "2h"), encoding="utf-8")
    write_lines(tmp_path / "events.jsonl", [*events(12, 30), LAST])
    return tmp_path


@pytest.fixture
def topic(broker: Broker) -> str:
    """A topic with the events."""
    name = broker.create_topic(new_plan_name("replayed"), PARTITIONS)
    produce(broker, name, [*events(12, 30), LAST])
    return name


def produce(broker: Broker, topic: str, records: list[dict[str, Any]]) -> None:
    producer = Producer({"bootstrap.servers": broker.address, "partitioner": "murmur2_random"})
    for record in records:
        producer.produce(topic, json.dumps(record), record["userId"])
    assert producer.flush(60) == 0


def replay(folder: Path, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    """A replay against the older plan, with batches of 20 records and a checkpoint after each."""
    words = [*JOB, "--batch", "20", "--checkpoint", "0", *options, "replay", "--plan", "plan", "--against", "old", *arguments]
    return subprocess.run(words, cwd=folder, env=environment(), capture_output=True, check=False)


def files(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in output.iterdir()}


def unnumbered(content: bytes) -> list[dict[str, Any]]:
    """Records without their numbers, which are those of their lane, in an order of their own."""
    records = [{name: value for name, value in json.loads(line).items() if name != "sequence"} for line in content.splitlines()]
    return sorted(records, key=lambda record: str(record["id"]))


def test_a_topic_gives_what_the_file_gives_and_nothing_is_left_on_the_broker(folder: Path, broker: Broker, topic: str) -> None:
    before = topics(broker), consumer_groups(broker)
    assert replay(folder, "--input", "events.jsonl", "--output", "from-file").returncode == 0
    done = replay(folder, "--kafka", broker.address, "--topic", topic, "--output", "from-topic")
    assert done.returncode == 0, done.stderr.decode()
    file, read = files(folder / "from-file"), files(folder / "from-topic")
    for name in ("report.json", "report.html", "differences.jsonl"):
        assert read[name] == file[name]
    assert unnumbered(read["transitions.jsonl"]) == unnumbered(file["transitions.jsonl"])
    assert unnumbered(read["triggers.jsonl"]) == unnumbered(file["triggers.jsonl"])
    assert (topics(broker), consumer_groups(broker)) == before


def topics(broker: Broker) -> set[str]:
    """All topics but those of Kafka itself."""
    return {name for name in broker.admin.list_topics(timeout=30).topics if not name.startswith("__")}


def consumer_groups(broker: Broker) -> set[str]:
    return {group.group_id for group in broker.admin.list_consumer_groups(request_timeout=30).result().valid}


@pytest.mark.parametrize("step", ["before_write:5", "after_checkpoint:12", "after_checkpoint:22", "reporting:1"])
def test_a_killed_replay_ends_where_the_topic_ended_when_it_was_begun(folder: Path, broker: Broker, topic: str, step: str) -> None:
    arguments = ("--kafka", broker.address, "--topic", topic, "--output")
    assert replay(folder, *arguments, "undisturbed").returncode == 0
    killed = replay(folder, *arguments, "again", "--scratch", "scratch", options=("--die", step))
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    produce(broker, topic, [dict(event, messageId=f"more-{n}") for n, event in enumerate(events(12, 40))])
    done = replay(folder, *arguments, "again", "--scratch", "scratch")
    assert done.returncode == 0, done.stderr.decode()
    assert files(folder / "again") == files(folder / "undisturbed")


def test_a_topic_that_is_not_there_is_one_sentence_and_3(folder: Path, broker: Broker) -> None:
    done = beckon("replay", "--plan", "plan", "--kafka", broker.address, cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert "the topic tiny.events is not there" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_empty_topic_has_an_empty_report(folder: Path, broker: Broker) -> None:
    topic = broker.create_topic(new_plan_name("empty"), PARTITIONS)
    done = beckon("replay", "--plan", "plan", "--kafka", broker.address, "--topic", topic, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["plan"]["numbers"]["records"] == 0
