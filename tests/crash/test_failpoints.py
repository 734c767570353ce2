"""A process that dies at a step of its commit, whichever it is, loses nothing and says nothing twice: it goes on where it stood."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.plan_folder import open_plan
from operators.instants import format_instant
from tests.conftest import new_plan_name
from tests.crash.outcome import Oracles, oracles_of, problems, read_outputs, read_state, state_problems
from tests.crash.process import JOB, run
from tests.crash.stream import PARTITIONS, Feed, end_of, read_topic, seeded_stream, write_plan
from tests.kafka_broker import Broker

STEPS = {
    "after_poll": (6, 9),
    "mid_batch": (2, 5),
    "before_write": (2, 5),
    "after_write": (2, 5),
    "cleared": (1, 3),
    "compacted": (1, 3),
    "after_begin": (1, 3),
    "after_produce": (1, 3),
    "before_commit": (1, 3),
    "after_commit": (1, 3),
}
"""At which occurrence of its step the process dies in its first run, and in its second.

Each of the four lanes begins with a batch without records, has about ten batches with some, makes at least one transaction in a run, and
at its end rids its files of who was erased.
"""


@dataclass(frozen=True)
class Input:
    """An input topic, and what must come of it."""

    broker: Broker
    topic: str
    until_ms: int
    oracles: Oracles


@pytest.fixture(scope="module")
def events(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Input:
    stream = seeded_stream(seed=11, events=1500, persons=100)
    topic = broker.create_topic(f"{new_plan_name('failpoints')}.events", PARTITIONS)
    Feed(broker, topic).send(stream)
    plan = open_plan(write_plan(tmp_path_factory.mktemp("plan"), "any"))
    until_ms = end_of(stream)
    return Input(broker, topic, until_ms, oracles_of(plan, read_topic(broker, topic), until_ms))


def job(events: Input, plan: Path, state: Path, *options: str) -> Sequence[str | Path]:
    """The command that runs the plan to the end of the input, in many small batches."""
    command: list[str | Path] = [*JOB, "--batch", "40", *options, "run", "--plan", plan, "--state", state]
    until = format_instant(events.until_ms)
    return [*command, "--kafka", events.broker.address, "--topic", events.topic, "--create-topics", "--until", until]


@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_any_step_is_not_seen_in_the_output(events: Input, plan_name: str, tmp_path: Path, step: str) -> None:
    folder, state = write_plan(tmp_path, plan_name), tmp_path / "state"
    for count in STEPS[step]:
        code, stderr = run(job(events, folder, state, "--die", f"{step}:{count}"), tmp_path / "log")
        assert code == -signal.SIGKILL, stderr
    code, stderr = run(job(events, folder, state), tmp_path / "log")
    assert code == 0, stderr
    assert problems(read_outputs(events.broker, plan_name), events.oracles) == []
    states = {lane: read_state(state, lane) for lane in range(PARTITIONS)}
    assert state_problems(open_plan(folder), states, events.oracles) == []
