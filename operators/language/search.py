"""`satisfiable`: whether formulas can hold together, by a search through the cases, in bounded work."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, NamedTuple

from operators.language.cells import Term
from operators.language.formulas import FAILS, HOLDS, All, Formula, Is, Some, Variable, conjunction, disjunction, negate


class AtMost(NamedTuple):
    """Two terms that are whole numbers: `a` is at most `b` where both are there."""

    a: Term
    b: Term


def satisfiable(formulas: Iterable[Formula], orders: Iterable[AtMost], steps: int) -> bool | None:
    """Whether all of this can hold together; None where `steps` parts of formulas were looked at and it was still open."""
    try:
        together = list(formulas)
        search = _Search(together, list(orders), steps)
        return search.solve(together, dict(search.all))
    except _ExhaustedError:
        return None


class _ExhaustedError(Exception):
    """The steps are used up."""


class _Search:
    """The cells of each variable are the bits of a mask. What must hold narrows the masks; when nothing more must, a part is tried both
    ways."""

    def __init__(self, formulas: list[Formula], orders: list[AtMost], steps: int) -> None:
        self.orders = orders
        self.left = steps
        cuts: dict[Variable, set[Any]] = {}
        for formula in formulas:
            for atom in formula.atoms:
                cuts.setdefault(atom.variable, set()).update(() if atom.cut is None else (atom.cut,))
        self.cells = {variable: variable.cells(frozenset(values)) for variable, values in cuts.items()}
        self.all = {variable: (1 << len(cells)) - 1 for variable, cells in self.cells.items()}
        self.masks: dict[Is, int] = {}

    def solve(self, formulas: list[Formula], masks: dict[Variable, int]) -> bool:
        """Whether the formulas can hold where each variable lies in the cells of its mask."""
        while True:
            before = dict(masks)
            formulas = self.narrowed(formulas, masks)
            if FAILS in formulas or not self.ordered(masks):
                return False
            if masks != before:
                continue
            if not formulas:
                return True
            chosen = min(formulas, key=lambda formula: formula.size)
            assert isinstance(chosen, Some)
            rest = [formula for formula in formulas if formula is not chosen]
            first, *others = chosen.parts
            if self.solve([first, *rest], dict(masks)):
                return True
            formulas = [negate(first), disjunction(others), *rest]

    def narrowed(self, formulas: list[Formula], masks: dict[Variable, int]) -> list[Formula]:
        """Narrows the masks by what must hold; gives the formulas that are still open, FAILS where one cannot hold."""
        open: list[Formula] = []
        waiting = list(formulas)
        for formula in waiting:
            small = self.reduced(formula, masks)
            if isinstance(small, Is):
                masks[small.variable] &= self.mask(small)
            elif isinstance(small, All):
                waiting += small.parts
            elif small is FAILS:
                return [FAILS]
            else:
                open.append(small)
        return open

    def reduced(self, formula: Formula, masks: dict[Variable, int]) -> Formula:
        """The formula without what is settled by the masks."""
        self.left -= 1
        if self.left < 0:
            raise _ExhaustedError
        if isinstance(formula, Is):
            now = masks[formula.variable]
            inside = now & self.mask(formula)
            return FAILS if not inside else HOLDS if inside == now else formula
        assert isinstance(formula, All | Some)
        ends, make = (FAILS, conjunction) if isinstance(formula, All) else (HOLDS, disjunction)
        parts: list[Formula] = []
        for part in formula.parts:
            small = self.reduced(part, masks)
            if small is ends:
                return ends
            parts.append(small)
        return formula if all(map(_same, parts, formula.parts)) else make(parts)

    def mask(self, atom: Is) -> int:
        """The cells that an atom asks for."""
        if atom not in self.masks:
            self.masks[atom] = sum(1 << number for number, cell in enumerate(self.cells[atom.variable]) if atom.passes(cell))
        return self.masks[atom]

    def ordered(self, masks: dict[Variable, int]) -> bool:
        """Narrows the masks by the orders; false where one cannot hold."""
        for a, b in self.orders:
            self.left -= 1
            least, most = self.bounds(a, masks[a])[0], self.bounds(b, masks[b])[1]
            masks[a] &= self.between(a, -inf, most)
            masks[b] &= self.between(b, least, inf)
        return all(masks.values())

    def bounds(self, term: Term, mask: int) -> tuple[float, float]:
        """The smallest and the largest number that the term can be; none where it need not be one."""
        cells = [cell for number, cell in enumerate(self.cells[term]) if mask >> number & 1]
        if not cells or any(cell.kind != "number" for cell in cells):
            return -inf, inf
        return term.least(cells[0]), term.most(cells[-1])

    def between(self, term: Term, least: float, most: float) -> int:
        """The mask of the cells that have numbers in a range, or none at all."""
        fits = (cell.kind != "number" or (term.most(cell) >= least and term.least(cell) <= most) for cell in self.cells[term])
        return sum(1 << number for number, fit in enumerate(fits) if fit)


def _same(a: Formula, b: Formula) -> bool:
    return a is b
