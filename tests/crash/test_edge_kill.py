"""The edge is killed again and again under load, and its broker too: what was answered by 200 is in the log, and the job applies it once.

A job follows the log all the while, as in production: each view that it applies gives one trigger with the messageId of the view.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.process import BECKON, Process, patiently
from tests.crash.senders import Sender, answers, senders
from tests.crash.stream import read_topic
from tests.edge import RunningEdge, edge_plan
from tests.kafka_broker import Broker

SENDERS = 4
VIEWED = "title: An answer to each view\non: event Product Viewed\nre_enter: always\nsteps:\n  - send: viewed\n"
BETWEEN = 60
"""At most so many events are answered between two kills."""


def answering_plan(folder: Path, name: str) -> Path:
    """The plan of the edge, with a trigger for each view."""
    plan = edge_plan(folder, name=name)
    for path, text in (("campaigns/viewed.yaml", VIEWED), ("templates/viewed.html", "<p>Good to see you.</p>\n")):
        (plan / path).parent.mkdir()
        (plan / path).write_text(text, encoding="utf-8")
    return plan


def torment(edge: RunningEdge, kills: int) -> list[Sender]:
    """Kills the edge so many times while all send, and starts it again; the senders when the last call of each is taken."""
    rng = random.Random(11)
    with senders(edge, SENDERS) as some:
        for _ in range(kills):
            reach(some, lambda: answers(some), rng.randrange(1, BETWEEN))
            assert edge.running, edge.said
            assert edge.kill() == -signal.SIGKILL
            edge.start()
    return some


def views(some: list[Sender]) -> set[str]:
    """The messageIds of all views that were answered by 200."""
    return {id for each in some for id in each.answered if not id.endswith("-hello")}


def applied(triggers: Iterator[bytes]) -> Counter[str]:
    """How often the job has applied each view."""
    return Counter(json.loads(line)["data"]["context"]["messageId"] for line in triggers)


def expect_once(job: Process, some: list[Sender], log: Iterator[bytes], triggers: Callable[[], Iterator[bytes]]) -> None:
    """All that was answered is in the log; waits until the job has applied it, and looks at how often."""
    # A line that a kill tore is no JSON.
    in_log = {json.loads(line).get("messageId") for line in log if line.endswith(b"}")}
    assert {id for each in some for id in each.answered} - in_log == set(), "answered by 200 and not in the log"
    expected = views(some)
    job.until(lambda: len(applied(triggers())) >= len(expected))
    assert job.stop() == 0, job.stderr
    found = applied(triggers())
    assert expected - found.keys() == set(), "in the log and not applied"
    assert [id for id, times in found.items() if times > 1] == [], "applied twice"
    # Nothing that nobody was told of stays behind: each sender has gone on until it was answered.
    assert found.keys() == expected


def lines_of(file: Path) -> Iterator[bytes]:
    return iter(file.read_bytes().split(b"\n")[:-1] if file.exists() else [])


def test_kills_lose_nothing_of_a_folder(tmp_path: Path, kills: int) -> None:
    plan, out = answering_plan(tmp_path / "plan", "edge"), tmp_path / "out"
    with RunningEdge(plan, tmp_path) as edge:
        follow: list[str | Path] = [*BECKON, "run", "--plan", plan, "--input", edge.log, "--output", out, "--follow"]
        with Process(follow, tmp_path / "job.stderr") as job:
            some = torment(edge, kills)
            expect_once(job, some, iter(edge.lines()), lambda: lines_of(out / "triggers.jsonl"))
        assert edge.stop() == 0, edge.said
    assert sum(each.statuses[0] for each in some) >= kills, "no kill came while something was sent"
    assert "Traceback" not in edge.said, edge.said


def test_kills_lose_nothing_of_a_topic(broker: Broker, topics: Callable[..., str], plan_name: str, tmp_path: Path, kills: int) -> None:
    plan = answering_plan(tmp_path / "plan", topics(2))
    with RunningEdge(plan, tmp_path, brokers=broker.address) as edge:
        command: list[str | Path] = [*BECKON, "run", "--plan", plan, "--kafka", broker.address, "--state", tmp_path / "state"]
        with Process(command, tmp_path / "job.stderr") as job:
            some = torment(edge, kills)
            expect_once(job, some, values(broker, f"{plan_name}.events"), lambda: values(broker, f"{plan_name}.triggers"))
        assert edge.stop() == 0, edge.said
    assert sum(each.statuses[0] for each in some) >= kills, "no kill came while something was sent"
    assert "Traceback" not in edge.said, edge.said


def values(broker: Broker, topic: str) -> Iterator[bytes]:
    """All records of a topic."""
    return (read.value for reads in read_topic(broker, topic).values() for read in reads)


@pytest.mark.kafka
def test_a_broker_that_goes_is_told_to_the_senders_and_comes_back(own_broker: Broker, tmp_path: Path) -> None:
    own_broker.start()
    for stream in ("events", "triggers", "transitions", "decisions", "rejects"):
        own_broker.create_topic(f"edge.{stream}", 2)
    plan = answering_plan(tmp_path / "plan", "edge")
    with RunningEdge(plan, tmp_path, brokers=own_broker.address) as edge:
        with senders(edge, SENDERS) as some:
            for _ in range(2):
                reach(some, lambda: answers(some), BETWEEN)
                own_broker.kill()
                reach(some, lambda: sum(each.statuses[503] for each in some), SENDERS)
                own_broker.start()
                reach(some, lambda: answers(some), BETWEEN)
        assert edge.stop() == 0, edge.said
    statuses = sum((each.statuses for each in some), Counter[int]())
    assert set(statuses) == {200, 503}, statuses
    assert sum(each.without_hint for each in some) == 0
    in_log = {json.loads(value)["messageId"] for value in values(own_broker, "edge.events")}
    assert {id for each in some for id in each.answered} - in_log == set()
    assert "Traceback" not in edge.said, edge.said


def reach(some: list[Sender], count: Callable[[], int], more: int) -> None:
    """Waits until a count has grown by so much."""
    enough = count() + more
    for _ in patiently():
        if count() >= enough:
            return
        assert all(each.is_alive() for each in some)
        # The senders are threads of this process, and need its time.
        time.sleep(0.005)
