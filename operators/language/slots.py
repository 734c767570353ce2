"""Slots: the windowed state of a person that rules are computed from, kept up event by event.

A slot is one distinct (measure, events, where, within, after, property), shared by all rules that need it. Its state is a list whose first
item is the instant for which the slot stands in the person's heap (None: it does not); the rest is the measure's own and holds no more than
its comparisons need.

The rules of the file:
- `add` and `follow` (an event of `after`) return the mask of the rules whose truth may have changed, 0 where none can.
- A boundary is armed lazily: the entry in the heap is never later than the slot's next boundary, and may be earlier; `fire` then finds
  that nothing has changed and arms the next. An event that only moves a boundary to later costs nothing.
- Events that came before any event of `after` are kept, but not seen: an event of `after` that arrives late may lie before them.
- An event's position is `(t, n)`: its time and its number of arrival, so "later, or at the same instant and arrived later" is the order of
  tuples.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any, NamedTuple

from schemas.person import SLOT_BITS, Person

Compared = tuple[tuple[str, float], ...] | None
"""What a value is compared with: `(operator, number or ms)` each; None where it is used in any other way."""


class Source(NamedTuple):
    """The events that a slot looks at. `where` is its canonical text, `test` its closure, None where there is none."""

    events: tuple[str, ...]
    where: str | None
    within: int | None
    after: tuple[str, ...] | None
    property: tuple[str, ...] | None


class Slot:
    """What all slots have in common; `mask` names the rules that are computed from it, a bit each."""

    __slots__ = ("after", "mask", "no", "property", "test", "within")

    def __init__(self, no: int, source: Source, test: Callable[[dict[str, Any], int], Any] | None) -> None:
        self.no = no
        self.mask = 0
        self.within = source.within
        self.after = source.after is not None
        self.property = source.property
        self.test = test

    def compared(self, uses: Compared) -> None:
        """Takes note of one more use of the slot's value."""

    def settle(self) -> None:
        """Called once, when all uses are known."""

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        """An event of the slot that satisfies its `where`."""
        raise NotImplementedError(type(self).__name__)

    def follow(self, p: Person, t: int, n: int, now: int) -> int:
        """An event of the slot's `after`."""
        raise NotImplementedError(type(self).__name__)

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        """The armed instant has come: arms the next, and says which rules to look at."""
        self.arm(p, state, now)
        return self.mask

    def arm(self, p: Person, state: list[Any], now: int) -> None:
        """Puts the earliest boundary after `now` into the person's heap, unless an entry that is no later stands there."""
        due = self.due(state, now)
        if due is not None and (state[0] is None or due < state[0]):
            state[0] = due
            heappush(p.heap, due << SLOT_BITS | self.no)

    def rearm(self, p: Person, state: list[Any], now: int) -> None:
        """As `arm`, also where the boundaries after `now` were evaluated before."""
        self.arm(p, state, now)

    def due(self, state: list[Any], now: int) -> int | None:
        """The earliest boundary after `now`, None where there is none."""
        raise NotImplementedError(type(self).__name__)

    def value(self, state: list[Any] | None, now: int) -> Any:
        """The value at `now`; `state` is None where no event has reached the slot."""
        raise NotImplementedError(type(self).__name__)


def next_mark(start: int, marks: tuple[int, ...], now: int) -> int | None:
    """The earliest `start + mark` after `now`, None where there is none; marks ascend.

    >>> next_mark(100, (5, 10), 105), next_mark(100, (5, 10), 110)
    (110, None)
    """
    elapsed = now - start
    for mark in marks:
        if mark > elapsed:
            return start + mark
    return None


def marks_of(durations: set[int], within: int | None) -> tuple[int, ...]:
    """How long after an event the truth of a rule may change: at each duration that is compared, 1 ms later, and at the end of the
    window."""
    marks = {duration + extra for duration in durations for extra in (0, 1)}
    return tuple(sorted(marks | ({within} if within is not None else set())))


class TimerSlot(Slot):
    """Boundaries of a duration that hangs on no window: `age(x)`, `in_segment_for(id)`. State: `[armed]`.

    `start` gives the instant that the duration counts from, None where there is none; it is asked again whenever a rule that uses it was
    computed.
    """

    __slots__ = ("durations", "marks", "start")

    def __init__(self, no: int, start: Callable[[Person, int], int | None], durations: set[int]) -> None:
        super().__init__(no, Source((), None, None, None, None), None)
        self.start = start
        self.durations = durations
        self.marks: tuple[int, ...] = ()

    def settle(self) -> None:
        self.marks = marks_of(self.durations, None)

    def rearm(self, p: Person, state: list[Any], now: int) -> None:
        self.start_anew(p, now)

    def start_anew(self, p: Person, now: int) -> None:
        """Arms the next boundary of what the duration now counts from."""
        start = self.start(p, now)
        due = next_mark(start, self.marks, now) if start is not None else None
        if due is None:
            return
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None]
        if state[0] is None or due < state[0]:
            state[0] = due
            heappush(p.heap, due << SLOT_BITS | self.no)

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        return self.mask


def at_path(value: Any, path: tuple[str, ...]) -> Any:
    """What lies at the path in nested objects; None where it leads nowhere.

    >>> at_path({"a": {"b": 1}}, ("a", "b")), at_path({"a": 1}, ("a", "b"))
    (1, None)
    """
    for step in path:
        if type(value) is not dict:
            return None
        value = value.get(step)
    return value
