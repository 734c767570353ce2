"""`PartSlot`: a slot that looks at a part of what another one, of any measure, keeps. `SameSlot` is one: a measure over the events that
share a property with the latest of others, for `same=` with `as_=`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from operators.language.nodes import Call
from operators.language.sizes import LONG, NUMBER, POSITION, SHORT, Part, Size
from operators.language.slots import Compared, Slot, at_path
from operators.language.values import key_of
from schemas.person import Person, new_person

if TYPE_CHECKING:
    from operators.language.compile import Context


class PartSlot(Slot):
    """A slot around another, `each`, whose rules, boundaries and person are this one's."""

    __slots__ = ("each",)

    def __init__(self, each: Any, call: Call, context: Context) -> None:
        super().__init__(each.no, call, context)
        self.each = each
        self.each.mask = 1

    @property
    def asks(self) -> bool:  # type: ignore[override]  # as of the measure, where others have a constant
        return bool(self.each.asks)

    def compared(self, uses: Compared) -> None:
        self.each.compared(uses)

    @property
    def shown(self) -> bool:
        """As of the measure: whether `why` shows its number."""
        return bool(self.each.shown)

    @shown.setter
    def shown(self, shown: bool) -> None:
        self.each.shown = shown

    def measure(self) -> str:
        return f"{super().measure()} of {self.each.measure()}"

    def needs(self) -> str:
        return str(self.each.needs())

    def is_enough(self, needs: str) -> bool:
        return bool(self.each.is_enough(needs))

    def carried(self, inner: list[Any] | None, filled: list[Any] | None) -> list[Any] | None:
        """What the measure goes on with."""
        return filled if inner is None else self.each.carry(inner, filled)

    def settle(self) -> None:
        self.each.settle()

    def timed(self) -> bool:
        return bool(self.each.timed())

    def some(self) -> Callable[[Person, int], bool]:
        """Whether there is an event, as the measure of `did` gives it."""
        read = self.reading()
        return lambda p, now: bool(read(p, now))

    def showing(self) -> Callable[[Person, int], int | str]:
        """What `why` shows of a count."""
        no, show = self.no, self.show
        return lambda p, now: show(p.slots.get(no), now)

    def show(self, state: list[Any] | None, now: int) -> int | str:
        """What `why` shows of a count, by the state."""
        raise NotImplementedError(type(self).__name__)

    def part(self, p: Person, inner: list[Any] | None) -> Person:
        """A person that has but this one state, for the measure to work on."""
        part = new_person(p.id)
        part.clock = p.clock
        if inner is not None:
            part.slots[self.no] = inner
        return part


class SameSlot(PartSlot):
    """A slot of the measure for each value of the property; the one of the chosen value is looked at.

    State: `[armed, chosen, position of the event that chose it, position of the last event of after, parts]`; `parts` gives by the key of
    the value `[time of its latest event, state of the measure]`, in the order in which they were last touched.
    """

    __slots__ = ("path",)

    def __init__(self, each: Any, call: Call, context: Context) -> None:
        super().__init__(each, call, context)
        self.path: tuple[str, ...] = call["same"]

    def carry(self, before: list[Any], filled: list[Any] | None) -> list[Any]:
        known: dict[str, Any] = filled[4] if filled is not None else {}
        parts = {key: [latest, self.carried(inner, known.get(key, [0, None])[1])] for key, (latest, inner) in before[4].items()}
        return [None, *before[1:4], parts]

    def size(self) -> Size:
        inner: Size = self.each.size()
        # Of each value a pair: the time of its latest event, and the state of the measure.
        value = Part(SHORT + NUMBER, 1) + inner.fixed + inner.value
        return Size(self.frame() + Part(2 * POSITION + LONG, 1), inner.event, value)

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        value = at_path(properties, self.path)
        if value is None:
            return 0
        key, state = key_of(value), self._state(p)
        parts = state[4]
        self._prune(parts, now)
        latest, inner = parts.pop(key, (t, None))
        part = self.part(p, inner)
        if inner is None and state[3] is not None:
            self.each.follow(part, *state[3], properties, now)
        changed = self.each.add(part, t, n, properties, now)
        parts[key] = [max(t, latest), part.slots.get(self.no)]
        if key != state[1]:
            return 0
        self.arm(p, state, now)
        return self.mask if changed else 0

    def choose(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        value = at_path(properties, self.path)
        state = self._state(p)
        if value is None or (state[2] is not None and [t, n] <= state[2]):
            return 0
        key, before = key_of(value), state[1]
        state[1:3] = key, [t, n]
        if key == before:
            return 0
        self.arm(p, state, now)
        return self.mask

    def follow(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = self._state(p)
        if state[3] is not None and [t, n] <= state[3]:
            return 0
        state[3] = [t, n]
        for each in state[4].values():
            part = self.part(p, each[1])
            self.each.follow(part, t, n, properties, now)
            each[1] = part.slots.get(self.no)
        self.arm(p, state, now)
        return self.mask

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        inner = self._chosen(state)
        changed = self.each.fire(self.part(p, inner), inner, now) if inner is not None else 0
        self.arm(p, state, now)
        return self.mask if changed else 0

    def due(self, state: list[Any], now: int) -> int | None:
        inner = self._chosen(state)
        return self.each.due(inner, now) if inner is not None else None

    def show(self, state: list[Any] | None, now: int) -> int | str:
        """The count as `why` shows it."""
        return self.each.show(self._chosen(state), now)  # type: ignore[no-any-return]  # `each` is any slot

    def value(self, state: list[Any] | None, now: int) -> Any:
        return self.each.value(self._chosen(state), now)

    def _state(self, p: Person) -> list[Any]:
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, None, None, None, {}]
        return state

    def _chosen(self, state: list[Any] | None) -> list[Any] | None:
        if state is None or state[1] is None:
            return None
        part = state[4].get(state[1])
        return part[1] if part is not None else None

    def _prune(self, parts: dict[str, Any], now: int) -> None:
        """Forgets values all of whose events have left the window."""
        while self.within is not None and parts:
            key = next(iter(parts))
            if parts[key][0] > now - self.within:
                return
            del parts[key]
