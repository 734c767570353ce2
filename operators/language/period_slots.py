"""`PeriodSlot`: a measure over the events of the present day, week, month or year where the person is, for `this=`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from operators.language.dates import longest, start_of_period, zone_of
from operators.language.nodes import Call
from operators.language.same_slots import PartSlot
from operators.language.sizes import Size
from schemas.person import Person

if TYPE_CHECKING:
    from operators.language.compile import Context


def with_longest(call: Call) -> Call:
    """The call with a window instead of the period, as long as the period can be: what the measure keeps."""
    return Call(call.name, (*call.arguments, ("within", longest(call["this"]))))


class PeriodSlot(PartSlot):
    """What the measure keeps of the longest period, looked at as of the instant at which its window began with this one.

    State: `[armed, state of the measure]`. The begin of a period is no boundary of its own: a timer of the rule has it, and finds it anew
    when the person's time zone changes.
    """

    __slots__ = ("elapsed", "period", "zone")

    def __init__(self, each: Any, call: Call, context: Context) -> None:
        super().__init__(each, call, context)
        self.period: str = call["this"]
        self.zone = context.zone
        self.elapsed = call.name in ("since", "since_first")
        if call.name == "since_first":
            measure = self.each
            while isinstance(measure, PartSlot):
                measure = measure.each
            measure.any_first = True

    def carry(self, before: list[Any], filled: list[Any] | None) -> list[Any]:
        return [None, self.carried(before[1], filled[1] if filled is not None else None)]

    def size(self) -> Size:
        inner: Size = self.each.size()
        return inner._replace(fixed=self.frame() + inner.fixed)

    def add(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        return self._bring(self.each.add, p, t, n, properties, now)

    def follow(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        return self._bring(self.each.follow, p, t, n, properties, now)

    def choose(self, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        return self._bring(self.each.choose, p, t, n, properties, now)

    def _bring(self, handler: Any, p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
        state = p.slots.get(self.no)
        part = self.part(p, state[1] if state is not None else None)
        handler(part, t, n, properties, now)
        if self.no not in part.slots:
            return 0
        if state is None:
            state = p.slots[self.no] = [None, None]
        state[1] = part.slots[self.no]
        self.arm(p, state, now)
        # What tells the measure nothing new, since its window is longer, may be new in the period.
        return self.mask

    def due(self, state: list[Any], now: int) -> int | None:
        return self.each.due(state[1], now)  # type: ignore[no-any-return]  # `each` is any slot

    def reading(self) -> Callable[[Person, int], Any]:
        value, elapsed = self.each.value, self.elapsed

        def read(p: Person, now: int) -> Any:
            moment = self.moment(p, now)
            found = value(self._inner(p), moment)
            return found - (moment - now) if elapsed and found is not None else found

        return read

    def showing(self) -> Callable[[Person, int], int | str]:
        show = self.each.show
        return lambda p, now: show(self._inner(p), self.moment(p, now))

    def moment(self, p: Person, now: int) -> int:
        """The instant as of which the measure's window is the period that holds `now`."""
        return start_of_period(now, self.period, zone_of(p, self.zone)) - 1 + (self.within or 0)

    def _inner(self, p: Person) -> list[Any] | None:
        state = p.slots.get(self.no)
        return state[1] if state is not None else None
