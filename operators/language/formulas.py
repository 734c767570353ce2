"""Formulas over variables that each lie in one of a few cells.

A formula is `Is` (the variable lies in a cell that passes a test), `All` or `Some` of others. There is no other form: `negate` writes the
opposite out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Protocol


class Variable(Protocol):
    """What a formula speaks of; `sides` are formulas that hold wherever one does."""

    sides: list[Formula]

    def cells(self, cuts: frozenset[Any]) -> tuple[Any, ...]:
        """The cells that the variable can lie in, where it is compared with these values."""


class Formula:
    """What holds or does not: `atoms` are all parts that have none, each once, `size` is the number of parts at all depths."""

    atoms: tuple[Is, ...]
    size: int
    depth: int


class Is(Formula):
    """The variable lies in a cell that passes the test; with `negated` in one that does not. `cut` is the value it is compared with."""

    def __init__(self, variable: Variable, test: Callable[[Any], bool], *, cut: Any = None, negated: bool = False) -> None:
        self.variable = variable
        self.cut = cut
        self.atoms = (self,)
        self.size = self.depth = 1
        self._test = test
        self._negated = negated

    def passes(self, cell: Any) -> bool:
        """Whether a cell is one of these."""
        return self._test(cell) is not self._negated

    @cached_property
    def negation(self) -> Formula:
        """The opposite."""
        return Is(self.variable, self._test, cut=self.cut, negated=not self._negated)


class _Many(Formula):
    def __init__(self, parts: tuple[Formula, ...]) -> None:
        self.parts = parts
        self.atoms = tuple(dict.fromkeys(atom for part in parts for atom in part.atoms))
        self.size = sum(part.size for part in parts) + 1
        self.depth = max((part.depth for part in parts), default=0) + 1

    @cached_property
    def negation(self) -> Formula:
        """The opposite; kept, since one formula stands in many."""
        return (Some if isinstance(self, All) else All)(tuple(map(negate, self.parts)))


class All(_Many):
    """All parts hold."""


class Some(_Many):
    """At least one part holds."""


HOLDS = All(())
FAILS = Some(())


def conjunction(parts: Iterable[Formula]) -> Formula:
    """All of them hold."""
    kept = tuple(part for part in parts if part is not HOLDS)
    return FAILS if FAILS in kept else kept[0] if len(kept) == 1 else All(kept) if kept else HOLDS


def disjunction(parts: Iterable[Formula]) -> Formula:
    """At least one of them holds."""
    kept = tuple(part for part in parts if part is not FAILS)
    return HOLDS if HOLDS in kept else kept[0] if len(kept) == 1 else Some(kept) if kept else FAILS


def negate(formula: Formula) -> Formula:
    """The opposite of a formula."""
    if formula is HOLDS or formula is FAILS:
        return FAILS if formula is HOLDS else HOLDS
    assert isinstance(formula, Is | All | Some)
    return formula.negation


def implies(premise: Formula, conclusion: Formula) -> Formula:
    """Where the premise holds, the conclusion does."""
    return disjunction((negate(premise), conclusion))


def same(a: Formula, b: Formula) -> Formula:
    """The one holds where the other does."""
    return conjunction((implies(a, b), implies(b, a)))
