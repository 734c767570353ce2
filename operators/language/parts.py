"""`Parts`: a rule taken apart: what each part gives for a person at an instant, and the events that made it so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from operators.instants import format_instant
from operators.language.calls import CALLS
from operators.language.calls.held import condition
from operators.language.canonical import arguments_of, canonical
from operators.language.check import kind_of
from operators.language.dates import local, zone_of
from operators.language.durations import format_duration
from operators.language.evidence import Evidence, Piece, looked_at
from operators.language.expressions import operands
from operators.language.nodes import And, Call, Const, Duration, If, ListOf, Neg, Node, Not, Or, Trait
from operators.language.slots import at_path

if TYPE_CHECKING:
    from operators.language.feeds import Rules
    from operators.plan.checked import Segment
    from schemas.person import Person

IN_ORDER = ("sequence", "funnel", "restarted")
"""Calls whose events are told all, in their order; of others the newest, newest first."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An event that made a part so. `role` is its place among the others where it has one, `properties` those that the part looks at."""

    time: str
    name: str
    message_id: str
    role: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a rule. `kind` is that of its node, `value` what it gives (a duration written out); `holds` says whether it is true, None
    where nobody asks that of it. Of `events` there are `more`."""

    kind: str
    text: str
    value: Any
    holds: bool | None
    notes: tuple[str, ...] = ()
    events: tuple[Shown, ...] = ()
    more: int = 0
    parts: tuple[Part, ...] = ()


class Parts:
    """Takes the rules of segments apart for one person at one instant. Without `evidence` no events are told. Before `kept_from` the
    history is not whole (None: it is). The rules of segments that a rule refers to are taken apart too, with `deep` those in them as
    well."""

    def __init__(
        self,
        rules: Rules,
        segments: Mapping[str, Segment],
        p: Person,
        now: int,
        zone: ZoneInfo,
        evidence: Evidence | None = None,
        *,
        kept_from: int | None = None,
        most: int = 3,
        deep: bool = False,
    ) -> None:
        self.p, self.now, self.zone, self.evidence = p, now, zone, evidence
        self._look, self._numbers = rules.look, {rule.id: rule.no for rule in rules.rules}
        self.segments, self._kept_from, self._most, self._deep = segments, kept_from, most, deep
        self._open: set[str] = set()

    def of(self, id: str) -> Part:
        """The rule of a segment."""
        return self._part(self.segments[id].when, asked=True, level=0)

    def entry(self, id: str) -> int | None:
        """Since when the person is in a segment, or a condition is held."""
        return self.p.members.get(self._numbers[id])

    def is_whole(self, call: Call) -> bool:
        """Whether the history has all that the call looks at."""
        if self._kept_from is None:
            return True
        reach = CALLS[call.name].reach(call)
        return bool(reach) and call["after"] is None and call["as_"] is None and self.now - reach >= self._kept_from

    def _part(self, node: Node, *, asked: bool, level: int) -> Part:
        value = self._look(node)(self.p, self.now)
        if kind_of(node) == "duration" and type(value) is int:
            value = format_duration(value)
        pieces = self._pieces(node)
        if isinstance(node, Call) and node.name == "count" and self.evidence is not None and self.is_whole(node):
            # The slot keeps no more than the comparisons tell apart.
            value = len(pieces)
        events = pieces if isinstance(node, Call) and node.name in IN_ORDER else pieces[::-1][: self._most]
        return Part(
            type(node).__name__.lower(),
            canonical(node),
            value,
            value is True if asked or kind_of(node) == "boolean" else None,
            tuple(self._notes(node, pieces)),
            tuple(_shown(piece, node) for piece in events),
            len(pieces) - len(events),
            tuple(self._inside(node, level)),
        )

    def _inside(self, node: Node, level: int) -> Iterator[Part]:
        """The parts of a part: those that are constants are left out, and a definition is told once."""
        if isinstance(node, Call) and node.name in ("segment", "in_segment_for"):
            if self._opens(f"segment {node['id']}") and (self._deep or level == 0):
                yield self._part(self.segments[node["id"]].when, asked=True, level=level + 1)
            return
        if isinstance(node, Call) and node.name == "computed" and not self._opens(canonical(node)):
            return
        for child in operands(node):
            if not _is_constant(child):
                asked = isinstance(node, And | Or | Not) or (isinstance(node, If) and child is node.test)
                yield self._part(child, asked=asked or (isinstance(node, Call) and node.name == "held"), level=level)

    def _opens(self, what: str) -> bool:
        before = what in self._open
        self._open.add(what)
        return not before

    def _pieces(self, node: Node) -> list[Piece]:
        if self.evidence is None:
            return []
        if isinstance(node, Trait):
            return self.evidence.of_trait(node)
        return self.evidence.of(node) if isinstance(node, Call) else []

    def _notes(self, node: Node, pieces: list[Piece]) -> Iterator[str]:
        if not isinstance(node, Call):
            return
        if node.name in _NOTES:
            yield _NOTES[node.name](self, node)
        if self.evidence is None or (node["events"] is None and node["steps"] is None):
            return
        mark = self.evidence.mark(node) if node["after"] is not None else None
        chosen = self.evidence.chosen(node) if node["same"] is not None else None
        if mark is not None:
            yield f"after {_named(mark)}"
        if chosen is not None:
            value = at_path(chosen.event.properties, node["same"])
            yield f"{'.'.join(node['same'])} is {plain(value)}, as of {_named(chosen)}"
        texts = dict(arguments_of(node))
        if node["after"] is not None and mark is None:
            yield f"none, since there is no {texts['after']} to come after"
        elif node["same"] is not None and chosen is None:
            yield f"none, since there is no {texts['as_']} with a {'.'.join(node['same'])}"
        elif not pieces:
            yield self._none(self.evidence, node)

    def _none(self, evidence: Evidence, call: Call) -> str:
        """Why there is no event."""
        out = evidence.left_out(call)
        if out is not None:
            texts = dict(arguments_of(call))
            filters = " and ".join(f"{name}={texts[name]}" for name in out[1])
            return f"none: the latest, {_named(out[0])}, is left out by {filters}"
        if call["property"] is not None and evidence.kept(call):
            return f"none has a usable {'.'.join(call['property'])}"
        if call.name in ("restarted", "regularly") and (every := evidence.all_of(call)):
            return f"none: the latest is {_named(every[-1])}"
        if call["steps"] is not None:
            return "no step was done in time" if call["within"] is not None else "no step was done"
        return "no such event" if self.is_whole(call) else "no such event in the history that is kept"


def _is_constant(node: Node) -> bool:
    match node:
        case ListOf(items):
            return all(map(_is_constant, items))
        case Neg(item):
            return _is_constant(item)
    return isinstance(node, Const | Duration)


def _shown(piece: Piece, node: Node) -> Shown:
    paths = looked_at(node) if isinstance(node, Call) else []
    event = piece.event
    found = {".".join(path): at_path(event.properties, path) for path in paths}
    return Shown(
        format_instant(event.t),
        event.name or "",
        event.message_id,
        piece.role,
        {name: value for name, value in found.items() if value is not None},
    )


def _named(piece: Piece) -> str:
    return f"{piece.event.name} of {format_instant(piece.event.t)} ({piece.event.message_id})"


def plain(value: Any) -> str:
    """A value in a sentence.

    >>> plain("c1"), plain(1.0), plain([True, None])
    ("'c1'", '1', '[True, None]')
    """
    return repr(int(value)) if type(value) is float and value.is_integer() else repr(value)


def _membership(parts: Parts, call: Call) -> str:
    segment, entry = parts.segments[call["id"]], parts.entry(call["id"])
    title = f"{segment.title}: " if segment.title else ""
    return f"{title}in it since {format_instant(entry)}" if entry is not None else f"{title}not in it"


def _held(parts: Parts, call: Call) -> str:
    entry = parts.entry(condition(call))
    return f"its condition is true since {format_instant(entry)}" if entry is not None else "its condition is not true"


def _calendar(parts: Parts, _call: Call) -> str:
    zone = zone_of(parts.p, parts.zone)
    return f"it is {local(parts.now, zone):%A, %Y-%m-%d %H:%M} in {zone.key}"


_NOTES: dict[str, Callable[[Parts, Call], str]] = {
    "segment": _membership,
    "in_segment_for": _membership,
    "held": _held,
    **dict.fromkeys(("today", "anniversary", "weekday", "day", "month", "hour"), _calendar),
}
"""What there is to say of a call besides its value and its events."""
