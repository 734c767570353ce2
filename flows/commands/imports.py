"""`beckon import`: other data as events; `ecom` is public data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.commands import import_crm, import_table
from flows.commands.console import Json, err, say, write_json
from flows.settings import read_settings
from flows.stop import install_signal_handlers, stop
from schemas.errors import UsageError

EXAMPLE = "beckon import ecom --output events.jsonl"

imports = typer.Typer(help="Turn other data into events.", no_args_is_help=True)


def _examples(*examples: str) -> str:
    return "\n\n".join(["Examples:" if len(examples) > 1 else "Example:", *(f"$ {example}" for example in examples)])


imports.command("csv", epilog=_examples(*import_table.CSV_EXAMPLES))(import_table.csv)
imports.command("jsonl", epilog=_examples(import_table.JSONL_EXAMPLE))(import_table.jsonl)
imports.command("crm", epilog=_examples(import_crm.EXAMPLE))(import_crm.crm)


@imports.command(epilog=_examples(EXAMPLE))
def ecom(
    output: Annotated[str, typer.Option(help="A file, or - for standard output.")] = "-",
    plan: Annotated[Path, typer.Option(help="The folder of the plan whose catalog.jsonl has the products.")] = Path("deploy/shop"),
    cache: Annotated[Path | None, typer.Option(help="Where the download is kept.", show_default=".cache/data")] = None,
    json: Json = False,
) -> None:
    """Fetch an e-commerce clickstream of 31,106 rows and write it as events, one JSON object a line."""
    from flows.imports.ecom import NOTICE, PACKAGE, fetch, import_ecom
    from flows.imports.session import write_file, write_lines

    if json and output == "-":
        raise UsageError("--json prints what was done on standard output; give --output a file for the events")
    install_signal_handlers()
    with err().status(f"fetching {PACKAGE}"):
        source = fetch(cache or read_settings().cache)
    lines = import_ecom(source, plan)
    written = write_lines(lines, sys.stdout.buffer) if output == "-" else write_file(lines, Path(output))
    if json:
        write_json({"output": output, "events": written, "stopped": stop.is_set(), "notice": NOTICE})
    say(f"{'stopped after ' if stop.is_set() else ''}{written:,} events written. {NOTICE}")
