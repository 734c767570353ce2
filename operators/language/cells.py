"""`Term`: a value that rules look at, and the cells that its possible values fall into.

To every comparison that is looked at all values of a cell are the same. Each value that there can be lies in a cell; a cell may hold none,
which only makes less certain.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from operators.language.formulas import Formula, Is
from operators.language.kinds import COMPARE
from operators.language.nodes import Kind, Scalar

CellKind = Literal["none", "boolean", "number", "no number", "string", "list", "object"]
"""`no number` is what floats call NaN; only arithmetic makes it. A duration is a number, of ms."""

_KINDS: dict[Kind, tuple[CellKind, ...]] = {
    "boolean": ("boolean",),
    "number": ("number",),
    "string": ("string",),
    "duration": ("number",),
    "list": ("list",),
    "object": ("object",),
    "none": (),
    "any": ("boolean", "number", "string", "list", "object"),
}


class Cell(NamedTuple):
    """Values of one kind: one where `low` and `high` are the same, else all strictly between them (None: no end there)."""

    kind: CellKind
    low: Any = None
    high: Any = None

    @property
    def one(self) -> bool:
        """True where the cell holds one value, `low`."""
        return self.low is not None and self.low == self.high


NONE = Cell("none")


class Term:
    """A value that is the same wherever rules ask for it at one instant.

    `kind` is its static type and `none` whether it can be None. Its numbers lie from `smallest` to `largest`, and are `whole` or not;
    `arithmetic` can make NaN. `sides` are formulas that always hold.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        none: bool = True,
        whole: bool = False,
        arithmetic: bool = False,
        smallest: float = -math.inf,
        largest: float = math.inf,
    ) -> None:
        self.sides: list[Formula] = []
        self._kinds = _KINDS[kind]
        self._none = none
        self._whole = whole
        self._arithmetic = arithmetic
        self._range = (smallest, largest)
        self._made: dict[frozenset[Any], tuple[Cell, ...]] = {}

    def cells(self, cuts: frozenset[Any]) -> tuple[Cell, ...]:
        """All cells, those of numbers and of strings ascending, so that no value of `cuts` lies in one with others."""
        if cuts not in self._made:
            made = [NONE] if self._none else []
            for kind in self._kinds:
                made += self._cells(kind, cuts)
            self._made[cuts] = (*made, Cell("no number")) if self._arithmetic else tuple(made)
        return self._made[cuts]

    def least(self, cell: Cell) -> float:
        """The smallest whole number in a cell of numbers."""
        if cell.one:
            return float(cell.low)
        return self._range[0] if cell.low is None else max(self._range[0], math.floor(cell.low) + 1)

    def most(self, cell: Cell) -> float:
        """The largest whole number in a cell of numbers."""
        if cell.one:
            return float(cell.high)
        return self._range[1] if cell.high is None else min(self._range[1], math.ceil(cell.high) - 1)

    def _cells(self, kind: CellKind, cuts: frozenset[Any]) -> Iterable[Cell]:
        if kind == "boolean":
            return (Cell(kind, value, value) for value in (False, True))
        if kind in ("list", "object"):
            return (Cell(kind),)
        return filter(self._possible, _between(kind, sorted(cut for cut in cuts if isinstance(cut, str) is (kind == "string"))))

    def _possible(self, cell: Cell) -> bool:
        """True where there may be a value in the cell."""
        if cell.kind == "string":
            return cell.high != "" or cell.one
        smallest, largest = self._range
        if cell.one:
            return smallest <= cell.low <= largest and not (self._whole and cell.low % 1)
        if self._whole:
            return self.least(cell) <= self.most(cell)
        return (cell.high is None or cell.high > smallest) and (cell.low is None or cell.low < largest)


def _between(kind: CellKind, cuts: list[Any]) -> list[Cell]:
    """The cuts and what lies before, between and behind them, ascending."""
    ends = [None, *cuts, None]
    made = [Cell(kind, None, ends[1])]
    for cut, following in itertools.pairwise(ends[1:]):
        made += [Cell(kind, cut, cut), Cell(kind, cut, following)]
    return made


def compared(op: str, value: Scalar) -> Callable[[Cell], bool]:
    """The test of a cell whether its values compare so with one of its cuts.

    >>> compared("<", 3)(Cell("number", 1, 3)), compared("!=", 3)(Cell("string", "a", "a"))
    (True, False)
    """
    kind: CellKind = "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"

    def test(cell: Cell) -> bool:
        if cell.kind != kind:
            return cell.kind == "no number" and kind == "number" and op == "!="
        if cell.one:
            return COMPARE[op](cell.low, value)
        below = cell.high is not None and cell.high <= value
        return op in (("<", "<=", "!=") if below else (">", ">=", "!="))

    return test


class Choice:
    """Which of a few named things is the case. `sides` are formulas that always hold."""

    def __init__(self, *names: str) -> None:
        self.sides: list[Formula] = []
        self._names = names

    def cells(self, cuts: frozenset[Any]) -> tuple[str, ...]:
        """The names."""
        return self._names

    def among(self, *names: str) -> Formula:
        """One of these is the case."""
        return Is(self, names.__contains__)
