"""`RejectedRows`: rows that made no event, in a file of JSON lines and, the first of them, on standard error.

The file has the rows whole, so that they can be mended and imported again as JSON lines, by the same map. On standard error nothing of a
row is told.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Self

import orjson

from flows.commands.console import say
from flows.imports.tables import REJECTED, Numbered
from operators.rows.event import RowReject
from schemas.errors import UnavailableError

SHOWN = 5
"""So many are told on standard error."""


class RejectedRows:
    """Where they go: the file at `path`, if any."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._told = 0
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = path.open("wb")
            except OSError as error:
                raise UnavailableError(f"cannot write {path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, numbered: Numbered, reject: RowReject) -> None:
        """Takes a row."""
        self._told += 1
        if self._told <= SHOWN:
            say(told(numbered, reject))
        elif self._told == SHOWN + 1:
            say("more rows are rejected" + ("" if self._path is not None else "; --rejects writes all of them to a file"))
        if self._file is None:
            return
        fields = (numbered.number, numbered.line, reject.reason, reject.column, reject.detail, numbered.row)
        try:
            self._file.write(orjson.dumps(dict(zip(REJECTED, fields, strict=True))) + b"\n")
        except OSError as error:
            raise UnavailableError(f"cannot write {self._path}: {error.strerror}") from error


def told(numbered: Numbered, reject: RowReject) -> str:
    """What is wrong with a row, in one line.

    >>> told(Numbered(7, 9, {}), RowReject("bad_value", "Score", "must be a number"))
    "row 7 (line 9) is rejected: bad_value: column 'Score' must be a number"
    """
    where = f"column {reject.column!r} " if reject.column is not None else ""
    return f"row {numbered.number:,} (line {numbered.line:,}) is rejected: {reject.reason}: {where}{reject.detail}"
