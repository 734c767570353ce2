"""`Evidence`: the events that made a call what it is, found among the kept events of a person by what the filters of the call mean.

Written plainly, and apart from the slots: each call looks at all events again. What the history no longer holds is not found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from operators.clean.companions import RAW, VERDICT
from operators.instants import instant_of
from operators.language.calls.score import scores_of
from operators.language.chains import Chains
from operators.language.compile import Context
from operators.language.dates import start_of_period, zone_of
from operators.language.millionths import millionths
from operators.language.nodes import Call, Node, On, Prop, Trait, walk
from operators.language.slots import at_path
from operators.language.values import key_of, rank
from operators.plan.checked import Survivorship
from operators.survive import choose
from operators.tracking.sources import NONE
from schemas.event import Event
from schemas.person import new_person

if TYPE_CHECKING:
    from operators.change import Past

Path = tuple[str, ...]


class Piece(NamedTuple):
    """An event that made something so, the person's `n`-th. `role` says which part it has, where one event is not like the other: the step
    or the period that it stands for."""

    n: int
    event: Event
    role: str = ""

    @property
    def position(self) -> tuple[int, int]:
        """Its time and number of arrival."""
        return self.event.t, self.n


class Evidence:
    """What a person did up to an instant; `zone` is the plan's."""

    def __init__(self, past: Iterable[Past], now: int, zone: ZoneInfo, survivorship: Mapping[str, Survivorship] | None = None) -> None:
        self.now, self._zone, self._context, self._survivorship = now, zone, Context(zone), survivorship or {}
        named = (Piece(each.n, each.event) for each in past if each.event.name is not None and each.event.t <= now)
        self.pieces = sorted(named, key=lambda piece: piece.position)

    def of(self, call: Call) -> list[Piece]:
        """The events that make the call what it is, by time, then arrival; none for a call that looks at no events."""
        find = _FIND.get(call.name)
        return find(self, call) if find is not None else []

    def of_trait(self, node: Trait) -> list[Piece]:
        """The event that the trait's value came with."""
        name = node.path[0]
        of = next((name.removesuffix(suffix) for suffix in (RAW, VERDICT) if name.endswith(suffix)), name)
        for counts in self._counting(of) if of != name else ():
            told = [piece for piece in self._told(name) if piece.event.source == counts.event.source and piece.event.t >= counts.event.t]
            return told[-1:]
        return self._counting(name)

    def _told(self, name: str) -> list[Piece]:
        """The events that brought a trait."""
        return [piece for piece in self.pieces if piece.event.kind == "identify" and name in piece.event.properties]

    def _counting(self, name: str) -> list[Piece]:
        """Of the events that brought a trait the one whose word counts."""
        told, policy = self._told(name), self._survivorship.get(name)
        if policy is None or not told:
            return told[-1:]
        latest = list({piece.event.source or NONE: piece for piece in told}.items())
        words = [[piece.event.t, piece.event.properties[name], place] for place, (_, piece) in enumerate(latest)]
        places = {source: place for place, (source, _) in enumerate(latest)}
        return [latest[choose(words, policy, [places.get(source, -1) for source in policy])][1]]

    def left_out(self, call: Call) -> tuple[Piece, list[str]] | None:
        """The latest of the call's events, and the filters that leave it out; None where there is no event or none is left out."""
        latest = self.which(On(call["events"], None))[-1:] if call["events"] is not None else []
        failed = [(piece, [name for name, test in self._filters(call).items() if not test(piece)]) for piece in latest]
        return failed[0] if failed and failed[0][1] else None

    def mark(self, call: Call) -> Piece | None:
        """The last event of the call's `after`."""
        return self.latest(call["after"])

    def chosen(self, call: Call) -> Piece | None:
        """The event of the call's `as_` whose property the others must share."""
        return self.latest(call["as_"], call["same"])

    def which(self, on: On) -> list[Piece]:
        """The events of these names that satisfy their `where`."""
        test = self._test(on.where)
        return [piece for piece in self.pieces if _is_one(piece.event, on.events) and test(piece)]

    def latest(self, on: On, path: Path | None = None) -> Piece | None:
        """The latest of such events, or of those that have a value there."""
        found = [piece for piece in self.which(on) if path is None or at_path(piece.event.properties, path) is not None]
        return found[-1] if found else None

    def kept(self, call: Call) -> list[Piece]:
        """The events that all filters of the call keep."""
        filters = self._filters(call).values()
        return [piece for piece in self.which(On(call["events"], None)) if all(test(piece) for test in filters)]

    def values(self, call: Call) -> Iterator[tuple[Piece, Any]]:
        """Those that have the call's property, each with it."""
        for piece in self.kept(call):
            value = at_path(piece.event.properties, call["property"])
            if value is not None:
                yield piece, value

    def _filters(self, call: Call) -> dict[str, Callable[[Piece], bool]]:
        """The filters of the call by name; those of a call in which they mean something else are none."""
        found: dict[str, Callable[[Piece], bool]] = {}
        if call["where"] is not None and call.name != "latest":
            found["where"] = self._test(call["where"])
        if call["within"] is not None and call.name not in ("restarted", "first_time"):
            start = self.now - call["within"]
            found["within"] = lambda piece: piece.event.t > start
        if call["this"] is not None:
            begin = start_of_period(self.now, call["this"], self._place())
            found["this"] = lambda piece: piece.event.t >= begin
        if call["after"] is not None:
            mark = self.mark(call)
            found["after"] = lambda piece: mark is not None and piece.position > mark.position
        low, high = (instant_of(call[name], self._zone) for name in ("from_", "until"))
        if low is not None:
            found["from_"] = lambda piece: piece.event.t >= low
        if high is not None:
            found["until"] = lambda piece: piece.event.t < high
        if call["same"] is not None:
            chosen = self.chosen(call)
            wanted = None if chosen is None else _key(chosen, call["same"])
            found["same"] = lambda piece: wanted is not None and _key(piece, call["same"]) == wanted
        return found

    def _place(self) -> ZoneInfo:
        """The time zone of the person."""
        p = new_person("")
        for piece in self.of_trait(Trait(("timezone",))):
            p.traits["timezone"] = [0, piece.event.properties["timezone"]]
        return zone_of(p, self._zone)

    def _test(self, where: Node | None) -> Callable[[Piece], bool]:
        if where is None:
            return lambda _piece: True
        value = self._context.value(where)
        return lambda piece: value(piece.event.properties, self.now) is True

    # What makes each call so

    def numbers(self, call: Call) -> list[Piece]:
        """Those with a number."""
        return [piece for piece, value in self.values(call) if millionths(value) is not None]

    def extreme(self, call: Call) -> list[Piece]:
        """Those with the smallest or the largest number."""
        numbers = [(piece, number) for piece, value in self.values(call) if (number := millionths(value)) is not None]
        if not numbers:
            return []
        edge = (min if call.name == "min" else max)(number for _, number in numbers)
        return [piece for piece, number in numbers if number == edge]

    def most(self, call: Call) -> list[Piece]:
        """Those with the most frequent value."""
        keys = [(piece, key_of(value)) for piece, value in self.values(call)]
        counts = Counter(key for _, key in keys)
        most = max(counts.values(), default=0)
        often = min((key for key, count in counts.items() if count == most), key=rank, default=None)
        return [piece for piece, key in keys if key == often]

    def different(self, call: Call) -> list[Piece]:
        """The latest with each value."""
        latest = {key_of(value): piece for piece, value in self.values(call)}
        return sorted(latest.values(), key=lambda piece: piece.position)

    def all_of(self, call: Call) -> list[Piece]:
        """All that the call's `where` keeps, of a call that has no further filters."""
        return self.which(On(call["events"], call["where"]))

    def restart(self, call: Call) -> list[Piece]:
        """The latest in the window that ended a silence, behind the one that began it."""
        for before, after in reversed(list(pairwise(self.all_of(call)))):
            if after.event.t - before.event.t >= call["silent"] and after.event.t > self.now - call["within"]:
                return [before._replace(role="before the silence"), after._replace(role="after it")]
        return []

    def periods(self, call: Call) -> list[Piece]:
        """The latest of each period that has one; the first period is the one that ends now."""
        latest: dict[int, Piece] = {}
        for piece in self.all_of(call):
            period = (self.now - piece.event.t) // call["every"] + 1
            if period <= call["of"]:
                latest[period] = piece._replace(role=f"period {period}")
        return list(latest.values())

    def path(self, call: Call) -> list[Piece]:
        """The chain of the steps, whole or as far as it has come, and what broke it where something did."""
        steps = call["steps"]
        which = [{piece.n for piece in self.which(step.on)} for step in steps]
        chains: Chains[Piece] = Chains([step.negated for step in steps], call["within"])
        for piece in self.pieces:
            chains.step(piece.event.t, piece, [piece.n in numbers for numbers in which])
        return [piece._replace(role=role) for piece, role in chains.found(self.now)]


_FIND: dict[str, Callable[[Evidence, Call], list[Piece]]] = {
    "count": Evidence.kept,
    "did": Evidence.kept,
    "sum": Evidence.numbers,
    "avg": Evidence.numbers,
    "min": Evidence.extreme,
    "max": Evidence.extreme,
    "most": Evidence.most,
    "distinct": Evidence.different,
    "unique": Evidence.different,
    "first": lambda its, call: [piece for piece, _ in its.values(call)][:1],
    "last": lambda its, call: [piece for piece, _ in its.values(call)][-1:],
    "latest": lambda its, call: its.kept(call)[-1:],
    "since": lambda its, call: its.kept(call)[-1:],
    "since_first": lambda its, call: its.kept(call)[:1],
    "first_time": lambda its, call: its.all_of(call)[:1],
    "stopped": lambda its, call: its.all_of(call)[-1:],
    "restarted": Evidence.restart,
    "regularly": Evidence.periods,
    "sequence": Evidence.path,
    "funnel": Evidence.path,
    "score": lambda its, call: its.of(scores_of(call["model"])),
}
"""What makes a call so, for every call that looks at events."""


def looked_at(call: Call) -> list[Path]:
    """The properties of its events that a call looks at, in the order written."""
    if call.name == "score":
        return [("model",), ("score",)]
    wheres = [call["where"], *(step.on.where for step in call["steps"] or ())]
    nodes = [walked for where in wheres if where is not None for walked in walk(where, ("*",))]
    props = sorted((node for node, events in nodes if isinstance(node, Prop) and events is not None), key=lambda node: node.at)
    told = [call["property"], *(node.path for node in props), call["same"]]
    return list(dict.fromkeys(path for path in told if path is not None))


def _is_one(event: Event, names: tuple[str, ...]) -> bool:
    name = event.name or ""
    return any(name.startswith(each[:-1]) if each.endswith("*") else name == each for each in names)


def _key(piece: Piece, path: Path) -> str | None:
    value = at_path(piece.event.properties, path)
    return None if value is None else key_of(value)
