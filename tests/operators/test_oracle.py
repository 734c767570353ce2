"""The engine against the oracle, on generated plans and streams, and against itself: batches, re-openings and crashes change nothing.

How many examples: the profiles of `tests/conftest.py` (`--hypothesis-profile=long` for 20,000).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.language import nodes as n
from operators.language.calls import CALLS
from operators.plan.checked import Plan
from schemas.counts import Counts
from tests.harness import STEPS, Crash, Run, by_person, make_plan, parsed, run_engine, written
from tests.oracle import NODES, Oracle, Outcome, parts
from tests.strategies import BASE_MS, Scenario, batch_sizes, scenarios, segments, stamp


def plan_of(scenario: Scenario) -> Plan:
    """The plan; no drawn one is refused, since its rules were drawn until the check let them pass."""
    return make_plan(scenario.segments, scenario.campaigns, **scenario.settings)


def engine_of(scenario: Scenario, **how: Any) -> Run:
    return run_engine(plan_of(scenario), scenario.lines, until_ms=scenario.until_ms, log_ms=scenario.log_ms, **how)


def oracle_of(scenario: Scenario) -> Outcome:
    plan = plan_of(scenario)
    assert [segment.id for segment in plan.segments] == in_order(plan)
    return Oracle(plan, scenario.until_ms).run(scenario.lines, scenario.log_ms)


def in_order(plan: Plan) -> list[str]:
    """The segments in the order of their evaluation: by how deep their references go, then by id."""
    calls = {segment.id: [node for node in parts(segment.when) if isinstance(node, n.Call)] for segment in plan.segments}

    def depth(id_: str) -> int:
        return max((depth(call["id"]) + 1 for call in calls[id_] if call["id"] is not None), default=0)

    return sorted(calls, key=lambda id_: (depth(id_), id_))


def same(scenario: Scenario, expected: Outcome, got: Run) -> None:
    """Asserts that the engine did what the oracle says, person by person, in words that can be followed by hand."""
    for name in ("transitions", "sendings"):
        right, found = by_person(getattr(expected, name)), by_person(getattr(got, name))
        for person in right.keys() | found.keys():
            told = "\n  ".join(["", *written(right.get(person, []), BASE_MS)])
            seen = "\n  ".join(["", *written(found.get(person, []), BASE_MS)])
            assert right.get(person, []) == found.get(person, []), f"{name} of {person}\noracle:{told}\nengine:{seen}\n{scenario}"
    assert expected.rejects == got.rejects, scenario
    assert expected.counts == got.counts, scenario


@contextmanager
def place(durable: bool) -> Iterator[Path | None]:
    """A folder for RocksDB, or None for a state in memory; Hypothesis calls a test many times, so `tmp_path` does not do."""
    folder = Path(tempfile.mkdtemp()) if durable else None
    try:
        yield folder
    finally:
        if folder is not None:
            shutil.rmtree(folder)


in_rocksdb = st.integers(0, 19).map(lambda number: number == 19)
interruptions = st.fixed_dictionaries(
    {
        "reopen": st.sets(st.integers(0, 8), max_size=3),
        "rewind": st.integers(0, 5),
        "behind": st.integers(0, 2),
    }
)
crashes = st.builds(Crash, st.integers(0, 6), st.sampled_from(STEPS))


@given(scenarios(), batch_sizes(), interruptions, in_rocksdb)
def test_transitions_are_those_of_the_oracle(scenario: Scenario, batches: list[int], interruption: dict[str, Any], durable: bool) -> None:
    with place(durable) as folder:
        same(scenario, oracle_of(scenario), engine_of(scenario, batches=batches, directory=folder, **interruption))


@given(scenarios(sending=True), batch_sizes(), interruptions, in_rocksdb)
def test_triggers_and_decisions_are_those_of_the_oracle(
    scenario: Scenario, batches: list[int], interruption: dict[str, Any], durable: bool
) -> None:
    with place(durable) as folder:
        same(scenario, oracle_of(scenario), engine_of(scenario, batches=batches, directory=folder, **interruption))


@given(scenarios(sending=True), batch_sizes(), interruptions, crashes, in_rocksdb)
def test_output_is_the_same_to_the_byte_whatever_the_batches_and_crashes(
    scenario: Scenario, batches: list[int], interruption: dict[str, Any], crash: Crash, durable: bool
) -> None:
    whole = engine_of(scenario)
    with place(durable) as folder:
        broken = engine_of(scenario, batches=batches, directory=folder, crash=crash, **interruption)
    assert whole.published == broken.published, f"{scenario}\nbatches {batches}, {interruption}, {crash}"


@given(scenarios(), st.lists(st.tuples(st.integers(0, 40), st.integers(-4, 80)), min_size=1, max_size=4), st.integers(0, 4).map(bool))
def test_an_idle_input_lets_the_watermark_follow_the_clock(scenario: Scenario, ticks: list[tuple[int, int]], clock_ahead: bool) -> None:
    plan = plan_of(scenario)
    oracle, lane, output, counts = Oracle(plan), *opened(plan), Counts()
    walls = {at: BASE_MS + 500 * offset for at, offset in ticks}
    for offset, line in enumerate([*scenario.lines, None]):
        if offset in walls or line is None:
            wall = walls.get(offset, BASE_MS + 60_000)
            oracle.latest = max(oracle.latest, wall)
            oracle.settle(oracle.latest - plan.lateness_ms)
            lane.apply(Batch(0, 0, [], wall_ms=wall, idle=True))
        if line is not None:
            wall = BASE_MS + 10**9 if clock_ahead else BASE_MS - 290_000
            oracle.record(line, offset, scenario.log_ms, wall)
            lane.apply(Batch(0, 0, [(offset, scenario.log_ms, line)] if line.strip() else [], wall_ms=wall))
    lane.close()
    got = parsed(output, counts)
    told = f"{scenario}\nidle before {dict(sorted(walls.items()))}"
    assert by_person(oracle.outcome.transitions) == by_person(got.transitions), told


def opened(plan: Plan) -> tuple[Lane, MemoryOutput]:
    output = MemoryOutput()
    return Lane(plan, MemoryStore(), MemoryPublisher(output)), output


def track(event: str, offset_ms: int, person: str = "u1", **fields: Any) -> bytes:
    return json.dumps({"type": "track", "event": event, "userId": person, "timestamp": stamp(offset_ms), **fields}).encode()


FOUND = {
    "after an event that never was keeps nothing": Scenario({"a": "did('B', after='A')"}, [track("B", 0)]),
    "a star is any event with a name": Scenario({"a": "since('*') < '1s' and did('Page *')"}, [track("A", 0), track("Page Seen", 500)]),
    "a window of an evaluation behind a boundary that changed nothing": Scenario(
        {"a": "0 < count('A', within='10s') <= 2"},
        [track("A", 0), track("A", 3500), track("B", 12_500, "u2"), track("A", 8000)],
        settings={"lateness": "1s"},
    ),
    "a repeated messageId far behind the watermark": Scenario(
        {"a": "count('A') >= 2"},
        [track("A", 0, messageId="m"), track("B", 300_000), track("A", 4500, messageId="m")],
        settings={"duplicates": "5s", "history": "10s"},
    ),
    "an end of time that records lie behind, met again": Scenario(
        {"a": "did('A', within='1s')"}, [track("A", 0), track("A", 9000)], BASE_MS + 1000
    ),
}
"""Small examples of what generated ones have found."""


@pytest.mark.parametrize("reopen", [(), range(1, 9)], ids=["", "reopened"])
@pytest.mark.parametrize("batches", [1, 1000])
@pytest.mark.parametrize("scenario", FOUND.values(), ids=FOUND)
def test_found_examples_stay_as_the_oracle_says(scenario: Scenario, batches: int, reopen: Sequence[int]) -> None:
    same(scenario, oracle_of(scenario), engine_of(scenario, batches=batches, reopen=reopen))


def test_the_generated_rules_use_every_call_operator_and_kind_of_node() -> None:
    """Fails where the language grows and the generated plans do not."""
    used: set[Any] = set()

    @settings(max_examples=300, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(segments())
    def collect(rules: dict[str, str]) -> None:
        for node in [node for segment in make_plan(rules).segments for node in parts(segment.when)]:
            used.update([type(node), getattr(node, "op", None), getattr(node, "name", None)])
            used.update([(node.name, name) for name, _ in node.arguments] if isinstance(node, n.Call) else [])

    collect()
    parameters = {(name, parameter.name) for name, row in CALLS.items() for parameter in row.parameters}
    operators = {*get_args(n.CompareOp), *get_args(n.ArithOp), *get_args(n.MethodName), *CALLS}
    assert (parameters | operators | set(NODES)) - used == set()
