"""`PathSlot`: steps that were done one after the other, for `sequence` and `funnel`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from operators.language.nodes import Call, Step
from operators.language.sizes import LONG, NUMBER, POSITION, Part, Size
from operators.language.slots import Handler, Slot
from schemas.person import Person

if TYPE_CHECKING:
    from operators.language.compile import Context


MOST_STEPS = 64
"""The bits of an event are one number as the state can hold it."""


def steps_of(call: Call, name: str) -> Iterator[str]:
    """What must be otherwise in the number of the steps."""
    number = len(call["steps"])
    if not 2 <= number <= MOST_STEPS:
        yield f"`{name}()` must have from two to {MOST_STEPS} steps; got {number if number > 1 else 'one'}"


class Stage(NamedTuple):
    """A step that was done, as a bit of an event's, and the bits of what must not be done before the next."""

    done: int
    never: int


class PathSlot(Slot):
    """The latest end of a chain of the steps: it stands until `within` after it, or for ever.

    State: `[armed, events, starts, end]`. `events` are `[time, arrival, bits]` by position, of the last two windows: with those a chain can
    still end. A bit says that the event is that step. `starts` has, for each stage, when the latest chain that has come so far began (None:
    none has), `end` is the time of the last event of the latest whole chain.
    """

    __slots__ = ("matches", "stages")
    windows = 2

    def __init__(self, no: int, call: Call, context: Context) -> None:
        super().__init__(no, call, context)
        steps: tuple[Step, ...] = call["steps"]
        self.matches = [(step.on.events, context.where(step.on.events, step.on.where)) for step in steps]
        stages: list[Stage] = []
        for bit, step in enumerate(steps):
            if step.negated:
                stages[-1] = Stage(stages[-1].done, stages[-1].never | 1 << bit)
            else:
                stages.append(Stage(1 << bit, 0))
        self.stages = tuple(stages)

    def size(self) -> Size:
        return Size(self.frame() + Part(LONG + LONG + NUMBER * len(self.stages) + NUMBER), Part(POSITION + NUMBER))

    def at(self, name: str) -> Handler:
        """Takes in events of this name."""
        steps = [(1 << bit, test) for bit, (events, test) in enumerate(self.matches) if any(names(pattern, name) for pattern in events)]

        def add(p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
            bits = 0
            for bit, test in steps:
                if test is None or test(properties, now) is True:
                    bits |= bit
            return self.enter(p, t, n, bits, now) if bits else 0

        return add

    def enter(self, p: Person, t: int, n: int, bits: int, now: int) -> int:
        """An event that is these steps."""
        if self.within is not None and t <= now - 2 * self.within:
            return 0
        state = p.slots.get(self.no)
        if state is None:
            state = p.slots[self.no] = [None, [], [None] * len(self.stages), None]
        if self.over(state):
            return 0
        held = self.value(state, now)
        self.expire(state[1], now)
        events = state[1]
        if events and [t, n] < events[-1]:
            events.insert(bisect_right(events, [t, n]), [t, n, bits])
            state[2:] = [None] * len(self.stages), None
            for each in events:
                self.step(state, each[0], each[2])
        else:
            events.append([t, n, bits])
            self.step(state, t, bits)
        if self.over(state):
            state[1:3] = [], []
        self.arm(p, state, now)
        return self.mask if self.value(state, now) != held else 0

    def over(self, state: list[Any]) -> bool:
        """True where a chain has ended, and nothing can take that back."""
        return self.within is None and state[3] is not None

    def step(self, state: list[Any], t: int, bits: int) -> None:
        """Brings the chains on by an event that is later than all before it."""
        starts, within = state[2], self.within
        # What ends here was begun before: an event serves one step, and does not break the chain that it carries on.
        before = [t, *starts]
        for i, stage in enumerate(self.stages):
            if bits & stage.never:
                starts[i] = None
                if i == len(starts) - 1:
                    state[3] = None
            start = before[i]
            if bits & stage.done and start is not None and (within is None or t - start < within):
                starts[i] = start if starts[i] is None else max(start, starts[i])
                if i == len(starts) - 1:
                    state[3] = t

    def expire(self, events: list[Any], now: int) -> None:
        """Forgets what no chain that stands now or later can have."""
        if self.within is not None:
            start = now - 2 * self.within
            while events and events[0][0] <= start:
                del events[0]

    def fire(self, p: Person, state: list[Any], now: int) -> int:
        self.arm(p, state, now)
        return self.mask if state[3] is not None and state[3] + self.within == now else 0

    def due(self, state: list[Any], now: int) -> int | None:
        end = state[3]
        return end + self.within if self.within is not None and end is not None and end + self.within > now else None

    def value(self, state: list[Any] | None, now: int) -> bool:
        if state is None or state[3] is None:
            return False
        return self.within is None or bool(state[3] > now - self.within)


def names(pattern: str, name: str) -> bool:
    """True where a pattern, the name of an event or a prefix with a star, stands for an event of this name."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
