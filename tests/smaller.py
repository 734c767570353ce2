"""`smaller`: the least of a scenario that still fails, so that a person can follow it by hand."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from schemas.errors import FindingsError
from tests.strategies import Scenario


def smaller(scenario: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """A scenario that fails as this one does, and none of whose parts can be left out."""
    found: Scenario | None = scenario
    while found is not None:
        scenario = found
        found = next((each for each in simpler(scenario) if _fails(each, fails)), None)
    return scenario


def _fails(scenario: Scenario, fails: Callable[[Scenario], bool]) -> bool:
    try:
        return fails(scenario)
    except FindingsError:  # a rule that refers to what was left out
        return False


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario with one thing less, the largest first."""
    size = len(scenario.lines)
    while size:
        for start in range(0, len(scenario.lines), size):
            yield replace(scenario, lines=scenario.lines[:start] + scenario.lines[start + size :])
        size //= 2
    for part in ("segments", "campaigns", "computed", "settings"):
        for name in getattr(scenario, part):
            yield put(scenario, part, without(getattr(scenario, part), name))
    for part in ("until_ms", "log_ms"):
        if getattr(scenario, part) is not None:
            yield put(scenario, part, None)
    for part in ("segments", "computed"):
        rules = getattr(scenario, part)
        yield from (put(scenario, part, {**rules, name: text}) for name in rules for text in simpler_rules(rules[name]))
    for i, line in enumerate(scenario.lines):
        yield from (replace(scenario, lines=[*scenario.lines[:i], each, *scenario.lines[i + 1 :]]) for each in simpler_lines(line))


def put(scenario: Scenario, part: str, value: Any) -> Scenario:
    changed: dict[str, Any] = {part: value}
    return replace(scenario, **changed)


def without(mapping: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}


def simpler_rules(text: str) -> Iterator[str]:
    """A rule with one part left out, or with one in place of what it stands in."""
    tree = ast.parse(text, mode="eval")
    for node in list(ast.walk(tree)):
        for name, value in ast.iter_fields(node):
            for less in _less(value):
                setattr(node, name, less)
                yield ast.unparse(tree)
            setattr(node, name, value)


def _less(value: Any) -> Iterator[Any]:
    """What can stand in place of a part, or of a list of parts, of Python's tree."""
    if isinstance(value, ast.expr):
        children = [child.value if isinstance(child, ast.keyword) else child for child in ast.iter_child_nodes(value)]
        yield from (child for child in children if isinstance(child, ast.expr))
    for i, item in enumerate(value if isinstance(value, list) else []):
        if len(value) > 1 or isinstance(item, ast.keyword):
            yield value[:i] + value[i + 1 :]
        yield from ([*value[:i], less, *value[i + 1 :]] for less in _less(item))


def simpler_lines(line: bytes) -> Iterator[bytes]:
    """A record with one property less."""
    try:
        record = json.loads(line)
    except ValueError:
        return
    for box in ("properties", "traits"):
        values = record.get(box) if isinstance(record, dict) else None
        for name in values if isinstance(values, dict) else ():
            yield json.dumps(record | {box: without(record[box], name)}, ensure_ascii=False).encode()
