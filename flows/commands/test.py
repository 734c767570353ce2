"""`beckon test`: runs the cases of a plan."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from flows.commands.console import Json, out, write, write_json
from flows.commands.lint import checked_plan
from flows.stop import install_signal_handlers, stop
from schemas.errors import UsageError

EXAMPLES = ("beckon test deploy/shop", "beckon test deploy/shop -k cart")


def test(
    plan: Annotated[Path, typer.Argument(help="The folder of the plan.")],
    name: Annotated[
        str | None, typer.Option("-k", metavar="NAME", help="Only cases with this in their name, title or file name.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Run the plan's own tests, the cases in cases/*.yaml: given events, after a time, then segments and triggers.

    It ends with 1 where a case fails, or the plan or a case has findings.
    """
    checked, cases = checked_plan(plan, json=json)
    from flows.case_report import as_data, missing_line, show_failures, show_results, summary
    from flows.cases import run_cases, untested

    chosen = [case for case in cases if name is None or name.casefold() in f"{case.file} {case.name} {case.title}".casefold()]
    if name is not None and cases and not chosen:
        raise UsageError(f"-k must be part of the name, title or file name of a case; got {name!r}, which is in none of {len(cases)}")
    install_signal_handlers()
    started = perf_counter()
    running = takewhile(lambda _: not stop.is_set(), run_cases(checked, chosen))
    results = list(running) if json else show_results(running, plan, out())
    seconds = perf_counter() - started
    failed = sum(bool(result.failures) for result in results)
    without = {} if name is not None else untested(checked, cases)
    if json:
        sums = {"passed": len(results) - failed, "failed": failed, "not_run": len(chosen) - len(results), "seconds": round(seconds, 3)}
        write_json({"plan": str(plan), **sums, "cases": list(as_data(results, plan)), "untested": without})
    elif not cases:
        write(f"{plan}: there are no cases; write some as {plan / 'cases'}/<name>.yaml")
    else:
        show_failures(results, plan, out())
        write("\n" + "\n".join(filter(None, [summary(results, len(chosen), seconds), missing_line(without)])))
    if failed or len(results) < len(chosen):
        raise typer.Exit(1)
