"""The engine beside the oracle: a scenario run by both, in any way, and what differs in words that can be followed by hand."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from operators.language import nodes as n
from operators.plan.checked import Plan
from tests.dice import Dice
from tests.harness import Run, by_person, make_plan, run_engine, written
from tests.oracle import Oracle, Outcome
from tests.oracle_calls import parts
from tests.smaller import smaller
from tests.strategies import BASE_MS, Scenario, sizes


def plan_of(scenario: Scenario) -> Plan:
    """The plan; no drawn one is refused, since its rules were drawn until the check let them pass."""
    return make_plan(scenario.segments, scenario.campaigns, scenario.computed, **scenario.settings)


def engine_of(scenario: Scenario, **how: Any) -> Run:
    return run_engine(plan_of(scenario), scenario.lines, until_ms=scenario.until_ms, log_ms=scenario.log_ms, **how)


def oracle_of(scenario: Scenario) -> Oracle:
    """The oracle, after the whole input."""
    plan = plan_of(scenario)
    assert [segment.id for segment in plan.segments] == in_order(plan)
    oracle = Oracle(plan, scenario.until_ms)
    oracle.run(scenario.lines, scenario.log_ms)
    return oracle


def in_order(plan: Plan) -> list[str]:
    """The segments in the order of their evaluation: by how deep their references go, then by id."""
    calls = {segment.id: [node for node in parts(segment.when) if isinstance(node, n.Call)] for segment in plan.segments}

    def depth(id_: str) -> int:
        return max((depth(call["id"]) + 1 for call in calls[id_] if call["id"] is not None), default=0)

    return sorted(calls, key=lambda id_: (depth(id_), id_))


def difference(expected: Outcome, got: Run) -> str | None:
    """What the engine did otherwise than the oracle says, person by person, in words that can be followed by hand."""
    for name in ("transitions", "sendings"):
        right, found = by_person(getattr(expected, name)), by_person(getattr(got, name))
        for person in sorted(right.keys() | found.keys()):
            if right.get(person, []) != found.get(person, []):
                told = "\n  ".join(["", *written(right.get(person, []), BASE_MS)])
                seen = "\n  ".join(["", *written(found.get(person, []), BASE_MS)])
                return f"{name} of {person}\noracle:{told}\nengine:{seen}"
    told, seen = f"{expected.rejects} {sorted(expected.counts.items())}", f"{got.rejects} {sorted(got.counts.items())}"
    return None if told == seen else f"rejects and counts\noracle: {told}\nengine: {seen}"


def agree(scenario: Scenario, differs: Callable[[Scenario], str | None]) -> None:
    """Fails with what differs in the least scenario in which something does."""
    if differs(scenario) is not None:
        least = smaller(scenario, lambda each: differs(each) is not None)
        pytest.fail(f"{differs(least)}\n{least}", pytrace=False)


@dataclass(frozen=True)
class Way:
    """How a lane goes through a stream: in what batches, where it is opened again, whether in RocksDB."""

    how: dict[str, Any]
    durable: bool

    def run(self, scenario: Scenario, **further: Any) -> Run:
        if not self.durable:
            return engine_of(scenario, **self.how, **further)
        with tempfile.TemporaryDirectory() as folder:
            return engine_of(scenario, **self.how, **further, directory=Path(folder))


def way(dice: Dice) -> Way:
    reopen = {dice.below(9) for _ in range(dice.below(4))}
    return Way({"batches": sizes(dice), "reopen": reopen, "rewind": dice.below(6), "behind": dice.below(3)}, dice.below(20) == 0)
