"""Where the commands print: data on standard output, all else on standard error."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

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
