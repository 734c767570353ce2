"""`EventsSlot`: the events of a window with a value each; `SumSlot`, `AverageSlot`, `LargestSlot`, `SmallestSlot` and `MostSlot` are made
of it, for `sum`, `avg`, `max`, `min` and `most`.

Where neither `within` nor `after` is given nothing ever leaves, and no events are kept: only what they come to.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from operators.language.millionths import millionths, number, stored
from operators.language.nodes import Call
from operators.language.sizes import LONG, NOTHING, NUMBER, POSITION, Part, Size
from operators.language.slots import Slot, at_path
from operators.language.values import key_of, rank, value_of
from schemas.person import Person

if TYPE_CHECKING:
    from operators.language.compile import Context

_TIME = itemgetter(0)


class EventsSlot(Slot):
    """State: `[armed, events, position of the last event of after, ...]`, the events `[time, arrival, value]` by position, or how many
    there are where none are kept. What left the window may still be there."""

    __slots__ = ("whole",)
    windows = 1

    def __init__(self, no: int, call: Call, context: Context) -> None:
        super().__init__(no, call, context)
        self.whole = self.within is None and not self.after

    def size(self) -> Size:
        return self.with_value(Part(NUMBER))

    def with_value(self, value: Part, more: Part = NOTHING) -> Size:
        """The size where each event has such a value, and the state so much more."""
        fixed = self.frame() + Part(NUMBER + POSITION) + more
        return Size(fixed) if self.whole else Size(fixed, Part(POSITION) + value)

    def new(self) -> list[Any]:
        """The state before the first event."""
        return [None, 0 if self.whole else [], None]

    def look(self, properties: dict[str, Any]) -> Any:
        """What is kept of an event; None of one that is not looked at."""
        raise NotImplementedError(type(self).__name__)

    def came(self, state: list[Any], value: Any) -> None:
        """Takes the value of an event in."""

    def went(self, state: list[Any], value: Any) -> None:
        """Takes the value of an event out again."""

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        value = self.look(properties)
        if value is None or (self.within is not None and t <= now - self.within):
            return 0
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = self.new()
        if self.whole:
            state[1] += 1
            self.came(state, value)
            return self.mask
        if state[2] is not None and [t, n] <= state[2]:
            return 0
        self.expire(state, now)
        return self.enter(p, state, [t, n, value], now)

    def enter(self, p: Person, state: list[Any], event: list[Any], now: int) -> int:
        """Puts an event into its place."""
        events = state[1]
        if events and event < events[-1]:
            events.insert(bisect_right(events, event[:2], key=_position), event)
        else:
            events.append(event)
        self.came(state, event[2])
        self.arm(p, state, now)
        return self.mask

    def expire(self, state: list[Any], now: int) -> None:
        """Forgets what has left the window."""
        if self.within is not None and not self.whole:
            events, start = state[1], now - self.within
            while events and events[0][0] <= start:
                self.went(state, events.pop(0)[2])

    def follow(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = self.new()
        if state[2] is not None and [t, n] <= state[2]:
            return 0
        first, state[2] = state[2] is None, [t, n]
        events = state[1]
        gone = bisect_right(events, [t, n], key=_position)
        for _ in range(gone):
            self.went(state, events.pop(0)[2])
        return self.mask if gone or (first and events) else 0

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        leaving = self.gone(state, now)
        mask = self.mask if leaving and state[1][leaving - 1][0] == now - (self.within or 0) else 0
        # What leaves here is not forgotten: where nothing changes the clock stays behind, and a late event is evaluated there.
        self.expire(state, p.clock)
        self.arm(p, state, now)
        return mask

    def due(self, state: list[Any], now: int) -> int | None:
        if self.within is None:
            return None
        staying = self.gone(state, now)
        return state[1][staying][0] + self.within if staying < len(state[1]) else None

    def gone(self, state: list[Any], now: int) -> int:
        """How many of the events kept have left the window."""
        events = state[1]
        if self.within is None or not events or events[0][0] > now - self.within:
            return 0
        return bisect_right(events, now - self.within, key=_TIME)

    def hidden(self, state: list[Any] | None) -> bool:
        """True where no event is seen, since there is none or none of `after`."""
        return state is None or (self.after and state[2] is None)


def _position(event: list[Any]) -> list[Any]:
    return event[:2]


class SumSlot(EventsSlot):
    """The exact sum, in millionths, as the fourth item of the state."""

    __slots__ = ()

    def size(self) -> Size:
        return self.with_value(Part(NUMBER), Part(NUMBER))

    def new(self) -> list[Any]:
        return [*super().new(), 0]

    def look(self, properties: dict[str, Any]) -> Any:
        value = millionths(at_path(properties, self.property or ()))
        return None if value is None else stored(value)

    def came(self, state: list[Any], value: Any) -> None:
        state[3] = stored(int(state[3]) + int(value))

    def went(self, state: list[Any], value: Any) -> None:
        state[3] = stored(int(state[3]) - int(value))

    def totals(self, state: list[Any] | None, now: int) -> tuple[int, int]:
        """The sum and the number of the events in the window."""
        if state is None or self.hidden(state):
            return 0, 0
        if self.whole:
            return int(state[3]), state[1]
        gone = self.gone(state, now)
        return int(state[3]) - sum(int(event[2]) for event in state[1][:gone]), len(state[1]) - gone

    def value(self, state: list[Any] | None, now: int) -> Any:
        return number(self.totals(state, now)[0])


class AverageSlot(SumSlot):
    """As `SumSlot`, the value over the number of events; None of none."""

    __slots__ = ()

    def value(self, state: list[Any] | None, now: int) -> Any:
        total, count = self.totals(state, now)
        return number(total, count) if count else None


class LargestSlot(EventsSlot):
    """The largest value. Of the events only those are kept that are larger than all after them: each is the largest once those before it
    have left."""

    __slots__ = ()
    sign = 1

    def __init__(self, no: int, call: Call, context: Context) -> None:
        super().__init__(no, call, context)
        self.whole = False

    def size(self) -> Size:
        size = super().size()
        return size if self.within is not None or self.after else Size(size.fixed + size.event)

    def look(self, properties: dict[str, Any]) -> Any:
        value = millionths(at_path(properties, self.property or ()))
        return None if value is None else stored(self.sign * value)

    def enter(self, p: Person, state: list[Any], event: list[Any], now: int) -> int:
        events, value = state[1], int(event[2])
        place = bisect_right(events, event[:2], key=_position)
        if place < len(events) and int(events[place][2]) >= value:
            return 0
        start = place
        while start and int(events[start - 1][2]) <= value:
            start -= 1
        events[start:place] = [event]
        if self.within is None and not self.after:
            del events[1:]
        if start:
            return 0
        self.arm(p, state, now)
        return self.mask

    def value(self, state: list[Any] | None, now: int) -> Any:
        if state is None or self.hidden(state):
            return None
        gone = self.gone(state, now)
        return number(self.sign * int(state[1][gone][2])) if gone < len(state[1]) else None


class SmallestSlot(LargestSlot):
    """The smallest value: the largest of the values with their signs turned."""

    __slots__ = ()
    sign = -1


class MostSlot(EventsSlot):
    """The most frequent value; the fourth item of the state counts each, by its key."""

    __slots__ = ()

    def size(self) -> Size:
        return self.with_value(Part(0, 1), Part(LONG))._replace(value=Part(NUMBER, 1))

    def new(self) -> list[Any]:
        return [*super().new(), {}]

    def look(self, properties: dict[str, Any]) -> Any:
        value = at_path(properties, self.property or ())
        return None if value is None else key_of(value)

    def came(self, state: list[Any], value: Any) -> None:
        state[3][value] = state[3].get(value, 0) + 1

    def went(self, state: list[Any], value: Any) -> None:
        state[3][value] -= 1
        if not state[3][value]:
            del state[3][value]

    def value(self, state: list[Any] | None, now: int) -> Any:
        if state is None or self.hidden(state):
            return None
        counts = state[3]
        gone = 0 if self.whole else self.gone(state, now)
        if gone:
            counts = dict(counts)
            for event in state[1][:gone]:
                counts[event[2]] -= 1
        most = max(counts.values(), default=0)
        return value_of(min((key for key, count in counts.items() if count == most), key=rank)) if most else None
