"""`TotalSlot`, `CountSlot`, `CountAfterSlot`: how many events there were, as far as comparisons need it; for `count` and `did`."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from operators.language.nodes import Call
from operators.language.sizes import LONG, NUMBER, POSITION, Part, Size
from operators.language.slots import Compared, Slot
from schemas.person import Person

if TYPE_CHECKING:
    from operators.language.compile import Context


def measure_of(call: Call) -> type[CountSlot]:
    """The slot of a call of `count` or `did`."""
    if call["after"] is not None:
        return CountAfterSlot
    return TotalSlot if call["within"] is None and call["this"] is None else CountSlot


class CountSlot(Slot):
    """Times of the events in a window, as many of the last as the comparisons tell apart; all of them where the number itself is used.

    State: `[armed, times]`, the times ascending. Times that have left the window may still be there.
    """

    __slots__ = ("falling", "keep", "shown", "steps")
    windows = 1

    def __init__(self, no: int, call: Call, context: Context) -> None:
        super().__init__(no, call, context)
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

    def needs(self) -> str:
        return "all" if self.steps is None else f"last {self.keep}"

    def is_enough(self, needs: str) -> bool:
        return needs in (self.needs(), "all") or (self.steps is not None and int(needs.removeprefix("last ")) >= self.keep)

    def carry(self, before: list[Any], filled: list[Any] | None) -> list[Any]:
        """Both know the latest events, the one as many as it needed, the other as many as the history has."""
        times = max(before[1], filled[1] if filled is not None else [], key=len)
        return [None, times if self.steps is None else times[max(len(times) - self.keep, 0) :], *before[2:]]

    def size(self) -> Size:
        return self.many(Part(NUMBER), self.frame() + Part(LONG))

    def many(self, event: Part, fixed: Part) -> Size:
        """The size with so much for each event, of which a limited number may be kept."""
        return Size(fixed, event) if self.steps is None else Size(fixed + Part(event.bytes * self.keep))

    @staticmethod
    def time_of(item: Any) -> int:
        """The time of one of the events kept."""
        return item  # type: ignore[no-any-return]  # the times themselves

    @staticmethod
    def gone(times: list[Any], start: int) -> int:
        """How many of the events kept lie at `start` or before it."""
        return bisect_right(times, start)

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
        leaving = self.gone(times, start)
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
            staying = self.gone(times, start)
            return self.time_of(times[staying]) + self.within if staying < len(times) else None
        # The count falls below a step when the step-th last event leaves; of those within reach the largest step falls first.
        for step in self.falling:
            if step <= len(times):
                first = self.time_of(times[-step])
                if first > start:
                    return first + self.within
        return None

    def some(self) -> Callable[[Person, int], bool]:
        """Whether there is an event, as a closure of its own: it is asked for more often than all else."""
        no, within = self.no, self.within

        def some(p: Person, now: int) -> bool:
            state = p.slots.get(no)
            # The times ascend: where the last has left the window, all have.
            return state is not None and bool(times := state[1]) and times[-1] > now - within  # type: ignore[operator]  # as in `add`

        return some

    def show(self, state: list[Any] | None, now: int) -> int | str:
        """The value as `why` shows it: a number, or `'>= 5'` where no more than 5 are kept since no comparison can tell more apart."""
        value = self.value(state, now)
        return value if self.steps is None or value < self.keep else f">= {value}"

    def showing(self) -> Callable[[Person, int], int | str]:
        """What `why` shows of a person, as a closure."""
        no, show = self.no, self.show
        return lambda p, now: show(p.slots.get(no), now)

    def value(self, state: list[Any] | None, now: int) -> int:
        if state is None:
            return 0
        times = state[1]
        if self.within is None:
            return len(times)
        start = now - self.within
        # Mostly all that is kept lies in the window, or nothing.
        if not times or self.time_of(times[0]) > start:
            return len(times)
        return len(times) - self.gone(times, start)


class TotalSlot(CountSlot):
    """The number of events of the whole history. State: `[armed, number]`."""

    __slots__ = ()

    def needs(self) -> str:
        return ""

    def timed(self) -> bool:
        return False

    def size(self) -> Size:
        return Size(self.frame() + Part(NUMBER))

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, 0]
        state[1] += 1
        return self.mask if self.steps is None or state[1] in self.steps else 0

    def due(self, state: list[Any], now: int) -> int | None:
        return None

    def some(self) -> Callable[[Person, int], bool]:
        no = self.no
        # There is a state from the first event on.
        return lambda p, _now: no in p.slots

    def show(self, state: list[Any] | None, now: int) -> int | str:
        return self.value(state, now)

    def value(self, state: list[Any] | None, now: int) -> int:
        return 0 if state is None else int(state[1])


class CountAfterSlot(CountSlot):
    """Positions of the events after the last event of `after`. State: `[armed, positions, position of the last event of after]`."""

    __slots__ = ()

    def size(self) -> Size:
        return self.many(Part(POSITION), self.frame() + Part(LONG + POSITION))

    @staticmethod
    def time_of(item: Any) -> int:
        return item[0]  # type: ignore[no-any-return]  # a position is (time, arrival)

    @staticmethod
    def gone(times: list[Any], start: int) -> int:
        return bisect_right(times, start, key=itemgetter(0))

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, [], None]
        if (state[2] is not None and (t, n) <= tuple(state[2])) or (self.within is not None and t <= now - self.within):
            return 0
        self.expire(state[1], now)
        insort(state[1], [t, n])
        return self.grown(p, state, now)

    def follow(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
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

    def some(self) -> Callable[[Person, int], bool]:
        return lambda p, now: self.value(p.slots.get(self.no), now) > 0

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
