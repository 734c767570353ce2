"""`beckon import ecom`: public data as events."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from flows.commands.console import Json, err, say, write_json
from flows.settings import read_settings
from flows.stop import install_signal_handlers, stop
from schemas.errors import UnavailableError, UsageError

EXAMPLE = "beckon import ecom --output events.jsonl"

imports = typer.Typer(help="Turn other data into events.", no_args_is_help=True)


@imports.callback()
def _group() -> None:
    """Keeps `ecom` a command of its own while it is the only one."""


@imports.command(epilog=f"Example:\n\n$ {EXAMPLE}")
def ecom(
    output: Annotated[str, typer.Option(help="A file, or - for standard output.")] = "-",
    plan: Annotated[Path, typer.Option(help="The folder of the plan whose catalog.jsonl has the products.")] = Path("deploy/shop"),
    cache: Annotated[Path | None, typer.Option(help="Where the download is kept.", show_default=".cache/data")] = None,
    json: Json = False,
) -> None:
    """Fetch an e-commerce clickstream of 31,106 rows and write it as events, one JSON object a line."""
    from flows.imports.ecom import NOTICE, PACKAGE, fetch, import_ecom

    if json and output == "-":
        raise UsageError("--json prints what was done on standard output; give --output a file for the events")
    install_signal_handlers()
    with err().status(f"fetching {PACKAGE}"):
        source = fetch(cache or read_settings().cache)
    lines = import_ecom(source, plan)
    written = _write(lines, sys.stdout.buffer) if output == "-" else _write_file(lines, Path(output))
    if json:
        write_json({"output": output, "events": written, "stopped": stop.is_set(), "notice": NOTICE})
    say(f"{'stopped after ' if stop.is_set() else ''}{written:,} events written. {NOTICE}")


def _write_file(lines: Iterable[bytes], path: Path) -> int:
    """Writes beside the file and renames at the end, so that the file is whole or not there; a stop leaves none."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            written = _write(lines, file)
        if stop.is_set():
            beside.unlink()
            return 0
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UnavailableError(f"cannot write {path}: {error.strerror}") from error
    return written


def _write(lines: Iterable[bytes], file: BinaryIO) -> int:
    written = 0
    for line in lines:
        if stop.is_set():
            break
        file.write(line + b"\n")
        written += 1
    file.flush()
    return written
