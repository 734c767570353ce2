"""Rows of a file: `csv_rows` and `json_rows`, each with its number and line, or with what is wrong with it.

A row that is broken spoils no other: after a quote that is not closed, the lines behind it are read again.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from flows.imports.text_input import BOMS, BROKEN, LONG_LINE, MOST_LINE, Lines, TextInput
from operators.language.check import nearest
from operators.language.durations import shortened
from operators.rows.checked import ImportMap
from operators.rows.event import Row, RowReject
from schemas.errors import Finding, FindingsError, UnavailableError, UsageError
from schemas.event import MAX_RECORD_BYTES

DELIMITERS = (",", ";", "\t", "|")
REJECTED: dict[str, str] = {
    "row": "its number, from 1",
    "line": "that at which it begins",
    "reason": "a word for what is wrong",
    "column": "the column that it is about",
    "detail": "what must be",
    "record": "the row; null where it could not be read",
}
"""The fields of a line of rejected rows."""
_UTF_8_MARK = BOMS[0][0]
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""What Excel writes and reads as the first line of a CSV file, where the delimiter is not that of the country."""
MORE = ""
"""Under this name a rejected row has the cells that it has beyond the header."""


class Numbered(NamedTuple):
    """A row by its number, from 1, and the line at which it begins; what can be read of it, and what is wrong with it, if anything."""

    number: int
    line: int
    row: Row | None
    reject: RowReject | None = None


def csv_rows(source: TextInput, by: ImportMap, map_file: str) -> Iterator[Numbered]:
    """The rows of a file with a header, or with the columns that the map names. FindingsError where the header lacks a column."""
    csv.field_size_limit(MAX_RECORD_BYTES)
    lines = source.lines(by.encoding)
    for _ in range(by.skip_lines):
        next(lines, None)
    header, delimiter = _header(lines, by, source.name, _separator(lines))
    _check_header(header, by, map_file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 0
    while True:
        lines.taken.clear()
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            lines.give_back(lines.taken[1:])
            yield Numbered(number, line, None, _quotes(str(error)))
            continue
        if any(map(str.strip, cells)):
            number += 1
            yield _numbered(number, line, header, cells, lines.taken)


def _quotes(error: str) -> RowReject:
    """What csv says of quotes, in our words."""
    if "larger than field limit" in error or "unexpected end" in error:
        return RowReject("quotes", None, f"a quote must be closed, within {MAX_RECORD_BYTES} characters")
    return RowReject("quotes", None, "a cell in quotes must end with its second quote; one inside must be doubled")


def _numbered(number: int, line: int, header: Sequence[str], cells: list[str], taken: Sequence[str]) -> Numbered:
    row: Row = dict(zip(header, cells, strict=False))
    if LONG_LINE in taken:
        return Numbered(number, line, None, RowReject("too_large", None, f"a line must have at most {MOST_LINE} characters"))
    if any(BROKEN in each for each in taken):
        return Numbered(number, line, None, RowReject("encoding", None, "a row must be text in the encoding of the file"))
    if len(cells) != len(header) and (len(cells) < len(header) or any(map(str.strip, cells[len(header) :]))):
        whole = {**row, MORE: cells[len(header) :]} if len(cells) > len(header) else row
        return Numbered(
            number, line, whole, RowReject("columns", None, f"a row must have {len(header)} cells, as the header has; got {len(cells)}")
        )
    return Numbered(number, line, row)


def _separator(lines: Lines) -> str | None:
    """The delimiter that the first line says, if it is such a line; any other stays to be read."""
    lines.taken.clear()
    said = _SEPARATOR_LINE.fullmatch(next(lines, ""))
    if said is None:
        lines.give_back(lines.taken)
    return said[1] if said is not None else None


def _header(lines: Lines, by: ImportMap, name: str, said: str | None) -> tuple[Sequence[str], str]:
    """The names of the columns, and what stands between cells: that of the likely ones with which most columns of the map are found."""
    named, found = by.rows.columns(), dict[str, list[str]]()
    for delimiter in (one,) if (one := by.delimiter or said) else DELIMITERS:
        lines.taken.clear()
        try:
            found[delimiter] = [each.strip() for each in next(csv.reader(lines, delimiter=delimiter, strict=True), [])]
        except csv.Error:
            found[delimiter] = []
        lines.give_back(lines.taken)
    best = max(found, key=lambda each: (len(named.keys() & set(by.header or found[each])), len(found[each])))
    if not found[best]:
        raise UsageError(f"{name} must begin with a header, the names of the columns; got none")
    if by.header is not None:
        return by.header, best
    lines.taken.clear()
    next(csv.reader(lines, delimiter=best))
    return found[best], best


def _check_header(header: Sequence[str], by: ImportMap, map_file: str) -> None:
    findings = []
    for name in by.rows.columns():
        place = by.places.get(name, (1, 1))
        if (times := header.count(name)) != 1:
            got = f"it {times} times" if times else "none"
            text = f"the file must have one column {shortened(name)}; got {got}{nearest(name, header) if not times else ''}"
            findings.append(Finding(map_file, *place, text))
    if findings:
        raise FindingsError(findings, "map")


def json_rows(source: TextInput) -> Iterator[Numbered]:
    """The rows of a file with a JSON object in each line, in UTF-8; blank lines are none. A line of rejected rows has its row inside."""
    number = line = 0
    while raw := _line(source):
        line += 1
        text = raw.removeprefix(_UTF_8_MARK).strip() if line == 1 else raw.strip()
        if text:
            number += 1
            yield Numbered(number, line, *_object(text))


def _line(source: TextInput) -> bytes:
    try:
        raw = source.bytes.readline(MOST_LINE + 1)
        part = raw
        while len(part) > MOST_LINE and not part.endswith(b"\n"):
            part = source.bytes.readline(MOST_LINE + 1)
    except (OSError, EOFError) as error:
        raise UnavailableError(f"cannot read {source.name} to its end: {error}; what came before is in") from error
    return raw


def _object(text: bytes) -> tuple[Row | None, RowReject | None]:
    if len(text) > MOST_LINE:
        return None, RowReject("too_large", None, f"a line must have at most {MOST_LINE} bytes")
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None, RowReject("not_json", None, "a line must be JSON in UTF-8")
    if isinstance(value, dict) and value.keys() == REJECTED.keys():
        value = value["record"]
    if not isinstance(value, dict):
        return None, RowReject("not_json", None, "a line must be a JSON object")
    return value, None
