"""What a cell says: a text, number, truth, date, instant or list.

A ValueError tells what the cell must be, never what it is: that may be personal."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

from operators.clean.dates import iso_date
from operators.instants import EARLIEST, LATEST, format_instant, instant_of
from operators.rows.checked import Column

TRUE = frozenset({"true", "yes", "y", "on", "t", "x", "1"})
FALSE = frozenset({"false", "no", "n", "off", "f", "0"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d:\d\d)\Z")
_MARKS = r"' \u00a0\u202f"
"""What may stand between thousands, beside the other of comma and point."""
_GROUPED = {
    ".": re.compile(rf"[+-]?\d{{1,3}}(?:[,{_MARKS}]\d{{3}})+(?:\.\d*)?", re.ASCII),
    ",": re.compile(rf"[+-]?\d{{1,3}}(?:[.{_MARKS}]\d{{3}})+(?:,\d*)?", re.ASCII),
}
_PLAIN = {
    ".": re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII),
    ",": re.compile(r"[+-]?(?:\d+(?:,\d*)?|,\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII),
}
_MOST_DIGITS = 400
_MOST_INTEGER = 2**63


def value_of(cell: Any, column: Column) -> Any:
    """The value of a cell that is not empty; ValueError, with what it must be, where it is none.

    >>> value_of(" 1.234,50 ", Column("Sum", ("Sum",), "number", decimal=",")), value_of("a; b", Column("T", ("T",), "list", separator=";"))
    (1234.5, ['a', 'b'])
    """
    match column.type:
        case None:
            return cell.strip() if isinstance(cell, str) else cell
        case "text":
            return text_of(cell)
        case "number":
            return number_of(cell, column.decimal)
        case "boolean":
            return truth_of(cell)
        case "date":
            return date_of(cell, column.format)
        case "time":
            return format_instant(instant_in(cell, column.format, column.zone))
        case "list":
            return list_of(cell, column.separator)


def text_of(cell: Any) -> str:
    """A text; of a whole number its digits."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    raise ValueError("a text")


def number_of(cell: Any, decimal: str = ".") -> float:
    """A number: whole where it is written so.

    >>> number_of("1,234.5"), number_of("12"), number_of("1.234,5", ",")
    (1234.5, 12, 1234.5)
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    text = cell.strip() if isinstance(cell, str) else ""
    grouped = _GROUPED[decimal].fullmatch(text) is not None
    if len(text) > _MOST_DIGITS or not (grouped or _PLAIN[decimal].fullmatch(text)):
        raise ValueError("a number")
    if grouped:
        text = re.sub(rf"[^0-9{decimal}+-]", "", text)
    text = text.replace(decimal, ".")
    if text.lstrip("+-").isdecimal() and abs(whole := int(text)) < _MOST_INTEGER:
        return whole
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number of a size that JSON can hold")
    return number


def truth_of(cell: Any) -> bool:
    """True or false.

    >>> truth_of("Yes"), truth_of(0)
    (True, False)
    """
    if isinstance(cell, bool):
        return cell
    word = str(cell).strip().lower() if isinstance(cell, str | int) else ""
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError("true or false, yes or no, 1 or 0")


def date_of(cell: Any, form: str | None = None) -> str:
    """A date, `YYYY-MM-DD`.

    >>> date_of("24.12.1990"), date_of("12/24/90", "%m/%d/%y"), date_of("661996800", "s")
    ('1990-12-24', '1990-12-24', '1990-12-24')
    """
    if form is not None:
        return format_instant(instant_in(cell, form, UTC))[:10]
    found = iso_date(cell, None) if isinstance(cell, str) else None
    if found is None:
        raise ValueError("a date such as 1990-12-24; another form must stand in `format`")
    return found[:10]


def instant_in(cell: Any, form: str | None, zone: tzinfo) -> int:
    """The instant of a cell, in ms since 1970; in `zone` where it names no offset.

    >>> from zoneinfo import ZoneInfo
    >>> format_instant(instant_in("05.01.2026 01:00", "%d.%m.%Y %H:%M", ZoneInfo("Europe/Berlin")))
    '2026-01-05T00:00:00.000Z'
    """
    if form in ("ms", "s"):
        ms = _since_1970(cell, form)
    elif form is not None:
        ms = _written(cell, form, zone)
    else:
        ms = _rfc_3339(cell, zone)
    if ms is None or not EARLIEST <= ms <= LATEST:
        raise ValueError(f"a time {_form_of(form)}")
    return ms


def _form_of(form: str | None) -> str:
    if form is None:
        return "such as 2026-01-05T10:00:00Z; another form must stand in `format`"
    return f"in the form {form}" if form not in ("ms", "s") else f"in {form} since 1970"


def _since_1970(cell: Any, form: str) -> int | None:
    try:
        number = number_of(cell)
    except ValueError:
        return None
    ms = number * (1000 if form == "s" else 1)
    return int(ms // 1) if EARLIEST <= ms <= LATEST else None


def _written(cell: Any, form: str, zone: tzinfo) -> int | None:
    try:
        return _parsed(text_of(cell), form, zone)
    except ValueError:
        return None


@lru_cache(maxsize=16_384)
def _parsed(text: str, form: str, zone: tzinfo) -> int | None:
    """Rows repeat their dates, and strptime is slow."""
    try:
        found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is that of the map
        return _ms(found if found.tzinfo is not None else found.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return None


def _rfc_3339(cell: Any, zone: tzinfo) -> int | None:
    text = cell.strip() if isinstance(cell, str) else ""
    ms = instant_of(text, zone)
    if ms is None or zone is UTC or len(text) <= len("2026-01-05") or _OFFSET.search(text):
        return ms
    # It was read as UTC: the same numbers on the clock of the zone.
    try:
        return _ms(datetime.fromisoformat(format_instant(ms)[:-1]).replace(tzinfo=zone))
    except OverflowError:
        return None


def _ms(found: datetime) -> int:
    since = found - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def list_of(cell: Any, separator: str) -> list[Any]:
    """Texts between separators, the empty ones left out; of JSON a list as it is."""
    if isinstance(cell, list):
        return cell
    return [part for each in text_of(cell).split(separator) if (part := each.strip())]
