"""What an audit says in words: one small run a kind of finding, and what must not be said beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.audit.audit import make_audit
from flows.audit.findings import CHECKS, Finding, findings_of
from flows.audit.lanes import read_stores
from operators.language.reads import reads_of
from tests.harness import make_plan, run_engine

BEGIN = datetime(2026, 1, 20, tzinfo=UTC)


def event(name: str, hours: float, person: str = "u1", **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": person, "hours": hours, "properties": properties}


def identify(hours: float, person: str = "u1", **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": person, "hours": hours, "traits": traits}


def found(
    rules: Mapping[str, str],
    events: Sequence[Mapping[str, Any]],
    *,
    campaigns: Mapping[str, Mapping[str, Any]] | None = None,
    days: int = 30,
    **settings: Any,
) -> list[Finding]:
    """The findings after these events, given in the order of their hours."""
    plan, lines = make_plan(rules, campaigns, **settings), []
    for number, given in enumerate(events):
        stamp = (BEGIN + timedelta(hours=given["hours"])).isoformat().replace("+00:00", "Z")
        lines.append(json.dumps({**given, "messageId": f"m{number}", "timestamp": stamp}).encode())
    reads = reads_of(plan)
    read = read_stores([run_engine(plan, lines).store], plan, reads, days, lambda: False)
    assert read is not None
    return findings_of(make_audit(plan, reads, read, days))


def words(findings: Sequence[Finding], kind: str) -> list[tuple[str, str]]:
    return [(finding.about, finding.text) for finding in findings if finding.kind == kind]


A, B = event("A", 0), event("B", 0, "u2")
HELLO = {"on": "enters a", "re_enter": "always", "steps": [{"send": "hello"}]}

EXAMPLES: dict[str, tuple[dict[str, str], list[dict[str, Any]], dict[str, dict[str, Any]], list[tuple[str, str]]]] = {
    "never_entered": ({"a": "did('A')", "c": "did('C')"}, [A, B], {}, [("c", "nobody ever entered")]),
    "empty": (
        {"a": "did('A', within='1h')", "b": "did('B')", "c": "did('C')"},
        [A, event("B", 30)],
        {},
        [("a", "nobody is left in it; the last one left on 2026-01-20")],
    ),
    "everyone": ({"a": "did('A')", "b": "did('B')"}, [A, event("A", 1, "u2"), B], {}, [("a", "everyone is in it: 2 of 2")]),
    "same": (
        {"a": "did('A')", "b": "count('A') >= 1", "c": "did('B')"},
        [A, event("A", 1, "u2"), event("B", 2, "u3")],
        {},
        [("a", "the same people as b: 2")],
    ),
    "near": (
        {"a": "did('A')", "b": "did('B')"},
        [event(name, 0, f"u{n}") for n in range(10) for name in ("A", "B")] + [event("A", 1, "x"), event("C", 2, "y")],
        {},
        [("b", "nearly the same people as a: 10 of the 11 in either")],
    ),
    "stale": (
        {"a": "did('A')", "b": "did('B', within='1d')"},
        [A, event("B", 24 * 40)],
        {},
        [("a", "nobody came or left in 30 days, since 2026-01-20")],
    ),
    "flapping": (
        {"a": "did('A', within='1h')"},
        [event("A", 2 * n, p) for n in range(5) for p in ("u1", "u2", "u3", "u4")] + [event("A", 9, "x")],
        {},
        [("a", "4 people entered 5 times or more in 30 days: for example u1, u2, u3")],
    ),
    "often": (
        {"a": "did('A', within='1h')"},
        [event("A", 2 * n) for n in range(5)] + [event("A", 9, f"x{n}") for n in range(200)],
        {},
        [("a", "1 person entered 5 times or more in 30 days: u1")],
    ),
    "mismatched": (
        {"a": "did('A', where=x > 1)", "b": "trait.t == 'x' or did('A')", "c": "trait.t == 'x'"},
        [event("A", 0, x="2"), event("A", 1, x="3"), identify(2, t=5)],
        {},
        [
            ("b, c", "trait.t == 'x' met a value of another kind 2 times, and was false"),
            ("a", "x > 1 of 'A' met a value of another kind 2 times, and was false"),
        ],
    ),
    "no_event": ({"a": "did('A')", "c": "did('C', where=x == 1)"}, [A], {}, [("c", "no 'C' ever came")]),
    "no_property": (
        {"a": "did('A', where=x == 1) or did('C', where=y == 1)", "b": "sum('A', 'x') > 1"},
        [A, identify(1)],
        {},
        [("a, b", "no 'A' ever had x")],
    ),
    "no_trait": ({"a": "trait.a.b == 1", "b": "trait.t == 1"}, [identify(0, t=1, a={"c": 1}), B], {}, [("a", "nobody has trait.a.b")]),
    "never_triggered": (
        {"a": "did('A')", "b": "did('B')"},
        [identify(0, email="a@x.example"), event("A", 1), event("A", 1, "u2"), event("B", 2, "u2")],
        {"sends": HELLO, "silent": {**HELLO, "on": "enters b"}, "idle": {**HELLO, "on": "exits a"}, "draft": {**HELLO, "state": "draft"}},
        [("idle", "never triggered: nobody gave it occasion"), ("silent", "never triggered: held back 1 no_address")],
    ),
    "contained": (
        {"a": "did('A')", "b": "did('A') and did('B')", "c": "did('A') or did('B')", "e": "everyone"},
        [A, event("B", 1), event("A", 2, "u2"), event("B", 3, "u3"), event("C", 4, "u4")],
        {},
        [("b", "contained in a: 1 of 1"), ("a", "contained in c: 2 of 2")],
    ),
    "never_left": ({"a": "did('A')", "b": "did('A', within='1h')"}, [A, event("B", 5)], {}, [("a", "nobody ever left: 1 entered")]),
    "draft": ({"a": "did('A')"}, [A], {"d": {**HELLO, "state": "draft"}}, [("d", "is a draft: it starts for nobody")]),
}


def test_each_kind_has_an_example() -> None:
    assert set(CHECKS) == set(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_finding_is_said_where_it_holds_and_nowhere_else(kind: str) -> None:
    rules, events, campaigns, said = EXAMPLES[kind]
    findings = found(rules, events, campaigns=campaigns)
    assert said == words(findings, kind)
    assert {CHECKS[kind][0]} == {finding.note for finding in findings if finding.kind == kind}


def test_who_was_erased_has_not_left() -> None:
    events = [event("A", 0), event("B", 0, "u2"), {"type": "erase", "userId": "u1", "hours": 1}]
    findings = found({"a": "did('A')", "b": "did('B')"}, events)
    assert words(findings, "empty") == [("a", "nobody is left in it; all who entered were erased: 1")]
    assert words(findings, "never_left") == [("b", "nobody ever left: 1 entered")]
    ever = found({"a": "did('A', within='1h')"}, [event("A", 0), event("B", 2, "u2"), {"type": "erase", "userId": "u1", "hours": 3}])
    assert words(ever, "empty") == [("a", "nobody is left in it; the last one left on 2026-01-20")]


def test_the_days_asked_for_count() -> None:
    rules, events, _, _ = EXAMPLES["stale"]
    assert words(found(rules, events, days=41), "stale") == []
    assert words(found(rules, events, days=1), "stale") == [("a", "nobody came or left in 1 day, since 2026-01-20")]
    rules, events, _, _ = EXAMPLES["flapping"]
    assert words(found(rules, [*events, event("B", 24 * 20)], days=7), "flapping") == []


def test_notes_come_last_and_an_empty_state_has_no_findings() -> None:
    rules, events, campaigns, _ = EXAMPLES["contained"]
    notes = [finding.note for finding in found(rules, events, campaigns=campaigns)]
    assert notes == sorted(notes)
    assert found(rules, []) == []
