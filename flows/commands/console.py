"""Where the commands print: data on standard output, all else on standard error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console

from schemas.errors import UsageError

if TYPE_CHECKING:
    from flows.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print data as JSON, for programs.")]


def out() -> Console:
    """Standard output."""
    return Console(highlight=False)


def err() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """One line on standard error, just as it is."""
    sys.stderr.write(f"beckon: {text}\n")
    sys.stderr.flush()


def write(text: str) -> None:
    """Lines on standard output, just as they are."""
    sys.stdout.write(f"{text}\n")


def write_json(value: Any) -> None:
    """One JSON value on standard output, indented on a terminal."""
    write(orjson.dumps(value, option=orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0).decode())


def brokers_of(settings: Settings, input: Path | None, kafka: str | None) -> str | None:
    """The brokers at which a command finds the input of the job; None where that is the file or folder `input`. UsageError unless one of
    the two is told."""
    brokers = kafka or (None if input else settings.kafka)
    if input is None and brokers is None:
        raise UsageError("no input: give --input with the file or folder that the job reads, or --kafka with brokers")
    if input is not None and brokers is not None:
        raise UsageError("two inputs: give --input with the file or folder that the job reads or --kafka with brokers, and not both")
    return brokers
