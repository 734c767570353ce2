"""Dates: `iso_date`, the form of ISO 8601, of dates as people write them."""

from __future__ import annotations

import re
from datetime import date
from functools import cache, lru_cache

from operators.clean.countries import folded, languages_around, locale_of
from operators.instants import parse_instant

MONTH_FIRST = frozenset({"US", "PH", "FM", "MH", "PW"})
"""Countries in which 3/4 is the fourth of March."""

_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_WORD_BETWEEN = re.compile(r"(\d{1,2})(?:\.|st|nd|rd|th)?\s*(?:de\s+)?([^\W\d_]+)\.?,?\s*(?:de\s+)?(\d{4})")
_WORD_FIRST = re.compile(r"([^\W\d_]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00:00)?", re.ASCII)


@lru_cache(maxsize=1024)
def iso_date(text: str, country: str | None = None) -> str | None:
    """The date as `YYYY-MM-DD`; None where it is none, or could be two. An instant of RFC 3339 stays one, but midnight (UTC) is a date.

    >>> iso_date("24.12.1990"), iso_date("December 24th, 1990"), iso_date("03/04/1990", "US"), iso_date("03/04/1990", "GB")
    ('1990-12-24', '1990-12-24', '1990-03-04', '1990-04-03')
    >>> iso_date("03/04/1990") is None, iso_date("31.02.1990") is None, iso_date("1990-12-24T00:00:00Z")
    (True, True, '1990-12-24')
    """
    text = text.strip()
    if (found := _MIDNIGHT.fullmatch(text)) is not None:
        text = found[1]
    if (found := _YEAR_FIRST.fullmatch(text)) is not None:
        return _date(found[1], found[3], found[4])
    if (found := _YEAR_LAST.fullmatch(text)) is not None:
        return _day_or_month_first(found[1], found[2], found[3], found[4], country)
    if (found := _WORD_BETWEEN.fullmatch(text)) is not None:
        return _date(found[3], _month(found[2], country), found[1])
    if (found := _WORD_FIRST.fullmatch(text)) is not None:
        return _date(found[3], _month(found[1], country), found[2])
    return text if _is_instant(text) else None


def _day_or_month_first(one: str, mark: str, other: str, year: str, country: str | None) -> str | None:
    """Dots stand behind days; else the country says what comes first, or the numbers do."""
    if mark == "." or int(one) > 12:
        return _date(year, other, one)
    if int(other) > 12 or country in MONTH_FIRST:
        return _date(year, one, other)
    return _date(year, other, one) if country is not None or one == other else None


def _date(year: str, month: str | None, day: str) -> str | None:
    if month is None:
        return None
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def _month(word: str, country: str | None) -> str | None:
    """The number of a month by its name."""
    name = folded(word)
    return next((months[name] for language in languages_around(country) if name in (months := _months(language))), None)


@cache
def _months(language: str) -> dict[str, str]:
    locale = locale_of(language)
    if locale is None:
        return {}
    widths = [locale.months[form][width] for form in ("format", "stand-alone") for width in ("wide", "abbreviated")]
    return {folded(str(name)): str(number) for names in widths for number, name in names.items()}


def _is_instant(text: str) -> bool:
    try:
        parse_instant(text)
    except ValueError:
        return False
    return True
