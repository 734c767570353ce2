"""What cells are read as: tables of cells, and of what is none."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.instants import format_instant
from operators.rows.checked import Column
from operators.rows.values import date_of, instant_in, list_of, number_of, text_of, truth_of, value_of

NUMBERS: list[tuple[Any, str, float]] = [
    ("12", ".", 12),
    (" -3.50 ", ".", -3.5),
    ("1e3", ".", 1000.0),
    (".5", ".", 0.5),
    ("5.", ".", 5.0),
    ("1,234,567.8", ".", 1234567.8),
    ("1'234.5", ".", 1234.5),
    ("1.234,50", ",", 1234.5),
    ("1 234,5", ",", 1234.5),
    ("3,5", ",", 3.5),
    ("1.234", ",", 1234),
    ("1,234", ".", 1234),
    ("007", ".", 7),
    ("9" * 30, ".", 1e30),
    (7, ".", 7),
    (7.5, ",", 7.5),
]
NO_NUMBERS: list[Any] = ["", "many", "1,2", "1,23,456", "12 EUR", "inf", "nan", "1e999", "0x10", "1_000", "٣", True, None, [], "9" * 500]


@pytest.mark.parametrize(("cell", "decimal", "number"), NUMBERS)
def test_numbers(cell: Any, decimal: str, number: float) -> None:
    found = number_of(cell, decimal)
    assert (number, type(number)) == (found, type(found))


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_what_is_no_number(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"^a number"):
        number_of(cell)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_it_was_written(number: float) -> None:
    assert number == number_of(repr(number)) == number_of(repr(number).replace(".", ","), ",")


def test_truth() -> None:
    assert [truth_of(cell) for cell in ("true", " YES ", "1", 1, True, "x")] == [True] * 6
    assert [truth_of(cell) for cell in ("False", "no", "0", 0, False, "off")] == [False] * 6
    none: list[Any] = ["", "maybe", 2, 1.0, None, []]
    for cell in none:
        with pytest.raises(ValueError, match="true or false"):
            truth_of(cell)


def test_dates() -> None:
    assert [date_of("24.12.1990"), date_of("1990-12-24"), date_of("12/24/90", "%m/%d/%y"), date_of(661996800000, "ms")] == [
        "1990-12-24"
    ] * 4
    for cell, form in (("03/04/1990", None), ("31.02.1990", None), ("24.12.1990", "%m.%d.%Y"), ("", None), (7, None), ("1e300", "ms")):
        with pytest.raises(ValueError, match=r"^a (date|time)"):
            date_of(cell, form)


BERLIN = ZoneInfo("Europe/Berlin")
TIMES: list[tuple[Any, str | None, str]] = [
    ("2026-07-01T12:00:00Z", None, "2026-07-01T12:00:00.000Z"),
    ("2026-07-01T12:00:00+05:30", None, "2026-07-01T06:30:00.000Z"),
    ("2026-07-01 12:00:00", None, "2026-07-01T10:00:00.000Z"),
    ("2026-01-01 12:00:00.123456", None, "2026-01-01T11:00:00.123Z"),
    ("2026-07-01", None, "2026-06-30T22:00:00.000Z"),
    ("01.07.2026 12:00", "%d.%m.%Y %H:%M", "2026-07-01T10:00:00.000Z"),
    ("01.07.2026 12:00 +0000", "%d.%m.%Y %H:%M %z", "2026-07-01T12:00:00.000Z"),
    ("1767603600", "s", "2026-01-05T09:00:00.000Z"),
    (1767603600000.5, "ms", "2026-01-05T09:00:00.000Z"),
    # An hour that is there twice is the first of them, one that is not there follows the clock before it.
    ("2026-10-25 02:30:00", None, "2026-10-25T00:30:00.000Z"),
    ("2026-03-29 02:30:00", None, "2026-03-29T01:30:00.000Z"),
]


@pytest.mark.parametrize(("cell", "form", "instant"), TIMES)
def test_times(cell: Any, form: str | None, instant: str) -> None:
    assert instant == format_instant(instant_in(cell, form, BERLIN))


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("soon", None),
        ("", None),
        (7, None),
        ("2026-13-01", None),
        ("x", "ms"),
        (1e30, "s"),
        ("0001-01-01 00:00:00", None),
        ("1", "%Y"),
        (None, "%Y"),
    ],
)
def test_what_is_no_time(cell: Any, form: str | None) -> None:
    with pytest.raises(ValueError, match=r"^a time"):
        instant_in(cell, form, BERLIN)


def test_texts_and_lists() -> None:
    assert [text_of(cell) for cell in (" a b ", 7, 7.0, "  ")] == ["a b", "7", "7", ""]
    none: list[Any] = [True, 7.5, None, [], {}]
    for cell in none:
        with pytest.raises(ValueError, match="a text"):
            text_of(cell)
    assert (list_of("a, ,b c,", ","), list_of("a,b", ";"), list_of(["x", 1], ",")) == (["a", "b c"], ["a,b"], ["x", 1])


@pytest.mark.parametrize("kind", [None, "text", "number", "boolean", "date", "time", "list"])
@given(cell=st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.lists(st.text())))
def test_whatever_a_cell_is_it_is_a_value_or_a_sentence_without_it(kind: Any, cell: Any) -> None:
    said = ""
    try:
        value_of(cell, Column("c", ("c",), kind))
    except ValueError as error:
        said = str(error)
    assert said == "" or said.startswith(("a ", "true or false"))
