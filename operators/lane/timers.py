"""The timer index: which person has a boundary next, over all persons of a lane.

The index lives in the store, `due | person`; its front is held in memory, up to the horizon, so that the next instant is known without a
look into the store. An entry that differs from the person's `armed` is stale; whoever takes it drops it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from heapq import heapify, heappop, heappush, nsmallest

from operators.lane.keys import TIMERS, TIMERS_END, due_in, person_in, timer_key
from operators.lane.store import Store, Writes

_FRONT = 20_000
"""Entries loaded at a time; the front is cut back to as many when it holds twice as many."""

Entry = tuple[int, str]
"""Due and person."""
_Keyed = tuple[int, bytes]
"""Due, and the entry's key in the store."""


class Timers:
    """The index of one lane. `next` is the earliest due, None where there is none."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._front: list[_Keyed] = []
        self._horizon: _Keyed | None = None
        self._unwritten: list[_Keyed] = []
        self._load(TIMERS)

    @property
    def next(self) -> int | None:
        """The earliest due in ms, None where the index is empty."""
        if not self._front and self._horizon is not None:
            self._load(self._horizon[1] + b"\0")
        return self._front[0][0] if self._front else None

    def add(self, due: int, person: str, writes: Writes) -> None:
        """Adds an entry; it becomes durable with `writes`."""
        key = timer_key(due, person)
        writes.put(key, b"")
        entry = (due, key)
        self._unwritten.append(entry)
        if self._horizon is None or entry <= self._horizon:
            heappush(self._front, entry)
            if len(self._front) > 2 * _FRONT:
                self._front = nsmallest(_FRONT, self._front)
                self._horizon = self._front[-1]

    def pop(self, writes: Writes) -> Entry:
        """Takes the earliest entry out; gives its due and its person."""
        due, key = heappop(self._front)
        writes.delete(key)
        return due, person_in(key)

    def drop(self, persons: Collection[str], is_due: Callable[[str, int], bool], writes: Writes) -> None:
        """Takes all stale entries of some persons out; `is_due` says which is not. There must be none that is not written."""
        gone, start = set[bytes](), TIMERS
        while pairs := self._store.scan(start, TIMERS_END, _FRONT):
            gone |= {key for key, _ in pairs if (id := person_in(key)) in persons and not is_due(id, due_in(key))}
            start = pairs[-1][0] + b"\0"
        for key in sorted(gone):
            writes.delete(key)
        self._front = [entry for entry in self._front if entry[1] not in gone]
        heapify(self._front)

    def written(self) -> None:
        """The writes up to now are durable: what was added will be found in the store."""
        self._unwritten.clear()

    def _load(self, start: bytes) -> None:
        pairs = self._store.scan(start, TIMERS_END, _FRONT)
        self._front = [(due_in(key), key) for key, _ in pairs]
        self._horizon = self._front[-1] if len(pairs) == _FRONT else None
        # Entries that are not written yet are not in the store. One that was taken out again comes back stale, and is dropped when met.
        within = [entry for entry in self._unwritten if self._horizon is None or entry <= self._horizon]
        self._front = list({*self._front, *within})
        heapify(self._front)
