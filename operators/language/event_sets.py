"""`Events`: the events that a call looks at, as a set, and which sets lie in which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from operators.language.calls.events import FILTERS
from operators.language.nodes import And, Call, Compare, In, IsNone, ListOf, Node, On, Or, Prop


@dataclass(frozen=True, slots=True)
class Events:
    """Events of these names that satisfy `where`, in the last `within` ms, after the last event of `after`, and passing `others`, which are
    filters that are only told apart; `chosen` are the events of `as_`, whose latest must be there for any to pass."""

    names: tuple[str, ...]
    # Told from others by `texts`, since the trees of `1` and `true` are equal to Python.
    where: Node | None = field(default=None, compare=False)
    within: int | None = None
    after: On | None = field(default=None, compare=False)
    chosen: Events | None = field(default=None, compare=False)
    others: frozenset[str] = frozenset()
    texts: tuple[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", (repr(self.where), repr(self.after)))

    def recent(self, ms: int) -> Events:
        """Those of them that are younger than so many ms."""
        return replace(self, within=ms if self.within is None else min(ms, self.within))

    def that(self, condition: Node) -> Events:
        """Those of them that satisfy one more condition."""
        return replace(self, where=condition if self.where is None else And((self.where, condition)))

    def having(self, path: tuple[str, ...]) -> Events:
        """Those of them that have a value of the property."""
        return self.that(IsNone(Prop(path), negated=True))

    def needed(self) -> list[Events]:
        """The sets of which none can be empty where this one is not."""
        marks = [Events(self.after.events, self.after.where)] if self.after is not None else []
        return [*marks, self.chosen] if self.chosen is not None else marks


def events_of(call: Call) -> Events:
    """The events that a call with filters keeps."""
    given: dict[str, Any] = dict(call.arguments)
    as_: On | None = given.get("as_")
    chosen = Events(as_.events, as_.where).having(given["same"]) if as_ is not None else None
    # Of these filters it is known that they keep some of the events, and that a day lies in its week.
    others = frozenset(f"{name}={value}" for name in given.keys() & _OTHERS for value in _AROUND.get(given[name], (given[name],)))
    others |= {f"same={given['same']} as_={as_}"} if as_ is not None else frozenset()
    return Events(given["events"], given.get("where"), given.get("within"), given.get("after"), chosen, others)


_OTHERS = {parameter.name for parameter in FILTERS} - {"within", "where", "after", "same", "as_"}
_AROUND = {"day": ("day", "week", "month", "year"), "month": ("month", "year")}

Implied = Callable[[Events, Events], bool]
"""Whether every event that satisfies the `where` of the first satisfies that of the second; false where that is not known."""


def inside(a: Events, b: Events, implied: Implied) -> bool:
    """True where every event of `a` is one of `b`; false where that is not known."""
    return (
        all(any(covers(other, name) for other in b.names) for name in a.names)
        and (b.within is None or (a.within is not None and a.within <= b.within))
        and (b.after is None or a.texts[1] == b.texts[1])
        and a.others >= b.others
        and (b.where is None or a.texts[0] == b.texts[0] or implied(a, b))
    )


def covers(wide: str, narrow: str) -> bool:
    """True where every event that the second name or prefix with a star stands for is one of the first.

    >>> covers("Email *", "Email Opened"), covers("Email *", "*"), covers("*", "Email *")
    (True, False, True)
    """
    return wide == narrow or (wide.endswith("*") and narrow.removesuffix("*").startswith(wide[:-1]))


def after_each_other(a: Events, b: Events, implied: Implied) -> bool:
    """True where an event of `a` would come after every one of `b`, and the other way round: so not both have one."""
    return _after(a, b, implied) and _after(b, a, implied)


def _after(a: Events, b: Events, implied: Implied) -> bool:
    return a.after is not None and inside(b, Events(a.after.events, a.after.where), implied)


def pieces(events: Events) -> list[Events]:
    """The set in pieces: by names, and by the things that `where` asks for where one of them is enough."""
    match events.where:
        case Or(items):
            wheres: tuple[Node | None, ...] = items
        case In(item, ListOf(items), negated=False):
            wheres = tuple(Compare("==", item, each) for each in items)
        case _:
            wheres = (events.where,)
    return [replace(events, names=(name,), where=where) for name in events.names for where in wheres]
