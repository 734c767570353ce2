"""What `beckon test` says of the cases of a plan: for people as lines, a line a case, then each failure; for programs as one value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from flows.cases import Result
from flows.totals import numbered
from operators.cases.checked import Case
from operators.cases.explain import Failure, Why
from operators.identify import identify


def show_results(results: Iterable[Result], folder: Path, out: Console) -> list[Result]:
    """Prints a line for each case as it comes, under its file; gives all of them."""
    shown: list[Result] = []
    for result in results:
        if not shown or shown[-1].case.file != result.case.file:
            out.print(Text(str(folder / result.case.file), style="bold"), soft_wrap=True)
        _hang(out, Text.assemble("  ", _mark(out, passed=not result.failures)), Text(words(result.case)))
        shown.append(result)
    return shown


def show_failures(results: Sequence[Result], folder: Path, out: Console) -> None:
    """Prints the failures of each case by check: what is expected beside what there is, and the why."""
    for result in results:
        if result.failures:
            out.print()
            _hang(out, _mark(out, passed=False), Text(words(result.case), style="bold red"))
            for line, failures in groupby(result.failures, key=lambda failure: (failure.line, failure.after)):
                out.print(Text(f"  after {line[1]}  {folder / result.case.file}:{line[0]}", style="dim"), soft_wrap=True)
                _show_check(result.case, list(failures), out)


def words(case: Case) -> str:
    """The case in words: its title, else its name."""
    return case.title or case.name


def _show_check(case: Case, failures: Sequence[Failure], out: Console) -> None:
    several = len({identify(given.event) for given in case.given}) > 1
    told: list[tuple[str, Why]] = []
    for failure in failures:
        none_of = "none of " if failure.what == "not_members" else ""
        whose = f" of {failure.person}" if several else ""
        out.print(Text.assemble("    ", (failure.what, "bold"), whose), soft_wrap=True)
        _hang(out, Text("      expected "), Text(none_of) + _list(failure.expected, failure.missing, "bold green"))
        _hang(out, Text("      actual   "), _list(failure.actual, failure.extra, "bold red"))
        for why in failure.why:
            if (failure.person, why) not in told:
                _show_why(why, out)
                told.append((failure.person, why))


def _show_why(why: Why, out: Console) -> None:
    _hang(out, Text("     "), Text(why.text))
    if why.rule:
        _hang(out, Text("        rule", style="dim"), Text(why.rule, style="dim"))
    for text, value in why.values.items():
        _hang(out, Text("       "), Text.assemble((text, "cyan"), " = ", _value(value)))


def _list(entries: Sequence[str], marked: Sequence[str], style: str) -> Text:
    """The entries, those that make the difference in a style of their own."""
    return Text(", ").join(Text(entry, style=style if entry in marked else "") for entry in entries) if entries else Text("none")


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _mark(out: Console, *, passed: bool) -> Text:
    signs = ("✓", "✗") if out.encoding.lower().startswith("utf") else ("ok", "FAIL")
    return Text(signs[0], style="green") if passed else Text(signs[1], style="bold red")


def _hang(out: Console, head: Text, text: Text) -> None:
    """Prints a text behind its head; where it needs more lines they begin below its own first."""
    width = max(out.width - head.cell_len - 1, 10)
    for line in text.wrap(out, width):
        line.rstrip()
        out.print(Text.assemble(head, " ", line), soft_wrap=True)
        head = Text(" " * head.cell_len)


def summary(results: Sequence[Result], cases: int, seconds: float) -> str:
    """How many of so many cases passed and failed."""
    failed = sum(bool(result.failures) for result in results)
    numbers = {"failed": failed, "not run": cases - len(results)}
    parts = [f"{number:,} {name}" for name, number in numbers.items() if number]
    return f"{numbered(cases, 'case')}: {', '.join([*parts, f'{len(results) - failed:,} passed'])} in {seconds:.2f} s"


def missing_line(untested: Mapping[str, Sequence[str]]) -> str:
    """What is in no case, for people; empty where all is in one."""
    parts = [f"{kind} {', '.join(ids)}" for kind, ids in untested.items() if ids]
    return f"in no case: {'; '.join(parts)}" if parts else ""


def as_data(results: Sequence[Result], folder: Path) -> Iterator[dict[str, Any]]:
    """The results for programs."""
    for result in results:
        case = result.case
        yield {
            "file": str(folder / case.file),
            "line": case.line,
            "name": case.name,
            "title": case.title,
            "passed": not result.failures,
            "ms": round(result.seconds * 1000, 3),
            "failures": [msgspec.to_builtins(failure) for failure in result.failures],
        }
