"""`Unmet`: the columns of a map that no row has had so far: names that were mistyped."""

from __future__ import annotations

from operators.language.check import nearest
from operators.rows.checked import RowMap
from operators.rows.event import Row, has

MOST_FIELDS = 1_000
"""So many names of fields are kept, to find one that was meant."""


class Unmet:
    """The columns of a map, less those of the rows that were met."""

    def __init__(self, by: RowMap) -> None:
        self._left = by.columns()
        self._fields: dict[str, None] = {}
        self._rows = 0

    def meet(self, row: Row) -> None:
        """Takes note of a row."""
        self._rows += 1
        if not self._left:
            return
        for name in [name for name, column in self._left.items() if has(row, column)]:
            del self._left[name]
        if self._left and len(self._fields) < MOST_FIELDS:
            self._fields |= dict.fromkeys(names_of(row))

    def names(self) -> list[str]:
        """The columns that no row had; none where there was no row."""
        return list(self._left) if self._rows else []

    def told(self) -> list[str]:
        """A sentence for each, with the name of a field that may be meant."""
        return [f"no row has the column {name!r}{nearest(name, self._fields)}" for name in self.names()]


def names_of(row: Row) -> list[str]:
    """The names of a row's fields, those of objects in it with a dot.

    >>> names_of({"id": 1, "company": {"name": "x"}})
    ['id', 'company', 'company.name']
    """
    found = []
    for name, value in row.items():
        found.append(name)
        if isinstance(value, dict):
            found += [f"{name}.{inner}" for inner in value]
    return found
