"""`TextInput`: a file of text as bytes or as lines: gzip or not, in its encoding, bounded, and how far it was read.

What the encoding cannot be becomes `BROKEN`, a character that no text has, so that the row with it can be told.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Self

from schemas.errors import UnavailableError, UsageError
from schemas.event import MAX_RECORD_BYTES

BROKEN = "\udfff"
LOOK_BYTES = 1 << 20
"""So much of a file is looked at for its encoding."""
MOST_LINE = 2 * MAX_RECORD_BYTES
"""A longer line, in characters or bytes, is no row that could become an event."""
LONG_LINE = BROKEN * 2 + "\n"
"""Stands for a line of text that is longer."""

BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What a byte order mark says; that of UTF-16 is the beginning of one of UTF-32."""

NO_TEXTS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP file or a workbook of Excel (.xlsx): unpack it, or save it there as CSV"),
    (b"\xd0\xcf\x11\xe0", "a workbook of an old Excel (.xls): save it there as CSV"),
    (b"%PDF-", "a PDF"),
)
"""How files begin that are often given for a table, and are none in any encoding."""


def _broken(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return BROKEN, error.end


codecs.register_error("beckon-broken", _broken)


class TextInput:
    """A file, or standard input where the name is `-`, open for reading."""

    def __init__(self, name: str) -> None:
        self.name = "standard input" if name == "-" else name
        try:
            self._file: BinaryIO = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115 - closed at exit
            status = os.fstat(self._file.fileno())
        except OSError as error:
            raise UsageError(f"cannot read {name}: {error.strerror}") from error
        self.size: int | None = status.st_size if name != "-" else None
        self.changed_ms: int | None = status.st_mtime_ns // 1_000_000 if name != "-" else None
        # Of gzip the bytes of the file itself are counted, as its size is.
        inner: Any = gzip.GzipFile(fileobj=self._file) if name.endswith(".gz") else self._file
        self._text: io.TextIOWrapper | None = None
        self.bytes: io.BufferedReader = io.BufferedReader(inner, LOOK_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._text is not None:
            self._text.detach()
        if self._file is not sys.stdin.buffer:
            self._file.close()

    @property
    def position(self) -> int:
        """So many bytes of the file were read."""
        return 0 if self.size is None else self._file.tell()

    def look(self) -> bytes:
        """The beginning, which stays unread; UsageError where it is that of no text."""
        try:
            head = self.bytes.peek(LOOK_BYTES)
        except (OSError, EOFError) as error:
            raise UnavailableError(f"cannot read {self.name}: {error}") from error
        for mark, what in NO_TEXTS:
            if head.startswith(mark):
                raise UsageError(f"{self.name} must be a file of text; it is {what}")
        return head

    def encoding(self) -> str:
        """UTF-8, or what a byte order mark says; UsageError where the beginning is neither."""
        head = self.look()
        for mark, name in BOMS:
            if head.startswith(mark):
                return name
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError as error:
            line = head.count(b"\n", 0, error.start) + 1
            raise UsageError(f"{self.name} is not UTF-8, as line {line} shows; say its `encoding` in the map, such as cp1252") from None
        return "utf-8"

    def lines(self, encoding: str | None) -> Lines:
        """Its lines as text."""
        found = self.encoding() if encoding is None else encoding
        self.look()
        self._text = io.TextIOWrapper(self.bytes, found, errors="beckon-broken", newline="")
        return Lines(self._text, self.name)


class Lines:
    """The lines of a text, with their ends, which can be given back. `number` is that of the last one that was given, `taken` those since
    it was emptied."""

    def __init__(self, text: io.TextIOWrapper, name: str) -> None:
        self._text, self._name = text, name
        self._again: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        if self.number == 0:
            # Where the map names UTF-8 or UTF-16 itself, the mark stays in the text.
            line = line.removeprefix("\ufeff")
        self.number += 1
        self.taken.append(line)
        return line

    def give_back(self, lines: Iterable[str]) -> None:
        """The last lines that were given, to be given again."""
        again = list(lines)
        self._again.extendleft(reversed(again))
        self.number -= len(again)

    def _read(self) -> str:
        line = self._part()
        if len(line) <= MOST_LINE:
            return line
        while line and not line.endswith(("\n", "\r")):
            line = self._part()
        return LONG_LINE

    def _part(self) -> str:
        try:
            return self._text.readline(MOST_LINE + 1)
        except (OSError, EOFError) as error:
            raise UnavailableError(f"cannot read {self._name} to its end: {error}; what came before is in") from error
