"""`import_file`: from a file and its map to events in a file, on standard output, or in the input of a job.

*Guarantees*: a file of events is there whole or not at all. Into the input of a job events go some at a time, each time durable before the
next; after a crash the same import is run again, and what is in already counts once, as it has the same messageIds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from flows.imports.rejected import RejectedRows
from flows.imports.run import Import, Keyed, chunks
from flows.imports.tables import Numbered, csv_rows, json_rows
from flows.imports.text_input import TextInput
from flows.stop import stop
from operators.plan.read import read_shaped
from operators.rows.checked import ImportMap
from operators.rows.read import read_import
from schemas.errors import Finding, FindingsError, UnavailableError, UsageError
from schemas.mapping import ImportMapFile

if TYPE_CHECKING:
    from flows.verify.target import Target

Kind = Literal["csv", "jsonl"]
CHUNK, CHUNK_BYTES = 20_000, 16 << 20
"""So many events are sent at a time, of about so many bytes."""
SHOW_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class FileImport:
    """What is imported: a file of a kind by a map; `at_ms` goes before the time that the map and the file have."""

    kind: Kind
    file: str
    map_file: Path
    at_ms: int | None = None


def read_map(path: Path) -> ImportMap:
    """The map in a file; FindingsError where it has findings."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the map {path}: {error.strerror if isinstance(error, OSError) else 'it is not UTF-8'}") from error
    tree, findings = read_shaped(path.name, text, ImportMapFile)
    checked = read_import(tree, lambda at, words: findings.append(Finding(path.name, *tree.at(at), words)))
    if findings:
        raise FindingsError(list(dict.fromkeys(findings)), "map")
    return checked


def import_file(what: FileImport, rejects: Path | None, send: Callable[[Iterator[Keyed]], None], *, now_ms: int) -> Import:
    """Imports it; `send` takes the events."""
    by = read_map(what.map_file)
    with TextInput(what.file) as source, RejectedRows(rejects) as rejected:
        rows = csv_rows(source, by, what.map_file.name) if what.kind == "csv" else json_rows(source)
        at_ms = next(each for each in (what.at_ms, by.at_ms, source.changed_ms, now_ms) if each is not None)
        with shown(source) as seen, closing(seen(rows)) as counted:
            done = Import(counted, by.rows, at_ms, rejected.add, stop.is_set)
            send(done.lines())
    return done


def shown(source: TextInput) -> Bar:
    """A bar on standard error, where that is a terminal."""
    return Bar(source, Console(stderr=True))


class Bar:
    """How far a file is read."""

    def __init__(self, source: TextInput, console: Console) -> None:
        columns = (BarColumn(20), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.fields[rows]:,} rows"), TimeRemainingColumn())
        self._source = source
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal, redirect_stdout=False)
        self._task: TaskID = self._progress.add_task("", total=source.size, rows=0)

    def __enter__(self) -> Callable[[Iterable[Numbered]], Generator[Numbered]]:
        self._progress.start()
        return self._count

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _count(self, rows: Iterable[Numbered]) -> Generator[Numbered]:
        for numbered in rows:
            if numbered.number % SHOW_ROWS == 0:
                self._progress.update(self._task, completed=self._source.position, rows=numbered.number)
            yield numbered


# --- where events go ------------------------------------------------------------------------------------------------------------------


def to_target(target: Target) -> Callable[[Iterator[Keyed]], None]:
    """Into the input of a job."""

    def send(lines: Iterator[Keyed]) -> None:
        for chunk in chunks(lines, CHUNK, CHUNK_BYTES):
            target.send(chunk)

    return send


def to_output(output: str, most: int | None = None) -> Callable[[Iterator[Keyed]], None]:
    """Into a file, or to standard output where that is `-`; of `most` only so many."""

    def send(lines: Iterator[Keyed]) -> None:
        events = (line for _, line in islice(lines, most))
        if output == "-":
            write_lines(events, sys.stdout.buffer)
        else:
            write_file(events, Path(output))

    return send


def write_file(lines: Iterable[bytes], path: Path) -> int:
    """Writes beside the file and renames at the end, so that the file is whole or not there; a stop leaves none."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            written = write_lines(lines, file)
        if stop.is_set():
            beside.unlink()
            return 0
        beside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            raise UnavailableError(f"cannot write {path}: {error.strerror}") from error
        raise
    return written


def write_lines(lines: Iterable[bytes], file: BinaryIO) -> int:
    """Writes them until `stop` is set; gives how many."""
    written = 0
    for line in lines:
        if stop.is_set():
            break
        file.write(line + b"\n")
        written += 1
    file.flush()
    return written
