"""Slots: the windowed state of a person that rules are computed from, kept up event by event.

A slot is one distinct measure over the events that the arguments of a call tell, shared by all rules that need it. Its state is a list
whose first item is the instant for which the slot stands in the person's heap (None: it does not); the rest is the measure's own and holds
no more than its comparisons need.

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
from typing import TYPE_CHECKING, Any

from operators.language.nodes import Call
from operators.language.sizes import KEY, NUMBER, SHORT, Part, Size
from schemas.person import SLOT_BITS, Person

if TYPE_CHECKING:
    from operators.language.compile import Context

Compared = tuple[tuple[str, float], ...] | None
"""What a value is compared with: `(operator, number or ms)` each; None where it is used in any other way."""


Handler = Callable[[Person, int, int, dict[str, Any], int], int]
"""Takes an event in: `(person, time, number of arrival, properties, now)`; gives the mask of the rules whose truth may have changed."""


class Slot:
    """What all slots have in common; `mask` names the rules that are computed from it, a bit each."""

    __slots__ = ("after", "key", "mask", "no", "property", "within")
    asks = False
    """True where the `where` of the call is no filter of its events."""
    windows = 0
    """`add` looks at no event that is as many windows old; 0 where it does."""

    def __init__(self, no: int, call: Call, context: Context) -> None:
        self.no = no
        self.key: Any = None
        self.mask = 0
        self.within: int | None = call["within"]
        self.after = call["after"] is not None
        self.property: tuple[str, ...] | None = call["property"]

    def compared(self, uses: Compared) -> None:
        """Takes note of one more use of the slot's value."""

    def settle(self) -> None:
        """Called once, when all uses are known."""

    def needs(self) -> str:
        """What, besides its arguments, its state hangs on: a slot that needs something else does not go on with that state."""
        return ""

    def reach(self) -> int | None:
        """How far back the events lie that the slot looks at, in ms; None where it looks at all."""
        return None if self.within is None or self.after or not self.windows else self.windows * self.within

    def measure(self) -> str:
        """What it is that the slot measures, as a name."""
        return type(self).__name__

    def is_enough(self, needs: str) -> bool:
        """True where a state that was kept for such needs holds all that this slot needs."""
        return needs == self.needs()

    def carry(self, before: list[Any], filled: list[Any] | None) -> list[Any]:
        """The state to go on with where there is one that was kept for other needs, and one that was filled from the history as far as that
        goes (None: from nothing)."""
        raise NotImplementedError(type(self).__name__)

    def timed(self) -> bool:
        """True where its value may change though nothing happens."""
        return self.within is not None

    def size(self) -> Size:
        """The most that it takes of a person's stored state, `frame` included."""
        raise NotImplementedError(type(self).__name__)

    def frame(self) -> Part:
        """What each slot takes: its number, the head of its state, and the instant that it is armed for, there and in the heap."""
        return Part(KEY + SHORT + (2 * NUMBER if self.timed() else 1))

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        """An event of the slot that satisfies its `where`."""
        raise NotImplementedError(type(self).__name__)

    def follow(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        """An event of the slot's `after`."""
        raise NotImplementedError(type(self).__name__)

    def choose(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        """An event of the slot's `as_`."""
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

    def reading(self) -> Callable[[Person, int], Any]:
        """The value of a person, as a closure."""
        no, value = self.no, self.value
        return lambda p, now: value(p.slots.get(no), now)


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


_NO_EVENTS = Call("", ())


class TimerSlot(Slot):
    """Boundaries that hang on no event: of a duration as in `age(x)`, of the calendar as in `today(x)`. State: `[armed]`.

    `next` gives the earliest of them after an instant, None where there is none; it is asked again whenever a rule that uses it was
    computed.
    """

    __slots__ = ("next",)

    def __init__(self, no: int, next: Callable[[Person, int], int | None], context: Context) -> None:
        super().__init__(no, _NO_EVENTS, context)
        self.next = next

    def timed(self) -> bool:
        return True

    def size(self) -> Size:
        return Size(self.frame())

    def rearm(self, p: Person, state: list[Any], now: int) -> None:
        self.start_anew(p, now)

    def start_anew(self, p: Person, now: int) -> None:
        """Arms the next boundary of what it now counts from."""
        due = self.next(p, now)
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


class DurationSlot(TimerSlot):
    """The boundaries of a duration that is compared with `durations`; `start` gives the instant that it counts from, None where there is
    none."""

    __slots__ = ("durations", "marks", "start")

    def __init__(self, no: int, start: Callable[[Person, int], int | None], context: Context) -> None:
        super().__init__(no, self.mark, context)
        self.start = start
        self.durations: set[int] = set()
        self.marks: tuple[int, ...] = ()

    def compared(self, uses: Compared) -> None:
        self.durations |= {int(ms) for _, ms in uses or ()}

    def settle(self) -> None:
        self.marks = marks_of(self.durations, None)

    def timed(self) -> bool:
        return bool(self.marks)

    def mark(self, p: Person, now: int) -> int | None:
        """The earliest instant after `now` at which a comparison of the duration may change."""
        start = self.start(p, now)
        return next_mark(start, self.marks, now) if start is not None else None


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
