"""Slots: the windowed state of a person that rules are computed from, kept up event by event.

A slot is one distinct (measure, events, where, within, after, property), shared by all rules that need it. Its state is a list whose first
item is the instant for which the slot stands in the person's heap (0: it does not); the rest is the measure's own and holds no more than
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

from bisect import bisect_right, insort
from collections.abc import Callable
from heapq import heappush
from math import inf
from typing import Any, NamedTuple

from operators.decode import storable
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
        if due and (not state[0] or due < state[0]):
            state[0] = due
            heappush(p.heap, due << SLOT_BITS | self.no)

    def due(self, state: list[Any], now: int) -> int:
        """The earliest boundary after `now`, 0 where there is none."""
        raise NotImplementedError(type(self).__name__)

    def value(self, state: list[Any] | None, now: int) -> Any:
        """The value at `now`; `state` is None where no event has reached the slot."""
        raise NotImplementedError(type(self).__name__)


def next_mark(start: int, marks: tuple[int, ...], now: int) -> int:
    """The earliest `start + mark` after `now`, 0 where there is none; marks ascend.

    >>> next_mark(100, (5, 10), 105), next_mark(100, (5, 10), 110)
    (110, 0)
    """
    elapsed = now - start
    for mark in marks:
        if mark > elapsed:
            return start + mark
    return 0


def marks_of(durations: set[int], within: int | None) -> tuple[int, ...]:
    """How long after an event the truth of a rule may change: at each duration that is compared, 1 ms later, and at the end of the
    window."""
    marks = {duration + extra for duration in durations for extra in (0, 1)}
    return tuple(sorted(marks | ({within} if within is not None else set())))


class CountSlot(Slot):
    """Times of events, as many of the last as the comparisons tell apart; all of them where the number itself is used.

    State: `[armed, times]`; without window and `after` only the number, `[armed, number]`; with `after` positions for times and the last
    event of `after` behind them: `[armed, positions, position]`.
    """

    __slots__ = ("keep", "shown", "steps", "total")

    def __init__(self, no: int, source: Source, test: Callable[[dict[str, Any], int], Any] | None) -> None:
        super().__init__(no, source, test)
        self.steps: frozenset[int] | None = frozenset()
        self.keep = 0
        self.shown = False
        self.total = self.within is None and not self.after

    def compared(self, uses: Compared) -> None:
        if uses is None:
            self.steps = None
        elif self.steps is not None:
            self.steps |= {step for operator, number in uses for step in _steps(operator, number)}

    def settle(self) -> None:
        # One more than the comparisons need lets `why` show the number itself at the moment in which it crosses one.
        self.keep = max(self.steps, default=0) + self.shown if self.steps is not None else 0

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if self.total:
            if state is None:
                state = p.slots[self.no] = [0, 0]
            state[1] += 1
            return self.mask if self.steps is None or state[1] in self.steps else 0
        if state is None:
            state = p.slots[self.no] = [0, [], None] if self.after else [0, []]
        times = state[1]
        if self.after:
            if state[2] is not None and (t, n) <= tuple(state[2]):
                return 0
            self.expire(times, now)
            if self.within is None or t > now - self.within:
                insort(times, [t, n])
                return self.grown(p, state, now)
            return 0
        start = now - self.within  # type: ignore[operator]  # neither a total nor after: there is a window
        if t <= start:
            return 0
        if self.keep == 1:
            if not times:
                times.append(t)
            else:
                last = times[0]
                if t > last:
                    times[0] = t
                if last > start:
                    return 0
            self.arm(p, state, now)
            return self.mask
        while times and times[0] <= start:
            del times[0]
        if times and t < times[-1]:
            insort(times, t)
        else:
            times.append(t)
        return self.grown(p, state, now)

    def grown(self, p: Person, state: list[Any], now: int) -> int:
        """After an event came in: forgets what no comparison can tell, and says whether one can."""
        times = state[1]
        if self.steps is not None:
            if len(times) > self.keep:
                del times[0]
                return 0
            if len(times) not in self.steps:
                return 0
        self.arm(p, state, now)
        return self.mask

    def follow(self, p: Person, t: int, n: int, now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [0, [], None]
        if state[2] is not None and (t, n) <= tuple(state[2]):
            return 0
        first = state[2] is None
        state[2] = [t, n]
        positions = state[1]
        gone = bisect_right(positions, [t, n])
        del positions[:gone]
        return self.mask if gone or (first and positions) else 0

    def expire(self, times: list[Any], now: int) -> None:
        """Forgets what has left the window."""
        if self.within is not None:
            start = now - self.within
            while times and (times[0][0] if self.after else times[0]) <= start:
                del times[0]

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        times = state[1]
        before = len(times)
        self.expire(times, now)
        self.arm(p, state, now)
        return self.mask if len(times) != before else 0

    def due(self, state: list[Any], now: int) -> int:
        if self.within is None or not state[1]:
            return 0
        times = state[1]
        if self.steps is None:
            first = times[0]
        else:
            # The count falls below a step when the step-th last event leaves; the largest step within reach falls first.
            step = max((step for step in self.steps if step <= len(times)), default=0)
            if not step:
                return 0
            first = times[-step]
        return int((first[0] if self.after else first) + self.within)

    def show(self, state: list[Any] | None, now: int) -> int | str:
        """The value as `why` shows it: a number, or `'>= 5'` where no more than 5 are kept since no comparison can tell more apart."""
        value = self.value(state, now)
        return value if self.total or self.steps is None or value < self.keep else f">= {value}"

    def value(self, state: list[Any] | None, now: int) -> int:
        if state is None:
            return 0
        if self.total:
            return int(state[1])
        times = state[1]
        if self.after and state[2] is None:
            return 0
        if self.within is None:
            return len(times)
        start = now - self.within
        return len(times) - (bisect_right(times, start) if not self.after else bisect_right(times, start, key=lambda position: position[0]))


def _steps(operator: str, number: float) -> tuple[int, ...]:
    """The counts k for which `count >= k` decides the comparison; only those that a count can reach (1 and more).

    >>> _steps(">", 3), _steps("==", 2), _steps("<", 2.5)
    ((4,), (2, 3), (3,))
    """
    floor = int(number // 1)
    above = floor + 1
    at = floor if floor == number else above
    wanted = {">": (above,), "<=": (above,), ">=": (at,), "<": (at,)}.get(operator, (floor, above) if floor == number else ())
    return tuple(step for step in wanted if step >= 1)


class LatestSlot(Slot):
    """The latest event (by time, then arrival), or the value of its property: `since` and `last`.

    State: `[armed, time, value]`, None for both where there is no event; with `after` also the arrival and the last event of `after`:
    `[armed, time, value, arrival, position]`.
    """

    __slots__ = ("durations", "marks", "opaque", "shortest")

    def __init__(self, no: int, source: Source, test: Callable[[dict[str, Any], int], Any] | None) -> None:
        super().__init__(no, source, test)
        self.durations: set[int] = set()
        self.opaque = False
        self.shortest: float = 0
        self.marks: tuple[int, ...] = ()

    def compared(self, uses: Compared) -> None:
        self.opaque |= uses is None
        if self.property is None:
            self.durations |= {int(ms) for _, ms in uses or ()}

    def settle(self) -> None:
        self.shortest = 0 if self.opaque else min(self.durations, default=inf)
        self.marks = marks_of(self.durations, self.within)

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        value = None
        if self.property is not None:
            value = at_path(properties, self.property)
            if value is None:
                return 0
            value = storable(value)
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [0, None, None, 0, None] if self.after else [0, None, None]
        before = state[1]
        if before is not None and t < before:
            return 0
        if self.within is not None and t <= now - self.within:
            return 0
        same = before is not None and self.unchanged(state, before, value, now)
        state[1] = t
        state[2] = value
        if self.after:
            state[3] = n
        elif same:
            return 0
        self.arm(p, state, now)
        return self.mask

    def unchanged(self, state: list[Any], before: int, value: Any, now: int) -> bool:
        """True where no rule can tell the new latest event from the one before; its boundary can only be later then."""
        if self.within is not None and before <= now - self.within:
            return False
        if self.property is not None:
            return type(value) is type(state[2]) and not isinstance(value, (list, dict)) and bool(value == state[2])
        return now - before < self.shortest

    def follow(self, p: Person, t: int, n: int, now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [0, None, None, 0, None]
        if state[4] is not None and (t, n) <= tuple(state[4]):
            return 0
        state[4] = [t, n]
        return self.mask if state[1] is not None else 0

    def due(self, state: list[Any], now: int) -> int:
        t = state[1]
        return next_mark(t, self.marks, now) if t is not None else 0

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        self.arm(p, state, now)
        return self.mask if state[1] is not None and now - state[1] in self.marks else 0

    def value(self, state: list[Any] | None, now: int) -> Any:
        if state is None or state[1] is None or (self.within is not None and state[1] <= now - self.within):
            return None
        if self.after and (state[4] is None or (state[1], state[3]) <= tuple(state[4])):
            return None
        return now - state[1] if self.property is None else state[2]


class EarliestSlot(Slot):
    """The earliest event in the window, or the value of its property: `since_first` and `first`.

    All events of the window are kept, since each becomes the earliest when those before it leave; without window and `after` only the
    earliest. State: `[armed, [[time, arrival, value], ...], position of the last event of after]`.
    """

    __slots__ = ("durations", "marks")

    def __init__(self, no: int, source: Source, test: Callable[[dict[str, Any], int], Any] | None) -> None:
        super().__init__(no, source, test)
        self.durations: set[int] = set()
        self.marks: tuple[int, ...] = ()

    def compared(self, uses: Compared) -> None:
        if self.property is None:
            self.durations |= {int(ms) for _, ms in uses or ()}

    def settle(self) -> None:
        self.marks = marks_of(self.durations, self.within)

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        value = None
        if self.property is not None:
            value = at_path(properties, self.property)
            if value is None:
                return 0
            value = storable(value)
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [0, [], None]
        kept = state[1]
        if (state[2] is not None and (t, n) <= tuple(state[2])) or (self.within is not None and t <= now - self.within):
            return 0
        place = bisect_right(kept, t, key=lambda event: event[0])
        if self.within is None and not self.after:
            if place:
                return 0
            kept.clear()
        kept.insert(place, [t, n, value])
        if place and self.within is not None and kept[0][0] <= now - self.within:
            self.arm(p, state, now)
            return self.mask
        if place:
            return 0
        self.arm(p, state, now)
        return self.mask

    def follow(self, p: Person, t: int, n: int, now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [0, [], None]
        if state[2] is not None and (t, n) <= tuple(state[2]):
            return 0
        first = state[2] is None
        state[2] = [t, n]
        kept = state[1]
        gone = bisect_right(kept, (t, n), key=lambda event: (event[0], event[1]))
        if not gone and not (first and kept):
            return 0
        del kept[:gone]
        self.arm(p, state, now)
        return self.mask

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        self.expire(state[1], now)
        self.arm(p, state, now)
        return self.mask

    def expire(self, kept: list[Any], now: int) -> None:
        """Forgets what has left the window."""
        if self.within is not None:
            start = now - self.within
            while kept and kept[0][0] <= start:
                del kept[0]

    def due(self, state: list[Any], now: int) -> int:
        for t, _, _ in state[1]:
            if self.within is None or t + self.within > now:
                return next_mark(t, self.marks, now)
        return 0

    def value(self, state: list[Any] | None, now: int) -> Any:
        if state is None or (self.after and state[2] is None):
            return None
        start = None if self.within is None else now - self.within
        for t, _, value in state[1]:
            if start is None or t > start:
                return now - t if self.property is None else value
        return None


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

    def rearm(self, p: Person, now: int) -> None:
        """Arms the next boundary of what the duration now counts from."""
        start = self.start(p, now)
        due = next_mark(start, self.marks, now) if start is not None else 0
        if not due:
            return
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [0]
        if not state[0] or due < state[0]:
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
