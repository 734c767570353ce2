"""`Import`: the rows of a file as events, one after the other, and a tally of what became of them.

*Guarantees*: a row becomes an event, is left out as the map says, or is rejected with its number and reason; none goes without being
counted. Memory does not grow with the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from flows.collect.edge import key_of
from flows.imports.tables import Numbered
from operators.rows.checked import RowMap
from operators.rows.event import RowReject, event_of
from operators.rows.unmet import Unmet

Keyed = tuple[str, bytes]
"""Whom an event is of, and the event: JSON in one line."""


@dataclass(slots=True)
class Tally:
    """What became of rows."""

    rows: int = 0
    events: int = 0
    skipped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class Import:
    """Rows by a map; `rejected` is called with each that makes no event, `halted` says whether to end. `at_ms` is the time of rows that
    have none. `tally` and `unmet` tell more once the lines were taken."""

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
        self.unmet = Unmet(by)

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
            self.unmet.meet(numbered.row)
            made = event_of(numbered.row, self._by, self._at_ms)
            if made is None:
                tally.skipped += 1
            elif isinstance(made, RowReject):
                self._reject(numbered, made)
            else:
                tally.events += 1
                yield key_of(made.record) or "", made.line

    def _reject(self, numbered: Numbered, reject: RowReject | None) -> None:
        assert reject is not None
        self.tally.rejected[reject.reason] += 1
        self._rejected(numbered, reject)


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
