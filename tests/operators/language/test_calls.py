"""Each call of the language is documented, has an example that uses it, and stands in the table under its own name."""

from __future__ import annotations

import importlib

import pytest

from operators.language import calls
from operators.language.calls import CALLS
from operators.language.canonical import canonical
from operators.language.expressions import calls_of
from operators.language.nodes import Call, CallRow, Computed, Const, walk
from operators.language.parse import rule
from tests.harness import make_plan, run_engine

SEGMENTS = ("viewers", "buyers")
COMPUTED = {"lead_score": Const(60)}


@pytest.mark.parametrize("row", CALLS.values(), ids=CALLS)
def test_the_example_of_a_call_is_a_rule_that_uses_it(row: CallRow) -> None:
    node = rule(row.example, SEGMENTS, computed=COMPUTED)
    assert row.name in [here.name for here, _ in walk(node) if isinstance(here, Call)]
    assert canonical(node) == canonical(rule(canonical(node), SEGMENTS, computed=COMPUTED))


@pytest.mark.parametrize("row", [row for row in CALLS.values() if row.name != "computed"], ids=lambda row: row.name)
def test_the_example_of_a_call_runs(row: CallRow) -> None:
    plan = make_plan({"viewers": "did('A')", "buyers": "did('B')", "example": row.example})
    run_engine(plan, [b'{"type":"track","event":"A","userId":"u","timestamp":"2026-01-05T00:00:00Z"}'])


@pytest.mark.parametrize("row", CALLS.values(), ids=CALLS)
def test_a_call_is_told_in_full(row: CallRow) -> None:
    module = importlib.import_module(f"{calls.__name__}.{row.name}")
    assert row is module.ROW
    assert module.__doc__ is not None
    assert module.__doc__.startswith(f"`{row.name}`: ")
    assert all([row.doc, row.boundaries, row.state, row.example])
    assert not row.doc.endswith(".")


def test_the_calls_of_a_rule_are_its_outermost() -> None:
    node = rule("computed('lead_score') > 50 and held(did('A'), at_least='1d')", computed=COMPUTED)
    assert [canonical(call) for call in calls_of(node)] == ["computed('lead_score')", "held(did('A'), at_least='1d')"]
    assert [Computed("lead_score", Const(60))] == [here for here, _ in walk(node) if isinstance(here, Computed)]
