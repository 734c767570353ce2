"""`open_plan`: the plan in a folder. Reads the files; `operators.plan.read` checks them.

What applies events opens a plan by `open_tested_plan`, so that every file is checked before the first event. What only looks at a state
does without the cases, which say nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from operators.cases.checked import Case
from operators.plan.checked import Plan
from operators.plan.notes import notes
from operators.plan.read import read_plan, read_tested_plan
from schemas.errors import Finding, FindingsError, Note, UnavailableError, UsageError

Read = TypeVar("Read")


def open_plan(folder: Path) -> Plan:
    """The checked plan, its cases unread. FindingsError with all findings, files named as reached from here; UsageError where there is no
    such folder."""
    return _open(folder, read_plan)


def open_tested_plan(folder: Path) -> tuple[Plan, tuple[Case, ...]]:
    """The checked plan with its checked cases; errors as those of `open_plan`."""
    return _open(folder, read_tested_plan)


def notes_of(folder: Path, plan: Plan) -> list[Note]:
    """What is worth knowing of the plan that was read from the folder."""
    texts, _ = _texts(folder)
    return [replace(note, file=str(folder / note.file)) for note in notes(plan, texts)]


def _open(folder: Path, read: Callable[[Mapping[str, str]], Read]) -> Read:
    if not folder.is_dir():
        raise UsageError(f"there is no plan folder {folder}; give one with plan.yaml and segments.yaml in it")
    texts, findings = _texts(folder)
    try:
        plan = read(texts)
    except FindingsError as error:
        # A file that is no text is named once, not also as missing.
        wrong = {finding.file for finding in findings}
        findings += [finding for finding in error.findings if finding.file not in wrong]
    if findings:
        raise FindingsError([Finding(str(folder / each.file), each.line, each.column, each.text) for each in findings])
    return plan


def _texts(folder: Path) -> tuple[dict[str, str], list[Finding]]:
    """All files of the folder by relative path, hidden ones left out; only of YAML files the text matters."""
    texts: dict[str, str] = {}
    findings: list[Finding] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or not path.is_file():
            continue
        texts[name.as_posix()] = ""
        if path.suffix in (".yaml", ".yml"):
            try:
                texts[name.as_posix()] = path.read_bytes().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                line = error.object[: error.start].count(b"\n") + 1
                findings.append(Finding(name.as_posix(), line, 1, "a file of a plan must be UTF-8 text"))
            except OSError as error:
                raise UnavailableError(f"the plan's file {path} cannot be read: {error.strerror}") from error
    return texts, findings
