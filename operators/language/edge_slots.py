"""`LatestSlot`, `EarliestSlot`: the last and the first event, or what they hold; for `since`, `last`, `since_first` and `first`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from operators.decode import storable
from operators.language.nodes import Call
from operators.language.sizes import LONG, NUMBER, POSITION, Part, Size
from operators.language.slots import Compared, Slot, at_path, marks_of, next_mark
from schemas.person import Person

if TYPE_CHECKING:
    from operators.language.compile import Context


Look = Callable[[dict[str, Any]], Any]
"""What is kept of an event besides its time, by its properties; one of which it gives None is not looked at."""


def look_at(path: tuple[str, ...] | None) -> Look | None:
    """The value of a property, as the state can hold it; None where no property is asked for."""
    if path is None:
        return None

    def look(properties: dict[str, Any]) -> Any:
        value = at_path(properties, path)
        return None if value is None else storable(value)

    return look


class LatestSlot(Slot):
    """The latest event (by time, then arrival), or the value of its property: `since` and `last`.

    State: `[armed, time, value]`, None for both where there is no event; with `after` also the arrival and the last event of `after`:
    `[armed, time, value, arrival, position]`.
    """

    __slots__ = ("durations", "look", "marks", "opaque", "shortest")
    windows = 1

    def __init__(self, no: int, call: Call, context: Context) -> None:
        super().__init__(no, call, context)
        self.look = look_at(self.property)
        self.durations: set[int] = set()
        self.opaque = False
        self.shortest: float = 0
        self.marks: tuple[int, ...] = ()

    def compared(self, uses: Compared) -> None:
        self.opaque |= uses is None
        if self.look is None:
            self.durations |= {int(ms) for _, ms in uses or ()}

    def timed(self) -> bool:
        return bool(self.marks)

    def size(self) -> Size:
        value = Part(0, 1) if self.look is not None else Part(1)
        return Size(self.frame() + Part(NUMBER) + value + Part(LONG + POSITION if self.after else 0))

    def settle(self) -> None:
        self.shortest = 0 if self.opaque else min(self.durations, default=inf)
        self.marks = marks_of(self.durations, self.within)

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        value = None
        if self.look is not None:
            value = self.look(properties)
            if value is None:
                return 0
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, None, None, 0, None] if self.after else [None, None, None]
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
        if self.look is not None:
            return type(value) is type(state[2]) and not isinstance(value, (list, dict)) and bool(value == state[2])
        return now - before < self.shortest

    def follow(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, None, None, 0, None]
        if state[4] is not None and (t, n) <= tuple(state[4]):
            return 0
        state[4] = [t, n]
        return self.mask if state[1] is not None else 0

    def due(self, state: list[Any], now: int) -> int | None:
        t = state[1]
        return next_mark(t, self.marks, now) if t is not None else None

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        self.arm(p, state, now)
        return self.mask if state[1] is not None and now - state[1] in self.marks else 0

    def value(self, state: list[Any] | None, now: int) -> Any:
        if state is None or state[1] is None or (self.within is not None and state[1] <= now - self.within):
            return None
        if self.after and (state[4] is None or (state[1], state[3]) <= tuple(state[4])):
            return None
        return now - state[1] if self.look is None else state[2]


class LatestTestSlot(LatestSlot):
    """Whether the latest event satisfies the `where` of `latest`, which is asked of it alone."""

    __slots__ = ()
    asks = True

    def __init__(self, no: int, call: Call, context: Context) -> None:
        super().__init__(no, call, context)
        test = context.where(call["events"], call["where"])
        assert test is not None
        self.look = lambda properties: test(properties, 0) is True

    def size(self) -> Size:
        fixed = super().size().fixed
        return Size(Part(fixed.bytes + 1))


class EarliestSlot(Slot):
    """The earliest event in the window, or the value of its property: `since_first` and `first`.

    All events of the window are kept, since each becomes the earliest when those before it leave; without window and `after` only the
    earliest. State: `[armed, [[time, arrival, value], ...], position of the last event of after]`.

    Where `any_first` is set, whoever looks begins within the window, so each event can be the earliest to it.
    """

    __slots__ = ("any_first", "durations", "look", "marks")
    windows = 1

    def __init__(self, no: int, call: Call, context: Context) -> None:
        super().__init__(no, call, context)
        self.look = look_at(self.property)
        self.durations: set[int] = set()
        self.marks: tuple[int, ...] = ()
        self.any_first = False

    def compared(self, uses: Compared) -> None:
        if self.look is None:
            self.durations |= {int(ms) for _, ms in uses or ()}

    def settle(self) -> None:
        self.marks = marks_of(self.durations, self.within)

    def timed(self) -> bool:
        return bool(self.marks)

    def size(self) -> Size:
        event = Part(POSITION) + (Part(0, 1) if self.look is not None else Part(1))
        fixed = self.frame() + Part(LONG + POSITION)
        return Size(fixed + event) if self.within is None and not self.after else Size(fixed, event)

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        value = None
        if self.look is not None:
            value = self.look(properties)
            if value is None:
                return 0
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, [], None]
        kept = state[1]
        if (state[2] is not None and (t, n) <= tuple(state[2])) or (self.within is not None and t <= now - self.within):
            return 0
        self.expire(kept, now)
        place = bisect_right(kept, t, key=itemgetter(0))
        if self.within is None and not self.after:
            if place:
                return 0
            kept.clear()
        kept.insert(place, [t, n, value])
        if place:
            return 0
        self.arm(p, state, now)
        return self.mask

    def follow(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, [], None]
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
        # As in `CountSlot.fire`: a late event may be evaluated behind this boundary.
        self.expire(state[1], p.clock)
        self.arm(p, state, now)
        return self.mask

    def expire(self, kept: list[Any], now: int) -> None:
        """Forgets what has left the window."""
        if self.within is not None:
            start = now - self.within
            while kept and kept[0][0] <= start:
                del kept[0]

    def due(self, state: list[Any], now: int) -> int | None:
        kept = state[1]
        if self.any_first:
            places = ((bisect_right(kept, now - mark, key=itemgetter(0)), mark) for mark in self.marks)
            return min((kept[place][0] + mark for place, mark in places if place < len(kept)), default=None)
        for t, _, _ in kept:
            if self.within is None or t + self.within > now:
                return next_mark(t, self.marks, now)
        return None

    def value(self, state: list[Any] | None, now: int) -> Any:
        if state is None or (self.after and state[2] is None):
            return None
        start = None if self.within is None else now - self.within
        for t, _, value in state[1]:
            if start is None or t > start:
                return now - t if self.look is None else value
        return None
