"""`TotalSlot`, `CountSlot`, `CountAfterSlot`: how many events there were, as far as comparisons need it; for `count` and `did`."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable
from typing import Any

from operators.language.nodes import Call
from operators.language.slots import Compared, Slot, Source
from schemas.person import Person


def measure_of(call: Call) -> type[CountSlot]:
    """The slot of a call of `count` or `did`."""
    if call["after"] is not None:
        return CountAfterSlot
    return CountSlot if call["within"] is not None else TotalSlot


class CountSlot(Slot):
    """Times of the events in a window, as many of the last as the comparisons tell apart; all of them where the number itself is used.

    State: `[armed, times]`, the times ascending. Times that have left the window may still be there.
    """

    __slots__ = ("falling", "keep", "shown", "steps")

    def __init__(self, no: int, source: Source, test: Callable[[dict[str, Any], int], Any] | None) -> None:
        super().__init__(no, source, test)
        self.steps: frozenset[int] | None = frozenset()
        self.falling: tuple[int, ...] = ()
        self.keep = 0
        self.shown = False

    def compared(self, uses: Compared) -> None:
        if uses is None:
            self.steps = None
        elif self.steps is not None:
            self.steps |= {step for operator, number in uses for step in _steps(operator, number)}

    def settle(self) -> None:
        self.falling = tuple(sorted(self.steps or (), reverse=True))
        # One more than the comparisons need lets `why` show the number itself at the moment in which it crosses one.
        self.keep = max(self.steps, default=0) + self.shown if self.steps is not None else 0

    @staticmethod
    def time_of(item: Any) -> int:
        """The time of one of the events kept."""
        return int(item)

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        start = now - self.within  # type: ignore[operator]  # see `measure_of`: there is a window
        if t <= start:
            return 0
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, []]
        times = state[1]
        if self.keep == 1 and times:
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

    def expire(self, times: list[Any], now: int) -> None:
        """Forgets what has left the window."""
        if self.within is not None:
            start = now - self.within
            while times and self.time_of(times[0]) <= start:
                del times[0]

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        times = state[1]
        start = now - (self.within or 0)
        leaving = bisect_right(times, start, key=self.time_of)
        mask = self.mask if leaving and self.time_of(times[leaving - 1]) == start else 0
        # What leaves here is not forgotten: where nothing changes the clock stays behind, and a late event is evaluated there.
        self.expire(times, p.clock)
        self.arm(p, state, now)
        return mask

    def due(self, state: list[Any], now: int) -> int | None:
        if self.within is None:
            return None
        times = state[1]
        start = now - self.within
        if self.steps is None:
            staying = bisect_right(times, start, key=self.time_of)
            return self.time_of(times[staying]) + self.within if staying < len(times) else None
        # The count falls below a step when the step-th last event leaves; of those within reach the largest step falls first.
        for step in self.falling:
            if step <= len(times):
                first = self.time_of(times[-step])
                if first > start:
                    return first + self.within
        return None

    def show(self, state: list[Any] | None, now: int) -> int | str:
        """The value as `why` shows it: a number, or `'>= 5'` where no more than 5 are kept since no comparison can tell more apart."""
        value = self.value(state, now)
        return value if self.steps is None or value < self.keep else f">= {value}"

    def value(self, state: list[Any] | None, now: int) -> int:
        if state is None:
            return 0
        times = state[1]
        return len(times) if self.within is None else len(times) - bisect_right(times, now - self.within, key=self.time_of)


class TotalSlot(CountSlot):
    """The number of events of the whole history. State: `[armed, number]`."""

    __slots__ = ()

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, 0]
        state[1] += 1
        return self.mask if self.steps is None or state[1] in self.steps else 0

    def due(self, state: list[Any], now: int) -> int | None:
        return None

    def show(self, state: list[Any] | None, now: int) -> int | str:
        return self.value(state, now)

    def value(self, state: list[Any] | None, now: int) -> int:
        return 0 if state is None else int(state[1])


class CountAfterSlot(CountSlot):
    """Positions of the events after the last event of `after`. State: `[armed, positions, position of the last event of after]`."""

    __slots__ = ()

    @staticmethod
    def time_of(item: Any) -> int:
        return int(item[0])

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, [], None]
        if (state[2] is not None and (t, n) <= tuple(state[2])) or (self.within is not None and t <= now - self.within):
            return 0
        self.expire(state[1], now)
        insort(state[1], [t, n])
        return self.grown(p, state, now)

    def follow(self, p: Person, t: int, n: int, now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, [], None]
        if state[2] is not None and (t, n) <= tuple(state[2]):
            return 0
        first = state[2] is None
        state[2] = [t, n]
        positions = state[1]
        gone = bisect_right(positions, [t, n])
        del positions[:gone]
        return self.mask if gone or (first and positions) else 0

    def value(self, state: list[Any] | None, now: int) -> int:
        return 0 if state is None or state[2] is None else super().value(state, now)


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
