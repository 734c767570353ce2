"""`Result`: the output folder of a replay: the four streams as a run writes them, the differences, the report and its page.

*Guarantees*: files of a replay go in the place of those of an earlier replay, each whole or not at all; the output of a run is never
written over.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
import orjson

from flows.replay.differences import Difference
from flows.replay.report import Report
from flows.replay.scratch import Scratch
from flows.replay.spill import line_file
from schemas.errors import UnavailableError, UsageError
from schemas.output import STREAMS

REPORT, PAGE, DIFFERENCES = "report.json", "report.html", "differences.jsonl"

_MARK = ".beckon-replay"
"""Lies in every folder that a replay writes to."""


class Result:
    """The output folder, made where it is missing. UsageError where it holds something that is not a replay's, UnavailableError where it
    cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--output must be a folder; got the file {folder}")
        if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
            raise UsageError(f"the folder {folder} holds something else than the output of a replay; give a new one as --output")
        with self._in_words(_MARK):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _MARK).touch()

    @contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        """A file to be written; it takes its name when it is whole."""
        beside = self.folder / f".{name}.part"
        with self._in_words(name):
            try:
                with beside.open("wb", buffering=1 << 20) as file:
                    yield file
                beside.replace(self.folder / name)
            finally:
                beside.unlink(missing_ok=True)

    def streams(self, scratch: Scratch, partitions: Sequence[int]) -> None:
        """The lines of the plan's span, partition after partition."""
        for stream in STREAMS:
            with self.file(f"{stream}.jsonl") as target:
                for partition in partitions:
                    with line_file(scratch.place(partition).lines_folder("new"), stream).open("rb") as source:
                        shutil.copyfileobj(source, target, 1 << 20)

    def report(self, report: Report, page: str) -> None:
        """The report as JSON and as a page; without a comparison the differences of an earlier replay go."""
        with self.file(REPORT) as file:
            file.write(orjson.dumps(msgspec.to_builtins(report), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        with self.file(PAGE) as file:
            file.write(page.encode(errors="replace"))
        if report.differences is None:
            with self._in_words(DIFFERENCES):
                (self.folder / DIFFERENCES).unlink(missing_ok=True)

    @contextmanager
    def _in_words(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(f"cannot write {self.folder / name}: {error.strerror}; make room, or give another --output") from error


def line_of(difference: Difference) -> bytes:
    """A line of `differences.jsonl`."""
    return msgspec.json.encode(difference) + b"\n"
