"""Stamps of ESPs as ms since 1970, None where one cannot be read: an event then counts at its receipt."""

from __future__ import annotations

from datetime import UTC
from math import isfinite
from typing import Any

from operators.instants import EARLIEST, LATEST, instant_of


def of_text(value: Any) -> int | None:
    """RFC 3339, with any number of decimals.

    >>> of_text("2014-08-01T13:28:10.2735393-04:00"), of_text("soon"), of_text(7)
    (1406914090273, None, None)
    """
    return instant_of(value, UTC) if type(value) is str else None


def of_seconds(value: Any) -> int | None:
    """Seconds, whole or not.

    >>> of_seconds(1521233123.501324), of_seconds("1513299569"), of_seconds(True), of_seconds(1e300)
    (1521233123501, 1513299569000, None, None)
    """
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 12:
        value = int(value)
    if type(value) not in (int, float) or not isfinite(value):
        return None
    ms = int(value * 1000)
    return ms if EARLIEST <= ms <= LATEST else None
