"""`Relations`: what is always so between two terms."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from operators.language.cells import NONE, Term, compared
from operators.language.event_sets import Events, Implied, after_each_other, inside, pieces
from operators.language.formulas import Formula, Is, Variable, conjunction, disjunction, implies, negate
from operators.language.formulate import Formulas
from operators.language.nodes import Const, Method, Not
from operators.language.patterns import compile_pattern
from operators.language.search import AtMost


class Relations:
    """The relations between the terms of some formulas; `implied` tells whether one `where` implies another."""

    def __init__(self, formulas: Formulas, implied: Implied) -> None:
        self._formulas = formulas
        self._implied = implied
        self._kept: dict[str, dict[tuple[Term, Term], list[Formula | AtMost]]] = {}
        self._parted: dict[Term, list[Events]] = {}

    def between(self, terms: Iterable[Variable]) -> Iterator[Formula | AtMost]:
        """All that is so between these."""
        of, known = self._formulas, [term for term in terms if isinstance(term, Term)]
        kinds = (of.counts, of.parts, of.ages, of.latest, of.paths, of.methods)
        counts, parts, ages, latest, paths, methods = ([term for term in known if term in kind] for kind in kinds)
        for relation, group, others in (
            (self._counts, counts, counts),
            (self._parts, parts, counts),
            (self._ages, ages, ages),
            (self._oldest, ages, counts),
            (self._latest, latest, latest),
            (self._paths, [path for path in paths if len(of.paths[path].path) > 1], paths),
            (self._methods, methods, methods),
        ):
            # Kept, since many questions need them.
            kept = self._kept.setdefault(relation.__name__, {})
            for pair in itertools.product(group, others):
                if pair not in kept:
                    kept[pair] = relation(*pair)
                yield from kept[pair]
        yield from self._pieces(counts)

    def _counts(self, a: Term, b: Term) -> list[Formula | AtMost]:
        """A set has no more events than one that it lies in, and none where there is nothing that they come after."""
        small, large = self._formulas.counts[a], self._formulas.counts[b]
        found: list[Formula | AtMost] = []
        if after_each_other(small, large, self._implied) or (a is b and self._implied(small, _NOTHING)):
            found.append(disjunction((negate(_some(a)), negate(_some(b)))))
        if a is not b and inside(small, large, self._implied):
            found.append(AtMost(a, b))
        if any(inside(needed, large, self._implied) for needed in small.needed()):
            found.append(implies(_some(a), _some(b)))
        return found

    def _parts(self, a: Term, b: Term) -> list[Formula | AtMost]:
        """There are no more parts than events."""
        lies = inside(self._formulas.parts[a], self._formulas.counts[b], self._implied)
        return [AtMost(a, b)] if lies else []

    def _ages(self, a: Term, b: Term) -> list[Formula | AtMost]:
        """The earliest event of a set is no older than that of one that it lies in."""
        lies = a is not b and inside(self._formulas.ages[a], self._formulas.ages[b], self._implied)
        return [AtMost(a, b)] if lies else []

    def _oldest(self, a: Term, b: Term) -> list[Formula | AtMost]:
        """Where the earliest event is younger than a window, an event lies in the window."""
        events, recent = self._formulas.ages[a], self._formulas.counts[b]
        if recent.within is None or not inside(events.recent(recent.within), recent, self._implied):
            return []
        return [implies(Is(a, compared("<", recent.within), cut=recent.within), _some(b))]

    def _latest(self, a: Term, b: Term) -> list[Formula | AtMost]:
        """The latest event satisfies what follows from what it satisfies, and nothing that contradicts it."""
        (events, first), (others, second) = self._formulas.latest[a], self._formulas.latest[b]
        if a is b or events != others:
            return []
        found: list[Formula | AtMost] = [implies(_true(a), _true(b))] if self._implied(first, second) else []
        assert second.where is not None
        if self._implied(first, Events((), Not(second.where))):
            found.append(disjunction((negate(_true(a)), negate(_true(b)))))
        return found

    def _paths(self, a: Term, b: Term) -> list[Formula | AtMost]:
        """What lies in a trait or property is there only where that is an object."""
        inner, outer = self._formulas.paths[a], self._formulas.paths[b]
        deeper = type(inner) is type(outer) and len(inner.path) > len(outer.path) and inner.path[: len(outer.path)] == outer.path
        return [disjunction((Is(a, NONE.__eq__), Is(b, lambda cell: cell.kind == "object")))] if deeper else []

    def _methods(self, a: Term, b: Term) -> list[Formula | AtMost]:
        """What a method says of a string is known where the string is; what begins so begins with less of it too, and with nothing else."""
        first, second = self._formulas.methods[a], self._formulas.methods[b]
        text, p, q = self._formulas.term(first.item), _argument(first), _argument(second)
        says = _SAYS[second.name]
        if a is b:
            alike, unlike = _string(text, lambda value: says(value, p)), _string(text, lambda value: not says(value, p))
            return [implies(alike, _true(a)), implies(unlike, negate(_true(a)))]
        if text is not self._formulas.term(second.item):
            return []
        if first.name != "matches" and second.name in (first.name, "contains") and says(p, q):
            return [implies(_true(a), _true(b))]
        apart = first.name == second.name and first.name in _ENDS and not says(p, q) and not says(q, p)
        return [disjunction((negate(_true(a)), negate(_true(b))))] if apart else []

    def _pieces(self, counts: list[Term]) -> Iterator[Formula]:
        """An event of a set lies in one of its pieces, and so in every set that the piece lies in."""
        for term in counts:
            if term not in self._parted:
                self._parted[term] = pieces(self._formulas.counts[term])
            parts = self._parted[term]
            if len(parts) < 2:
                continue
            around = [[other for other in counts if other is not term and self._inside(part, other)] for part in parts]
            if all(around):
                yield implies(_some(term), disjunction(conjunction(map(_some, others)) for others in around))

    def _inside(self, part: Events, term: Term) -> bool:
        return inside(part, self._formulas.counts[term], self._implied)


_NOTHING = Events((), Const(value=False))
"""The set without events."""

_SAYS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
    "matches": lambda text, pattern: compile_pattern(pattern)(text),
}
_ENDS = ("startswith", "endswith")


def _argument(method: Method) -> str:
    assert isinstance(method.argument, Const)
    assert isinstance(method.argument.value, str)
    return method.argument.value


def _some(term: Term) -> Formula:
    """The number is not 0."""
    return Is(term, compared(">=", 1), cut=1)


def _true(term: Term) -> Formula:
    return Is(term, lambda cell: cell.low is True)


def _string(term: Term, test: Callable[[str], bool]) -> Formula:
    """The term is one of the strings that rules compare it with, and passes."""
    return Is(term, lambda cell: cell.kind == "string" and cell.one and test(cell.low))
