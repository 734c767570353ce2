"""`Reason`: whether formulas of rules can hold together, in any history.

All cases are gone through in which their terms can be, with what is always so between terms. Where the cases are too many, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from operators.language.event_sets import Events, covers
from operators.language.formulas import HOLDS, All, Formula, Some, Variable, negate
from operators.language.formulate import Formulas, TooLargeError
from operators.language.relations import Relations
from operators.language.search import AtMost, satisfiable

MOST_TERMS = 40
MOST_STEPS = 1_000
"""Of formulas with more terms, and where more parts of formulas would have to be looked at, nothing is said."""


class Reason:
    """Questions about some formulas."""

    def __init__(self, formulas: Formulas) -> None:
        self._formulas = formulas
        self._relations = Relations(formulas, self._implied)
        self._kept: dict[tuple[Any, ...], Any] = {}

    def never(self, *together: Formula) -> bool:
        """True where there is no history in which all of these hold; false also where that is not known."""
        terms = _reached(together)
        if len(terms) > MOST_TERMS:
            return False
        between = list(self._relations.between(terms))
        orders = [each for each in between if isinstance(each, AtMost)]
        always = [*(side for term in terms for side in term.sides), *(each for each in between if isinstance(each, Formula))]
        return satisfiable([*together, *always], orders, MOST_STEPS) is False

    def follows(self, first: Formula, second: Formula) -> bool:
        """True where the second holds in every history in which the first does; of formulas that can hold and not hold."""
        ways = first.parts if isinstance(first, Some) else (first,)
        needed = second.parts if isinstance(second, All) else (second,)
        return all(self._once(self._follows, way, part) for part in needed for way in ways)

    def _follows(self, way: Formula, part: Formula) -> bool:
        # Of formulas that have nothing to do with each other neither says anything of the other.
        return not self._once(self._about, way).isdisjoint(self._once(self._about, part)) and self.never(way, negate(part))

    def _about(self, formula: Formula) -> frozenset[Any]:
        """What a formula speaks of."""
        of, found = self._formulas, set[Any]()
        for term in _reached((formula,)):
            events = next((kind[term] for kind in (of.counts, of.parts, of.ages) if term in kind), None)
            if events is not None:
                found |= {other for each in (events, *events.needed()) for name in each.names for other in self._once(self._near, name)}
            elif term in of.paths:
                found.add(of.paths[term].path[0])
            else:
                found.add(term)
        return frozenset(found)

    def _near(self, name: str) -> set[str]:
        """The names, and prefixes with a star, that can stand for the same event as this one."""
        known = self._once(self._names)
        return {name} | {other for other in known if covers(other, name) or covers(name, other)}

    def _names(self) -> set[str]:
        of = self._formulas
        sets = [events for kind in (of.counts, of.parts, of.ages) for events in kind.values()]
        return {name for events in sets for each in (events, *events.needed()) for name in each.names if name.endswith("*")}

    def _once(self, make: Callable[..., Any], *of: Any) -> Any:
        """What is made but once, since many questions need it."""
        key = (make.__name__, *of)
        if key not in self._kept:
            self._kept[key] = make(*of)
        return self._kept[key]

    def _implied(self, a: Events, b: Events) -> bool:
        """Whether every event that satisfies the `where` of the one satisfies that of the other."""
        key = ("where", a.texts[0], b.texts[0])
        if key not in self._kept:
            formulas = Formulas()
            try:
                first, second = (HOLDS if events.where is None else formulas.rule(events.where) for events in (a, b))
                self._kept[key] = Reason(formulas).never(first, negate(second))
            except TooLargeError:
                self._kept[key] = False
        return bool(self._kept[key])


def _reached(together: Iterable[Formula]) -> list[Variable]:
    """The terms of formulas, and those that come with them."""
    found = dict.fromkeys(atom.variable for formula in together for atom in formula.atoms)
    waiting = list(found)
    for term in waiting:
        new = dict.fromkeys(atom.variable for side in term.sides for atom in side.atoms if atom.variable not in found)
        found |= new
        waiting += new
    return waiting
