"""The engine against the oracle, on generated plans and streams, and against itself: batches, re-openings and crashes change nothing.

How many examples: the profiles of `tests/conftest.py` (`--hypothesis-profile=long` for 20,000).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from hypothesis import Phase, given, settings

from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.language import nodes as n
from operators.language.calls import CALLS
from operators.plan.checked import Plan
from schemas.counts import Counts
from tests.compared import Way, agree, difference, engine_of, oracle_of, plan_of, way
from tests.dice import Dice, drawn
from tests.drawn_rules import rules
from tests.harness import STEPS, Crash, Run, make_plan, parsed
from tests.oracle import Oracle, Outcome
from tests.oracle_calls import NODES, parts
from tests.strategies import BASE_MS, Scenario, scenario, stamp

# A failing number is not shrunk: the scenario is made smaller instead.
unshrunk = settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))


@unshrunk
@given(drawn(lambda dice: (scenario(dice), way(dice))))
def test_transitions_are_those_of_the_oracle(example: tuple[Scenario, Way]) -> None:
    agree(example[0], lambda each: difference(oracle_of(each).outcome, example[1].run(each)))


@unshrunk
@given(drawn(lambda dice: (scenario(dice, sending=True), way(dice))))
def test_triggers_and_decisions_are_those_of_the_oracle(example: tuple[Scenario, Way]) -> None:
    agree(example[0], lambda each: difference(oracle_of(each).outcome, example[1].run(each)))


@unshrunk
@given(drawn(lambda dice: (scenario(dice, sending=True), way(dice), Crash(dice.below(7), dice.pick(STEPS)))))
def test_output_is_the_same_to_the_byte_whatever_the_batches_and_crashes(example: tuple[Scenario, Way, Crash]) -> None:
    drawn, how, crash = example

    def differs(each: Scenario) -> str | None:
        return None if engine_of(each).published == how.run(each, crash=crash).published else f"{how}, {crash}"

    agree(drawn, differs)


def ticks(dice: Dice) -> dict[int, int]:
    """When the input is idle: before which lines, and where the clock is then, in ms from the start on."""
    return {dice.below(41): 500 * (dice.below(85) - 4) for _ in range(1 + dice.below(4))}


@unshrunk
@given(drawn(lambda dice: (scenario(dice), ticks(dice), dice.pick((10**9, -290_000)))))
def test_an_idle_input_lets_the_watermark_follow_the_clock(example: tuple[Scenario, dict[int, int], int]) -> None:
    drawn, idle, ahead = example

    def differs(each: Scenario) -> str | None:
        found = difference(*idled(each, idle, ahead))
        return found and f"{found}\nidle before {idle}, the clock {ahead} ms ahead"

    agree(drawn, differs)


def idled(scenario: Scenario, idle: dict[int, int], ahead: int) -> tuple[Outcome, Run]:
    """What oracle and engine make of a stream that pauses."""
    plan, start = plan_of(scenario), scenario.start_ms
    oracle, lane, output, counts = Oracle(plan), *opened(plan), Counts()
    for offset, line in enumerate([*scenario.lines, None]):
        if offset in idle or line is None:
            wall = start + idle.get(offset, 60_000)
            oracle.latest = max(oracle.latest, wall)
            oracle.settle(oracle.latest - plan.lateness_ms)
            lane.apply(Batch(0, 0, [], wall_ms=wall, idle=True))
        if line is not None:
            oracle.record(line, offset, scenario.log_ms, start + ahead)
            lane.apply(Batch(0, 0, [(offset, scenario.log_ms, line)] if line.strip() else [], wall_ms=start + ahead))
    lane.close()
    return Outcome(oracle.outcome.transitions), Run(parsed(output, counts).transitions)


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
    assert difference(oracle_of(scenario).outcome, engine_of(scenario, batches=batches, reopen=reopen)) is None


def test_the_generated_rules_use_every_call_operator_and_kind_of_node() -> None:
    """Fails where the language grows and the generated plans do not."""
    used: set[Any] = set()

    for number in range(800):
        made, computed = rules(Dice(number), 8)
        for node in [node for segment in make_plan(made, computed=computed).segments for node in parts(segment.when)]:
            used.update([type(node), getattr(node, "op", None), getattr(node, "name", None)])
            used.update([(node.name, name) for name, _ in node.arguments] if isinstance(node, n.Call) else [])
    parameters = {(name, parameter.name) for name, row in CALLS.items() for parameter in row.parameters}
    operators = {*get_args(n.CompareOp), *get_args(n.ArithOp), *get_args(n.MethodName), *CALLS}
    assert (parameters | operators | set(NODES)) - used == set()
