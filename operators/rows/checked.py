"""A checked map: all that is needed to make an event of a row, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, Literal

from schemas.mapping import ColumnType

Path = tuple[str, ...]
"""The way to a field of an object; one step where it lies at the top."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and how its cells are read: `type` is None where they stay what they are. `path` is the name, split at its dots. `prefix`
    stands before an id."""

    name: str
    path: Path
    type: ColumnType | None = None
    format: str | None = None
    zone: tzinfo = UTC
    separator: str = ","
    decimal: Literal[".", ","] = "."
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class RowMap:
    """What becomes of a row. `fields` are traits, or with an `event` properties, by the way to them; `set` are those of all rows. `skip`
    has the values, as text, of rows that are left out. Where `clear`, an empty cell takes a trait away."""

    source: str
    user_id: Column | None = None
    anonymous_id: Column | None = None
    email: Column | None = None
    fields: tuple[tuple[Path, Column], ...] = ()
    set: tuple[tuple[Path, Any], ...] = ()
    time: Column | None = None
    event: str = ""
    skip: tuple[tuple[Column, frozenset[str]], ...] = ()
    clear: bool = False

    def columns(self) -> dict[str, Column]:
        """All columns that are read by their names, in order."""
        one = (self.user_id, self.anonymous_id, self.email, self.time)
        found = [*(each for each in one if each is not None), *(each for _, each in self.fields), *(each for each, _ in self.skip)]
        return {each.name: each for each in found}


@dataclass(frozen=True, slots=True)
class ImportMap:
    """How a file is read, and what becomes of its rows. `at_ms` is the time of rows that have none, `header` the columns of a file that
    does not name them."""

    rows: RowMap
    at_ms: int | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: tuple[str, ...] | None = None
    skip_lines: int = 0
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Line and column of the map where a column of the table is named first."""
