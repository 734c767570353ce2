"""`Parts`: a rule taken apart: what each part gives for a person at an instant, and the events that made it so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from operators.instants import format_instant
from operators.language.calls import CALLS
from operators.language.canonical import canonical
from operators.language.check import kind_of
from operators.language.durations import format_duration
from operators.language.evidence import Evidence, Piece, looked_at
from operators.language.expressions import operands
from operators.language.nodes import And, Call, Const, Duration, If, ListOf, Neg, Node, Not, Or, Trait
from operators.language.remarks import remarks
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
            tuple(remarks(self, node, pieces)) if isinstance(node, Call) else (),
            tuple(_shown(piece, node) for piece in events),
            len(pieces) - len(events),
            tuple(self._inside(node, level)),
        )

    def _inside(self, node: Node, level: int) -> Iterator[Part]:
        """The parts of a part: those that are constants are left out, and a definition is told once."""
        if isinstance(node, Call) and node.name in ("segment", "in_segment_for"):
            if (self._deep or level == 0) and self._opens(f"segment {node['id']}"):
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
