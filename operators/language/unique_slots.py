"""`DistinctSlot`, `UniqueSlot`: the different values of a property, for `distinct` and `unique`."""

from __future__ import annotations

from typing import Any

from operators.language.sizes import LONG, POSITION, Part, Size
from operators.language.slots import Slot, at_path
from operators.language.values import key_of, value_of
from schemas.person import Person


class DistinctSlot(Slot):
    """How many different values. State: `[armed, latest, position of the last event of after]`; `latest` gives the position of the latest
    event with each value, by the value's key, and is in the order of these positions."""

    __slots__ = ()
    windows = 1

    def size(self) -> Size:
        return Size(self.frame() + Part(LONG + POSITION), value=Part(POSITION, 1))

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        value = at_path(properties, self.property or ())
        if value is None or (self.within is not None and t <= now - self.within):
            return 0
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, {}, None]
        position, latest = [t, n], state[1]
        if state[2] is not None and position <= state[2]:
            return 0
        self.expire(state, now)
        key = key_of(value)
        before = latest.pop(key, None)
        if before is not None and position < before:
            position = before
        late = bool(latest) and position < latest[next(reversed(latest))]
        latest[key] = position
        if late:
            state[1] = dict(sorted(latest.items(), key=lambda each: each[1]))
        self.arm(p, state, now)
        return self.mask if before is None or self.changes(before, position) else 0

    def changes(self, before: list[int], position: list[int]) -> bool:
        """True where a value that is known already comes again, and a rule can tell."""
        return False

    def expire(self, state: list[Any], now: int) -> None:
        """Forgets what has left the window."""
        for key in list(state[1])[: self.gone(state, now)]:
            del state[1][key]

    def gone(self, state: list[Any], now: int) -> int:
        """How many of the values kept have left the window."""
        if self.within is None:
            return 0
        start, gone = now - self.within, 0
        for position in state[1].values():
            if position[0] > start:
                break
            gone += 1
        return gone

    def follow(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, {}, None]
        if state[2] is not None and [t, n] <= state[2]:
            return 0
        state[2] = [t, n]
        state[1] = {key: position for key, position in state[1].items() if position > state[2]}
        return self.mask

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        self.expire(state, p.clock)
        self.arm(p, state, now)
        return self.mask

    def due(self, state: list[Any], now: int) -> int | None:
        if self.within is None:
            return None
        start = now - self.within
        return next((position[0] + self.within for position in state[1].values() if position[0] > start), None)

    def keys(self, state: list[Any] | None, now: int) -> list[str]:
        """The keys of the values, by their latest events."""
        if state is None or (self.after and state[2] is None):
            return []
        return list(state[1])[self.gone(state, now) :]

    def value(self, state: list[Any] | None, now: int) -> Any:
        return len(self.keys(state, now))


class UniqueSlot(DistinctSlot):
    """The values themselves, that of the latest event first."""

    __slots__ = ()

    def changes(self, before: list[int], position: list[int]) -> bool:
        return before != position

    def value(self, state: list[Any] | None, now: int) -> Any:
        return [value_of(key) for key in reversed(self.keys(state, now))]
