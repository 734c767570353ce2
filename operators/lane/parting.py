"""`Parting`: what links and the merges that stand would have made of the events of a merged person.

The events, links and merges happen once more, in the order in which they came, without the merges that were undone; only who has which
event, and how it came there, is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from operators.lane.history import Moving, Once
from schemas.person import Side, Step


@dataclass
class Part:
    """A person as it would be: the names that links have made one in it, its events in their order, and the copies that it does not
    count."""

    name: str
    names: set[str]
    once: Once
    rows: list[Moving] = field(default_factory=list)
    copies: list[Moving] = field(default_factory=list)

    def take(self, row: Moving, *, linked: bool) -> None:
        """The next event to arrive."""
        row.kept.linked = linked
        (self.rows if self.once.is_new(row) else self.copies).append(row)


class Parting:
    """The persons that come of rows, each of which says whose it was, and of steps; `once` tells which events of one come again."""

    def __init__(self, rows: Iterable[Moving], steps: Iterable[Step], once: Callable[[], Once]) -> None:
        self._once = once
        self._before: dict[str, list[Moving]] = {}
        self._parts: dict[str, Part] = {}
        """By the names that links have made."""
        self._leads: dict[str, str] = {}
        """From a name to the one of which links have made it a part."""
        self._sides: dict[str, Side] = {}
        self._merged: list[tuple[str, str]] = []
        for row in sorted((row for row in rows if row.kept.came < 0), key=lambda row: row.kept.number):
            self._before.setdefault(row.kept.of or "", []).append(row)
        self._replay([row for row in rows if row.kept.came >= 0], list(steps))

    def part(self, name: str) -> Part:
        """The person that a name would be part of."""
        name = self._base(name)
        found = self._parts.get(name)
        if found is None:
            found = self._parts[name] = Part(name, {name}, self._once())
            for row in self._before.get(name, ()):
                found.take(row, linked=row.kept.joined)
        return found

    def _replay(self, rows: list[Moving], steps: list[Step]) -> None:
        """All that came, in its order; what a record makes one it does before it is taken in."""
        numbers = {(row.kept.came, row.message_id): row.kept.n for row in rows}
        order: list[tuple[int, int, int, Moving | Step]] = [(row.kept.came, row.kept.n, 1, row) for row in rows]
        order += [(step.came, numbers.get((step.came, step.source), 0), 0, step) for step in steps]
        for *_, each in sorted(order, key=lambda item: item[:3]):
            if isinstance(each, Step):
                self._step(each)
            else:
                self.part(each.kept.of or "").take(each, linked=False)

    def _step(self, step: Step) -> None:
        self._sides |= {side.name: side for side in step.sides}
        parts = {part.name: part for part in (self.part(side.name) for side in step.sides)}
        heads = sorted((self._sides[name] for name in parts), key=lambda side: (-side.rank, side.came))
        names = set[str]().union(*(part.names for part in parts.values()))
        if step.into is None:
            self._merged.append((step.sides[0].name, step.sides[1].name))
        else:
            names = names - {side.name for side in step.sides} | {step.into.name}
            self._leads |= {side.name: step.into.name for side in step.sides if side.name != step.into.name}
            self._leads.pop(step.into.name, None)
            self._sides[step.into.name] = step.into
        self._join(parts, heads, names)

    def _join(self, parts: dict[str, Part], heads: Sequence[Side], names: set[str]) -> None:
        """Makes parts one; the events of those who do not name it come behind, in the order of `heads`."""
        name = self._head(names)
        one = parts.get(name) or Part(name, names, self._once())
        one.names = names
        for head in heads:
            part = parts[head.name]
            if part is not one:
                for row in part.rows:
                    one.take(row, linked=True)
                one.copies += part.copies
        self._parts |= dict.fromkeys(names, one)

    def _base(self, name: str) -> str:
        while name in self._leads:
            name = self._leads[name]
        return name

    def _head(self, names: set[str]) -> str:
        """The name of those who are one."""
        ends = [(self._base(one), self._base(other)) for one, other in self._merged]
        merged = {other for one, other in ends if one != other}
        return min(names, key=lambda name: (-self._sides[name].rank, name in merged, self._sides[name].came))
