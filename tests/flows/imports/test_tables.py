"""Rows of files: encodings, quotes, delimiters, and that a broken row spoils no other."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.imports.tables import Numbered, csv_rows, json_rows
from flows.imports.text_input import MOST_LINE, TextInput
from operators.rows.checked import Column, ImportMap, RowMap
from operators.rows.event import RowReject
from schemas.errors import FindingsError, UnavailableError, UsageError
from schemas.event import MAX_RECORD_BYTES

BY = RowMap("crm", user_id=Column("No", ("No",)), fields=((("city",), Column("City", ("City",))),))


def rows(folder: Path, data: bytes, name: str = "t.csv", **by: Any) -> list[Numbered]:
    """The rows of a file with these bytes."""
    path = folder / name
    path.write_bytes(data)
    with TextInput(str(path)) as source:
        return list(csv_rows(source, ImportMap(BY, **by), "map.yaml")) if ".csv" in name else list(json_rows(source))


def good(found: list[Numbered]) -> list[Any]:
    """The rows that nothing is wrong with."""
    return [each.row for each in found if each.reject is None]


def bad(found: list[Numbered]) -> list[tuple[int, int, str]]:
    """Number, line and reason of the others."""
    return [(each.number, each.line, each.reject.reason) for each in found if each.reject is not None]


TEXT = "No,City\n7,Köln\n8,Zürich\n"
TABLE = [{"No": "7", "City": "Köln"}, {"No": "8", "City": "Zürich"}]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "utf-8"),
        ("utf-16", None),
        ("utf-32", None),
        ("utf-16-le", "utf-16-le"),
        ("cp1252", "cp1252"),
        ("latin-1", "iso-8859-1"),
        ("mac-roman", "mac-roman"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, said: str | None) -> None:
    assert good(rows(tmp_path, TEXT.encode(encoding), encoding=said)) == TABLE


def test_what_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"t\.csv is not UTF-8, as line 2 shows; say its `encoding` in the map, such as cp1252"):
        rows(tmp_path, TEXT.encode("cp1252"))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", r"it is a ZIP file or a workbook of Excel \(\.xlsx\): unpack it, or save it there as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"it is a workbook of an old Excel \(\.xls\): save it there as CSV"),
        (b"%PDF-1.7\n", "it is a PDF"),
    ],
)
@pytest.mark.parametrize("said", [None, "cp1252"])
def test_what_is_no_text_in_any_encoding_is_told(tmp_path: Path, head: bytes, words: str, said: str | None) -> None:
    with pytest.raises(UsageError, match=rf"t\.csv must be a file of text; {words}"):
        rows(tmp_path, head + bytes(range(256)), encoding=said)


@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", '"sep=;"\r\n', "sep=;\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_line_in_which_excel_says_the_delimiter_is_no_header(tmp_path: Path, first: str, encoding: str) -> None:
    found = rows(tmp_path, (first + "No;City;A,B,C\n7;Köln;x\n").encode(encoding))
    assert good(found) == [{"No": "7", "City": "Köln", "A,B,C": "x"}]
    assert found[0].line == 3


def test_a_row_with_too_many_cells_is_told_whole(tmp_path: Path) -> None:
    (found,) = rows(tmp_path, b"No,City\n7,Bern,CH,8\n")
    assert bad([found]) == [(1, 2, "columns")]
    assert found.row == {"No": "7", "City": "Bern", "": ["CH", "8"]}


def test_a_row_that_is_no_text_of_its_encoding_spoils_no_other(tmp_path: Path) -> None:
    filler = b"9,Bern\n" * 200_000
    found = rows(tmp_path, b"No,City\n" + filler + b"7,K\xf6ln\n8,Bern\n")
    assert bad(found) == [(200_001, 200_002, "encoding")]
    assert good(found)[-1] == {"No": "8", "City": "Bern"}
    assert bad(rows(tmp_path, b"No,City\n7,\x81\n8,Bern\n", encoding="cp1252")) == [(1, 2, "encoding")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, end: str) -> None:
    data = end.join([delimiter.join(["No", "City"]), delimiter.join(["7", "Köln"]), "", delimiter.join(["8", "Zürich"])]).encode()
    assert good(rows(tmp_path, data)) == TABLE


def test_the_delimiter_is_that_with_which_the_columns_are_found(tmp_path: Path) -> None:
    # More commas than semicolons stand in the header.
    assert good(rows(tmp_path, "No;City;a,b,c,d\n7;Köln;x\n".encode())) == [{"No": "7", "City": "Köln", "a,b,c,d": "x"}]
    assert good(rows(tmp_path, b"No:City\n7:a;b\n", delimiter=":")) == [{"No": "7", "City": "a;b"}]


def test_quotes(tmp_path: Path) -> None:
    data = b'"No" , City\n'
    with pytest.raises(UsageError, match=r"must begin with a header"):
        rows(tmp_path, data)
    found = rows(tmp_path, b'No, City \n7,"a ""b"", c\nd"\n8,""\n')
    assert good(found) == [{"No": "7", "City": 'a "b", c\nd'}, {"No": "8", "City": ""}]
    assert [(each.number, each.line) for each in found] == [(1, 2), (2, 4)]


def test_a_quote_that_is_not_closed_costs_its_row_alone(tmp_path: Path) -> None:
    found = rows(tmp_path, b'No,City\n1,a\n2,"b\n3,c\n4,"d"\n5,e\n')
    assert bad(found) == [(2, 3, "quotes")]
    assert [each["No"] for each in good(found)] == ["1", "3", "4", "5"]
    found = rows(tmp_path, b'No,City\n1,a\n2,"b\n' + b"3,c\n" * 300_000)
    assert (bad(found), len(good(found))) == ([(2, 3, "quotes")], 300_001)
    found = rows(tmp_path, b'No,City\n1,"a"b\n2,"c" ,\n3,d')
    assert bad(found) == [(1, 2, "quotes"), (2, 3, "quotes")]


def test_rows_with_too_few_or_too_many_cells(tmp_path: Path) -> None:
    found = rows(tmp_path, b"No,City\n1\n2,a,b\n3,a,,\n,\n  , \n4,a\n")
    assert bad(found) == [(1, 2, "columns"), (2, 3, "columns")]
    assert [each["No"] for each in good(found)] == ["3", "4"]
    assert RowReject("columns", None, "a row must have 2 cells, as the header has; got 3") == found[1].reject


def test_cells_and_lines_that_are_too_large(tmp_path: Path) -> None:
    field, line = b"x" * (MAX_RECORD_BYTES + 1), b"y" * (MOST_LINE + 1)
    found = rows(tmp_path, b"No,City\n1," + field + b"\n2,b\n3," + line + b"\n4,d\n")
    assert bad(found) == [(1, 2, "quotes"), (3, 4, "too_large")]
    assert [each["No"] for each in good(found)] == ["2", "4"]
    found = rows(tmp_path, b'No,City\n1,"a\n2,b\n3,' + line + b"\n4,d\n")
    assert (bad(found), [each["No"] for each in good(found)]) == ([(1, 2, "quotes"), (3, 4, "too_large")], ["2", "4"])
    found = rows(tmp_path, b'{"No": "1"}\n{"No": "' + line + b'"}\n{"No": "3"}', "t.jsonl")
    assert (bad(found), good(found)) == ([(2, 2, "too_large")], [{"No": "1"}, {"No": "3"}])


def test_nuls_and_lines_before_the_header(tmp_path: Path) -> None:
    assert good(rows(tmp_path, b"No,City\n7\0,a\n")) == [{"No": "7\0", "City": "a"}]
    assert good(rows(tmp_path, b"Export of today\n\nNo,City\n7,a\n", skip_lines=2)) == [{"No": "7", "City": "a"}]
    assert good(rows(tmp_path, b"7,a\n", header=("No", "City"))) == [{"No": "7", "City": "a"}]


@pytest.mark.parametrize(
    ("header", "findings"),
    [
        ("No,Citty", "map.yaml:1:1: the file must have one column 'City'; got none; did you mean 'Citty'?"),
        ("No,City,City", "map.yaml:1:1: the file must have one column 'City'; got it 2 times"),
        (
            "x",
            "map.yaml:1:1: the file must have one column 'City'; got none\nmap.yaml:1:1: the file must have one column 'No'; got none",
        ),
    ],
)
def test_columns_that_the_file_has_not(tmp_path: Path, header: str, findings: str) -> None:
    with pytest.raises(FindingsError) as error:
        rows(tmp_path, header.encode())
    assert findings == str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none: No such file"):
        TextInput(str(tmp_path / "none"))
    with pytest.raises(UsageError, match="must begin with a header"):
        rows(tmp_path, b"")
    packed = gzip.compress(TEXT.encode())
    assert good(rows(tmp_path, packed, "t.csv.gz")) == TABLE
    for broken in (packed[:-9], b"no gzip"):
        with pytest.raises(UnavailableError, match=r"cannot read .*t\.csv\.gz"):
            rows(tmp_path, broken, "t.csv.gz")


def test_lines_of_json(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"No": 7}\r\n\n[1]\n{"No": \nnull\n{"No": "\xff"}\n{"No": 8}'
    found = rows(tmp_path, data, "t.jsonl")
    assert good(found) == [{"No": 7}, {"No": 8}]
    assert bad(found) == [(2, 3, "not_json"), (3, 4, "not_json"), (4, 5, "not_json"), (5, 6, "not_json")]
    rejected = {"row": 1, "line": 2, "reason": "bad_value", "column": "City", "detail": "must be", "record": {"No": "7"}}
    assert good(rows(tmp_path, json.dumps(rejected).encode(), "t.jsonl")) == [{"No": "7"}]


cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['"', ",", ";", "\n", "\r\n", "\0", '""', "a,b", " x "]
)


@given(
    table=st.lists(st.tuples(st.text("abc123", min_size=1), cells), max_size=8),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_table_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]], delimiter: str, encoding: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("No", "City"), *table])
    found = rows(tmp_path_factory.mktemp("t"), text.getvalue().encode(encoding))
    assert [{"No": number, "City": city} for number, city in table] == [each.row for each in found]
    assert bad(found) == []


@given(st.lists(st.sampled_from(["1,a", '2,"b', '3,"c"', "4", "5,e,f", '6,"x"y', "", '7,"', "8,h"]), max_size=12))
def test_no_line_goes_unseen(tmp_path_factory: pytest.TempPathFactory, broken: list[str]) -> None:
    data = "\n".join(["No,City", *broken, "9,z"]).encode()
    found = rows(tmp_path_factory.mktemp("t"), data)
    # Each line is a row, is told as broken, or lies in a row that goes on to it.
    starts = [each.line for each in found] + [data.count(b"\n") + 2]
    assert sorted(starts) == starts
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    for each, until in zip(found, starts[1:], strict=True):
        inner = each.row["City"].count("\n") if each.row is not None and "City" in each.row else 0
        between = data.decode("utf-8", "replace").split("\n")[each.line : until - 1]
        assert len([line for line in between if line.strip()]) <= inner
