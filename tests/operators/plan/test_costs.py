"""The bytes that costs promise are never too few: for every kind of slot, after each event of generated streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from hypothesis import given

from operators.emit import Emit
from operators.language.calls import CALLS
from operators.language.count_slots import CountAfterSlot, CountSlot, TotalSlot
from operators.language.edge_slots import EarliestSlot, LatestSlot, LatestTestSlot
from operators.language.event_slots import AverageSlot, EventsSlot, LargestSlot, MostSlot, SmallestSlot, SumSlot
from operators.language.path_slots import PathSlot
from operators.language.period_slots import PeriodSlot
from operators.language.rhythm_slots import RegularSlot, RestartSlot
from operators.language.same_slots import PartSlot, SameSlot
from operators.language.sizes import LONG
from operators.language.slots import DurationSlot, Slot, TimerSlot
from operators.language.unique_slots import DistinctSlot, UniqueSlot
from operators.person import PersonStage
from operators.plan.costs import TOGETHER, costs_of
from schemas.event import Event
from schemas.person import SLOT_MASK, Person, new_person
from tests.dice import Dice, drawn
from tests.drawn_streams import BASE_MS, palette_of
from tests.harness import make_plan

Kept = tuple[int, int, list[Any]]
"""How many events and how many different values a state keeps, and the values of properties in it."""


def events(slot: Any, state: list[Any]) -> Kept:
    kept = [] if type(state[1]) is int else state[1]
    values = [event[2] for event in kept] if isinstance(slot, MostSlot) or (isinstance(slot, EarliestSlot) and slot.look) else []
    different = list(state[3]) if isinstance(slot, MostSlot) else []
    return len(kept), len(different), values + different


def same(slot: Any, state: list[Any]) -> Kept:
    parts = [(key, KEPT[type(slot.each)](slot.each, inner)) for key, (_, inner) in state[4].items() if inner is not None]
    values = [*([] if state[1] is None else [state[1]]), *state[4], *(value for _, kept in parts for value in kept[2])]
    return sum(kept[0] for _, kept in parts), len(state[4]) + sum(kept[1] for _, kept in parts), values


KEPT: dict[type[Slot], Callable[[Any, list[Any]], Kept]] = {
    TimerSlot: lambda _slot, _state: (0, 0, []),
    DurationSlot: lambda _slot, _state: (0, 0, []),
    TotalSlot: lambda _slot, _state: (0, 0, []),
    CountSlot: lambda _slot, state: (len(state[1]), 0, []),
    CountAfterSlot: lambda _slot, state: (len(state[1]), 0, []),
    LatestSlot: lambda slot, state: (0, 0, [state[2]] if slot.look else []),
    LatestTestSlot: lambda _slot, _state: (0, 0, []),
    EarliestSlot: events,
    SumSlot: events,
    AverageSlot: events,
    LargestSlot: events,
    SmallestSlot: events,
    MostSlot: events,
    DistinctSlot: lambda _slot, state: (0, len(state[1]), list(state[1])),
    UniqueSlot: lambda _slot, state: (0, len(state[1]), list(state[1])),
    PathSlot: lambda _slot, state: (len(state[1]), 0, []),
    RegularSlot: lambda _slot, state: (len(state[1]), 0, []),
    RestartSlot: lambda _slot, state: (len(state[1]), 0, []),
    SameSlot: same,
    PeriodSlot: lambda slot, state: KEPT[type(slot.each)](slot.each, state[1]),
}
"""What each kind of slot keeps, read from its state."""

BASES = {Slot, EventsSlot, PartSlot}
"""What others are made of, and none is itself."""


def kinds(base: type[Slot] = Slot) -> Iterator[type[Slot]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


def test_every_kind_of_slot_is_here() -> None:
    assert set(kinds()) - BASES == KEPT.keys()


RULES = (
    *(row.example for name, row in CALLS.items() if name not in ("segment", "in_segment_for", "computed")),
    *("count('A', within='5s') >= 3", "count('A', within='5s') > trait.x", "count('A', after='B') > trait.x", "count('A', after='B') > 2"),
    *("did('A', within='2s', after='B')", "since('A', after='B') > '1s'", "last('A', 'x', after='B') == 1", "last('A', 'o') is None"),
    *(
        "first('A', 'x', within='5s') == 1",
        "first('A', 'x', after='B') == 1",
        "since_first('A', within='5s') > '1s'",
        "first('A', 'l') is None",
    ),
    *("sum('A', 'x', within='5s') > 1", "sum('A', 'x') > 1", "avg('A', 'x', after='B') > 1", "max('A', 'x', within='5s') > 1"),
    *("min('A', 'x') < 1", "most('A', 'x', within='5s') == 1", "most('A', 'x') == 'a'", "distinct('A', 'x', within='5s') > 1"),
    *("'a' in unique('*', 'x')", "regularly('A', every='2s', at_least=1, of=3)", "restarted('A', silent='1s', within='5s')"),
    *("sequence('A', 'B', within='5s')", "sequence('A', 'B', 'C')", "funnel('A', not 'C', 'B', within='5s')", "latest('A', where=x == 1)"),
    *(
        "count('A', same='x', as_='B', within='5s') > trait.x",
        "distinct('A', 'y', same='x', as_='B') > 1",
        "first('*', 'y', same='x', as_='B') == 1",
    ),
    *("count('A', this='day') > 3", "most('A', 'x', this='week') == 1", "last('A', 'x', this='day', same='x', as_='B') == 1"),
    *("held(did('A', within='1s'), at_least='1s')", "age(trait.d) > '1s'", "in_segment_for('r0') > '1s'", "trait.x == 1"),
)


def stream_of(dice: Dice) -> list[Event]:
    """Events of one person, some of them late."""
    made, at, palette = [], 0, palette_of(dice)
    for number in range(1 + dice.below(40)):
        at += dice.pick((0, 1, 500, 1000, 3000))
        late = dice.pick((1000, 4000)) if dice.chance(1) else 0
        name = dice.pick(("A", "A", "A", "B", "C", "Identified"))
        told = palette.traits() if name == "Identified" else palette.properties()
        told |= {"x": dice.pick((10**12, 10**12 + 0.1, -(10**11)))} if dice.chance(3) else {}
        made.append(Event(BASE_MS + at - late, "identify" if name == "Identified" else "track", name, f"m{number}", "u", None, told))
    return made


def rules_of(dice: Dice) -> list[str]:
    return ["did('B', within='2s')", *dict.fromkeys(dice.pick(RULES) for _ in range(1 + dice.below(8)))]


def encoded(value: Any) -> int:
    return len(msgspec.msgpack.encode(value))


def bound(slot: Slot, state: list[Any]) -> int:
    """The most bytes that the slot says it takes, with the values that are in it."""
    size, (kept, different, values) = slot.size(), KEPT[type(slot)](slot, state)
    allowed = size.fixed.values + kept * size.event.values + different * size.value.values
    assert len(values) <= allowed, (type(slot), state)
    return size.fixed.bytes + kept * size.event.bytes + different * size.value.bytes + sum(map(encoded, values))


@given(drawn(lambda dice: (rules_of(dice), stream_of(dice))))
def test_no_state_is_larger_than_its_slot_says(example: tuple[list[str], list[Event]]) -> None:
    rules, stream = example
    plan = make_plan({f"r{number}": rule for number, rule in enumerate(rules)})
    stage, emit, p = PersonStage(plan), Emit("test", 1), new_person("u")
    slots, in_order = stage.rules.slots, True
    p.count = 2**31  # so that numbers of arrival take the most
    for event in stream:
        in_order &= event.t >= p.clock
        stage.apply(p, event, 0, emit)
        armed = Counter(item & SLOT_MASK for item in p.heap)
        for no, state in p.slots.items():
            slot = slots[no]
            assert slot.timed() or not armed[no], type(slot)
            # A late event can leave one more item.
            heap = 9 * (min(armed[no], 1) if not in_order or isinstance(slot, TimerSlot) else armed[no])
            assert encoded(no) + encoded(state) + heap <= bound(slot, state), (type(slot), state, armed[no])
    total = costs_of(plan)[-1]
    assert total.name == TOGETHER
    whole = sum(bound(slot, p.slots[slot.no]) - slot.size().fixed.bytes for slot in slots if slot.no in p.slots)
    extra = 9 * sum(count - 1 for count in Counter(item & SLOT_MASK for item in p.heap).values())
    assert state_bytes(p) <= total.fixed.bytes + whole + extra + 3 * LONG


def state_bytes(p: Person) -> int:
    """What a person's rules add to its record."""
    nothing = msgspec.structs.replace(p, heap=[], slots={}, members={})
    return encoded(p) - encoded(nothing)
