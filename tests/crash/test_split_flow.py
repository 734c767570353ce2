"""The identify stage and two processes of the person stage, joined by a topic, are killed again and again while events come in: for each
person the same comes out as from one quiet lane with both stages, and nothing comes twice.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition

from operators.instants import format_instant
from schemas.output import STREAMS
from tests.crash.outcome import Published, gaps, read_outputs, twice
from tests.crash.process import BECKON, run
from tests.crash.stream import PARTITIONS, Sent, end_of, read_topic, seeded_stream, write_lines, write_plan
from tests.crash.test_kill_loop import PER_KILL, SHARES, Loop, torment
from tests.kafka_broker import Broker


class SplitLoop(Loop):
    """One process that says who is who, and two for the persons."""

    def __init__(self, broker: Broker, plan: Path, folder: Path) -> None:
        super().__init__(broker, plan, folder)
        self.count = 1 + len(SHARES)

    def command(self, number: int) -> list[str | Path]:
        """The first is the identify stage."""
        common: list[str | Path] = ["run", "--plan", self.plan, "--state", self.state(number), "--kafka", self.broker.address]
        if number == 0:
            return [*common, "--stage", "identify"]
        return [*common, "--stage", "person", "--partitions", ",".join(map(str, SHARES[number - 1]))]

    def progress(self, number: int) -> list[TopicPartition]:
        """The identify stage has a topic of its own for it."""
        if number == 0:
            return [TopicPartition(f"{self.plan.name}.identify.progress", 0)]
        return super().progress(number - 1)


def linked_stream(seed: int, events: int, persons: int) -> list[Sent]:
    """What the same persons do as visitors and as customers; some are merged, and some of these parted again."""
    rng = random.Random(seed)
    stream: list[Sent] = []
    for sent in seeded_stream(seed=seed, events=events, persons=persons):
        try:
            record: dict[str, Any] = json.loads(sent.value)
        except ValueError:
            record = {}
        if "messageId" not in record:
            stream.append(sent)
            continue
        person = int(record["userId"][1:])
        luck = rng.random()
        if luck < 0.4:
            record["anonymousId"] = f"a{person}-{rng.randrange(2)}"
            del record["userId"]
        elif luck < 0.6:
            record["anonymousId"] = f"a{person}-{rng.randrange(2)}"
        elif luck < 0.66:
            kind = "alias" if luck < 0.64 else "unmerge"
            record = {key: record[key] for key in ("messageId", "timestamp", "receivedAt")} | {"type": kind}
            record |= {"userId": f"u{person // 2 * 2}", "previousId": f"u{person // 2 * 2 + 1}"}
        stream.append(Sent(sent.key, json.dumps(record).encode()))
    return stream


def transitions(records: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """By person, in their order, without what tells the run."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in sorted(records, key=lambda record: int(record["sequence"])):
        found[record["subject"]].append({key: value for key, value in record.items() if key not in ("source", "sequence")})
    return dict(found)


def rejects(records: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps({key: value for key, value in record["data"].items() if key != "source"}) for record in records)


def quiet(folder: Path, stream: Sequence[Sent], until: str) -> dict[str, list[dict[str, Any]]]:
    """All that one lane with both stages puts out, by stream."""
    plan, lines = write_plan(folder, "quiet"), write_lines(folder / "events.jsonl", stream)
    code, stderr = run([*BECKON, "run", "--plan", plan, "--input", lines, "--output", folder / "out", "--until", until], folder / "log")
    assert code == 0, stderr
    texts = {each: (folder / "out" / f"{each}.jsonl").read_text(encoding="utf-8") for each in STREAMS}
    return {each: [json.loads(line) for line in text.splitlines()] for each, text in texts.items()}


def resolved_of(broker: Broker, plan: str, found: Sequence[Published]) -> list[int]:
    """The sequence numbers of all that the identify stage has put out."""
    reads = [read for each in read_topic(broker, f"{plan}.resolved").values() for read in each]
    records = [json.loads(read.value) for read in reads] + [each.record for each in found if each.stream == "rejects"]
    return sorted(int(record["sequence"]) for record in records)


def test_kills_are_not_seen_in_what_two_stages_put_out(broker: Broker, plan_name: str, tmp_path: Path, kills: int) -> None:
    events = max(2500, kills * PER_KILL)
    stream = linked_stream(seed=31, events=events, persons=events // 18)
    compacted = {"cleanup.policy": "compact"}
    broker.create_topic(f"{plan_name}.events", 1)
    broker.create_topic(f"{plan_name}.identify.progress", 1, compacted)
    broker.create_topic(f"{plan_name}.progress", PARTITIONS, compacted)
    broker.create_topic(f"{plan_name}.profiles", PARTITIONS, compacted)
    for each in (*STREAMS, "resolved"):
        broker.create_topic(f"{plan_name}.{each}", PARTITIONS)
    until = format_instant(end_of(stream))
    torment(SplitLoop(broker, write_plan(tmp_path, plan_name), tmp_path), stream, kills, seed=5, until=until)

    log = [Sent(read.key or "", read.value) for read in read_topic(broker, f"{plan_name}.events")[0]]
    found, expected = read_outputs(broker, plan_name), quiet(tmp_path / "one", log, until)
    own = [each for each in found if each.stream != "rejects"]
    assert [*twice(found), *gaps(own)] == []
    numbers = resolved_of(broker, plan_name, found)
    assert numbers == list(range(1, len(numbers) + 1))
    assert transitions([each.record for each in own if each.stream == "transitions"]) == transitions(expected["transitions"])
    assert rejects([each.record for each in found if each.stream == "rejects"]) == rejects(expected["rejects"])
    # Both stages had something to do.
    assert len({each["subject"] for each in expected["transitions"]}) > len(stream) // 40
