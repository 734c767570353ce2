"""`Import`: the rows of a file as events, one after the other, and a tally of what became of them.

*Guarantees*: a row becomes an event, is left out as the map says, or is rejected with its number and reason; none goes without being
counted. Memory does not grow with the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flows.collect.edge import key_of
from flows.imports.tables import Numbered
from operators.rows.checked import Column, RowMap
from operators.rows.event import RowReject, cell, event_of

Keyed = tuple[str, bytes]
"""Whom an event is of, and the event: JSON in one line."""
MOST_FIELDS = 1_000
"""So many names of fields are kept, to find one that was meant."""


@dataclass(slots=True)
class Tally:
    """What became of rows."""

    rows: int = 0
    events: int = 0
    skipped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class Import:
    """Rows by a map; `rejected` is called with each that makes no event, `halted` says whether to end. `at_ms` is the time of rows that
    have none. `tally` and `never` tell more once the lines were taken."""

    def __init__(
        self,
        rows: Iterable[Numbered],
        by: RowMap,
        at_ms: int | None,
        rejected: Callable[[Numbered, RowReject], None],
        halted: Callable[[], bool],
    ) -> None:
        self._rows, self._by, self._at_ms, self._rejected, self._halted = rows, by, at_ms, rejected, halted
        self.tally = Tally()
        self.fields: dict[str, None] = {}
        self._unmet = {name: Column(name, tuple(name.split("."))) for name in by.columns()}

    def lines(self) -> Iterator[Keyed]:
        """The events."""
        tally = self.tally
        for numbered in self._rows:
            if self._halted():
                return
            tally.rows += 1
            if numbered.reject is not None or numbered.row is None:
                self._reject(numbered, numbered.reject)
                continue
            if self._unmet:
                self._meet(numbered.row)
            made = event_of(numbered.row, self._by, self._at_ms)
            if made is None:
                tally.skipped += 1
            elif isinstance(made, RowReject):
                self._reject(numbered, made)
            else:
                tally.events += 1
                yield key_of(made.record) or "", made.line

    @property
    def never(self) -> list[str]:
        """The columns of the map that no row had."""
        return list(self._unmet) if self.tally.rows > self.tally.rejected.total() else []

    def _reject(self, numbered: Numbered, reject: RowReject | None) -> None:
        assert reject is not None
        self.tally.rejected[reject.reason] += 1
        self._rejected(numbered, reject)

    def _meet(self, row: Any) -> None:
        for name in [name for name, column in self._unmet.items() if name in row or cell(row, column) is not None]:
            del self._unmet[name]
        if len(self.fields) < MOST_FIELDS:
            self.fields |= dict.fromkeys(row)


def chunks(lines: Iterable[Keyed], most: int, most_bytes: int) -> Iterator[list[Keyed]]:
    """The lines, some at a time: at most so many, and about so many bytes.

    >>> [len(each) for each in chunks([("a", b"x" * 6)] * 5, 3, 12)]
    [2, 2, 1]
    """
    chunk: list[Keyed] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line[1])
        if len(chunk) >= most or size >= most_bytes:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
