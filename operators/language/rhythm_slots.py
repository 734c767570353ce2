"""`RegularSlot`, `RestartSlot`: the rhythm of a person's events, for `regularly` and `restarted`."""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from operators.language.nodes import Call
from operators.language.sizes import LONG, NUMBER, Part, Size
from operators.language.slots import Slot
from schemas.person import Person

if TYPE_CHECKING:
    from operators.language.compile import Context


class RegularSlot(Slot):
    """Whether there is an event in at least so many of the last periods. State: `[armed, times]`, those of all periods, ascending."""

    __slots__ = ("every", "least", "periods")

    def __init__(self, no: int, call: Call, context: Context) -> None:
        super().__init__(no, call, context)
        self.every: int = call["every"]
        self.least: int = call["at_least"]
        self.periods: int = call["of"]

    def timed(self) -> bool:
        return True

    def size(self) -> Size:
        return Size(self.frame() + Part(LONG), Part(NUMBER))

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        start = now - self.every * self.periods
        if t <= start:
            return 0
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, []]
        held, times = self.value(state, now), state[1]
        del times[: bisect_right(times, start)]
        insort(times, t)
        self.arm(p, state, now)
        return self.mask if self.value(state, now) != held else 0

    def due(self, state: list[Any], now: int) -> int | None:
        times, dues = state[1], []
        for back in range(self.every, self.every * self.periods + 1, self.every):
            place = bisect_right(times, now - back)
            if place < len(times):
                dues.append(times[place] + back)
        return min(dues, default=None)

    def value(self, state: list[Any] | None, now: int) -> bool:
        if state is None:
            return False
        places = [bisect_right(state[1], now - period * self.every) for period in range(self.periods + 1)]
        return sum(later > earlier for later, earlier in pairwise(places)) >= self.least


class RestartSlot(Slot):
    """Whether an event of the window came after a silence. State: `[armed, times, restart]`: the times of the window and the last before,
    ascending, and that of the latest event that ended a silence."""

    __slots__ = ("silent",)

    def __init__(self, no: int, call: Call, context: Context) -> None:
        super().__init__(no, call, context)
        self.silent: int = call["silent"]

    def size(self) -> Size:
        return Size(self.frame() + Part(LONG + NUMBER), Part(NUMBER))

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, [], None]
        held, times = self.value(state, now), state[1]
        if times and t < times[-1]:
            insort(times, t)
            ends = [late for early, late in pairwise(times) if late - early >= self.silent]
            state[2] = ends[-1] if ends else None
        else:
            if times and t - times[-1] >= self.silent:
                state[2] = t
            times.append(t)
        del times[: max(bisect_right(times, now - (self.within or 0)) - 1, 0)]
        self.arm(p, state, now)
        return self.mask if self.value(state, now) != held else 0

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        self.arm(p, state, now)
        return self.mask if state[2] is not None and state[2] + self.within == now else 0

    def due(self, state: list[Any], now: int) -> int | None:
        return state[2] + self.within if state[2] is not None and state[2] + self.within > now else None

    def value(self, state: list[Any] | None, now: int) -> bool:
        return state is not None and state[2] is not None and bool(state[2] > now - (self.within or 0))
