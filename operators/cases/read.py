"""`read_cases`: the files under cases/ of a plan to checked cases.

A file is one case, or has `cases:` by name or as a list. What is wrong is noted where the plan's own findings are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from operators.cases.checked import Case, Check, Given
from operators.cases.checks import read_checks
from operators.cases.given import read_given
from operators.cases.moments import is_offset
from operators.cases.reading import CaseReading, Reading, got
from operators.plan.checked import Plan
from operators.plan.yaml_tree import Path, Tree
from schemas.cases import START, CaseFile, CasesFile


def is_case_file(file: str) -> bool:
    """True for the files that are read here, by their path in the plan's folder."""
    return file.startswith("cases/") and file.endswith(".yaml") and file.count("/") == 1


def read_cases(reading: Reading, plan: Plan) -> tuple[Case, ...]:
    """The cases, by file and in the order in which they stand there; worth something only where there are no findings."""
    try:
        zone = ZoneInfo(plan.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo("UTC")  # the plan has a finding about its zone
    found = []
    for file in sorted(filter(is_case_file, reading.files)):
        before = len(reading.findings)
        tree = reading.tree(file)
        if tree.value is not None or len(reading.findings) == before:
            for path, name, raw in _places(reading, file, tree):
                case = _case(CaseReading(reading, plan, file, tree, path, zone), name, raw)
                if case is not None:
                    found.append(case)
    return tuple(found)


def _places(reading: Reading, file: str, tree: Tree) -> Iterator[tuple[Path, str, Any]]:
    """Where the cases of a file stand, with their names."""
    value = tree.value
    if isinstance(value, dict) and "cases" not in value and ("given" in value or "then" in value):
        yield (), file.removeprefix("cases/").removesuffix(".yaml"), value
        return
    reading.validate(file, tree, CasesFile, value, ())
    cases = value.get("cases") if isinstance(value, dict) else None
    if isinstance(cases, dict) and cases:
        yield from ((("cases", name), name, raw) for name, raw in cases.items())
    elif isinstance(cases, list) and cases:
        yield from ((("cases", i), str(i + 1), raw) for i, raw in enumerate(cases))
    elif isinstance(value, dict) and "cases" in value:
        reading.find(file, tree.at(("cases",)), "`cases` must be a mapping of cases by name, or a list of cases; got none")


def _case(case: CaseReading, name: str, raw: Any) -> Case | None:
    """One case, None where it has findings."""
    before = len(case.reading.findings)
    case.validate(CaseFile, raw, ())
    if not isinstance(raw, dict):
        return None
    start = raw.get("start", START)
    if isinstance(start, str) and is_offset(start):
        case.find(("start",), f"`start` must be a date, or a date and time; got '{start[:40]}'")
    else:
        case.start_ms = case.moment(("start",), start) or 0
        case.dated = False
    in_holdout, holdouts = _holdouts(case, raw.get("holdout", False))
    given = read_given(case, raw.get("given"))
    checks = read_checks(case, raw.get("then"), raw.get("after")) if "then" in raw else []
    _unseen(case, raw.get("given"), given, checks)
    if len(case.reading.findings) > before:
        return None
    title = raw.get("title", "")
    line = case.tree.key(case.path).line
    return Case(case.file, line, name, title, case.start_ms, case.dated, in_holdout, holdouts, tuple(given), tuple(checks))


def _holdouts(case: CaseReading, raw: Any) -> tuple[bool, frozenset[str]]:
    """Whether the persons are in the plan's hold-out, and the campaigns in whose they are."""
    there = {campaign.id for campaign in case.plan.campaigns if campaign.holdout}
    if raw is False:
        return False, frozenset()
    if raw is True:
        if not there and not case.plan.holdout:
            case.find(("holdout",), "`holdout` must be false where neither the plan nor a campaign has a hold-out; got true")
        return case.plan.holdout > 0, frozenset(there)
    if not isinstance(raw, list):
        case.find(("holdout",), f"`holdout` must be true, false or a list of campaigns; got {got(raw)}")
        return False, frozenset()
    for i, id in enumerate(raw):
        case.one_of(("holdout", i), "an entry of `holdout` must be a campaign that has one", str(id), there)
    return False, frozenset(map(str, raw))


def _unseen(case: CaseReading, raw: Any, given: list[Given], checks: list[Check]) -> None:
    """Notes events after the last check: they could not matter."""
    if checks and isinstance(raw, list) and len(given) == len(raw):
        last = max(check.at_ms for check in checks)
        for i, each in enumerate(given):
            if each.event.t > last:
                case.find(("given", i, "at"), "an event must come no later than the last check; got one that no check can see")
