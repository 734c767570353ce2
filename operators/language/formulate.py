"""`Formulas`: rules as formulas over terms, and what is always so with each term.

A formula hangs on the values of its terms at one instant, exactly as the rule does. What is not known of a value leaves more cases than
there are: where none is left in which a formula holds, the rule never holds; where one is left, nothing is said. All rules are taken to
know the same history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf
from typing import Any

from operators.language.call_formulas import SIDES, TRUTHS
from operators.language.cells import NONE, Choice, Term, compared
from operators.language.check import RANGES, WHOLE, kind_of, never_none
from operators.language.dates import WEEKDAYS
from operators.language.event_sets import Events, events_of
from operators.language.formulas import FAILS, HOLDS, Formula, Is, conjunction, disjunction, implies, negate, same
from operators.language.kinds import COMPARE, FLIPPED
from operators.language.nodes import (
    And,
    Arith,
    Call,
    Compare,
    Const,
    Duration,
    If,
    In,
    IsNone,
    ListOf,
    Method,
    Neg,
    Node,
    Not,
    Or,
    Prop,
    Scalar,
    Trait,
)

MOST_PARTS = 2_000
MOST_DEPTH = 200
"""A rule whose formula is larger or deeper has none."""

MOST_ITEMS = 20
"""A `coalesce` of more items is one term."""


class TooLargeError(Exception):
    """The formula of a rule would have too many parts."""


class Formulas:
    """The formulas of some rules, and the terms that they share. A rule can refer to the segments that were noted before it."""

    def __init__(self) -> None:
        self.counts: dict[Term, Events] = {}
        """The terms that are the number of events in a set."""
        self.parts: dict[Term, Events] = {}
        """The terms that are a number of parts of a set: of different values, of periods with an event."""
        self.ages: dict[Term, Events] = {}
        """The terms that are the age of the earliest event in a set."""
        self.latest: dict[Term, tuple[Events, Events]] = {}
        """The terms that are whether the latest event of a set is one of another."""
        self.paths: dict[Term, Trait | Prop] = {}
        """The terms that are a trait or a property."""
        self.methods: dict[Term, Method] = {}
        """The terms that are what a method says of a string."""
        self._segments: dict[str, Formula] = {}
        self._known: dict[Any, Any] = {}
        self._left = 0

    def rule(self, node: Node) -> Formula:
        """The formula that holds where the rule does; TooLargeError where it would be large."""
        self._left = MOST_PARTS
        formula = self.truth(node)
        if formula.size > MOST_PARTS or formula.depth > MOST_DEPTH:
            raise TooLargeError
        return formula

    def note(self, id: str, formula: Formula) -> None:
        """Notes the formula of a segment."""
        self._segments[id] = formula

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What is made but once for a key."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    # --- truth ------------------------------------------------------------------------------------------------------------------------

    def truth(self, node: Node) -> Formula:
        """The formula that holds where the value of the node is true."""
        match node:
            case And(items):
                return conjunction(map(self.truth, items))
            case Or(items):
                return disjunction(map(self.truth, items))
            case Not(item):
                return negate(self.truth(item))
            case Const(value):
                return HOLDS if value is True else FAILS
            case Compare(op, left, right):
                return self.each(left, lambda a: self.each(right, lambda b: self._compare(op, a, b)))
            case In(item, box):
                return self.each(box, lambda values: self._in(node, item, values))
            case IsNone(item, negated):
                return negate(self.missing(item)) if negated else self.missing(item)
            case Method(name, item) if name != "lower":
                return self.each(item, lambda text: self._method(node, text))
            case Call(name) if name in TRUTHS:
                return TRUTHS[name](self, node)
        return self.each(node, lambda value: self.truth(value) if value is not node else self.opaque(node))

    def missing(self, node: Node) -> Formula:
        """The formula that holds where the value of the node is None."""
        return self.each(node, self._missing)

    def each(self, node: Node, formula: Callable[[Node], Formula]) -> Formula:
        """The formula of the value that `if`, `coalesce` and `computed` choose."""
        match node:
            case If(test, then, other):
                first = self.truth(test)
                chosen = conjunction((first, self.each(then, formula)))
                return disjunction((chosen, conjunction((negate(first), self.each(other, formula)))))
            case Call("coalesce") if len(node["items"]) <= MOST_ITEMS:
                return self._first(node["items"], formula)
            case Call("computed"):
                return self.each(node["name"].node, formula)
        self._left -= 1
        if self._left < 0:
            raise TooLargeError
        return formula(node)

    def _first(self, items: tuple[Node, ...], formula: Callable[[Node], Formula]) -> Formula:
        """The formula of the first of some values that is not None."""
        if not items:
            return formula(Const(None))
        missing = self.missing(items[0])
        chosen = conjunction((negate(missing), self.each(items[0], formula)))
        return disjunction((chosen, conjunction((missing, self._first(items[1:], formula)))))

    def _missing(self, node: Node) -> Formula:
        if isinstance(node, Const):
            return HOLDS if node.value is None else FAILS
        if never_none(node):
            return FAILS
        if isinstance(node, Call) and node.name == "since":
            return negate(self.some(events_of(node)))
        return Is(self.term(node), NONE.__eq__)

    def opaque(self, node: Node, needed: Callable[[], Formula] = lambda: HOLDS) -> Formula:
        """Whether something is true of which no more is known than what it needs."""
        term = self.term(node)
        formula = self.compared(term, "==", value=True)
        self.once(("needed", term), lambda: term.sides.append(implies(formula, needed())))
        return formula

    # --- comparisons ------------------------------------------------------------------------------------------------------------------

    def compared(self, term: Term, op: str, value: Scalar) -> Formula:
        """A term compared with a constant."""
        cut = None if isinstance(value, bool) else value
        return self.once((term, op, cut is None, value), lambda: Is(term, compared(op, value), cut=cut))  # type: ignore[no-any-return]  # of many kinds

    def _compare(self, op: str, left: Node, right: Node) -> Formula:
        a, b = constant(left), constant(right)
        if a is not UNKNOWN:
            return (HOLDS if COMPARE[op](a, b) else FAILS) if b is not UNKNOWN else self._compare(FLIPPED[op], right, left)
        for side, other, how in ((left, right, op), (right, left, FLIPPED[op])):
            if constant(side) is UNKNOWN and kind_of(side) == "boolean" and never_none(side):
                return self._truths(how, self.truth(side), other)
        if b is UNKNOWN or (isinstance(right, Duration) is not (kind_of(left) == "duration") and b is not None):
            return self._related(op, left, right)
        return self._against(op, left, b)

    def _truths(self, op: str, truth: Formula, other: Node) -> Formula:
        """Something that is true or false, compared."""
        cases = ((truth, Const(value=True)), (negate(truth), Const(value=False)))
        return disjunction(conjunction((case, self._compare(op, value, other))) for case, value in cases)

    def _against(self, op: str, node: Node, value: Scalar) -> Formula:
        """A value compared with a constant."""
        match node:
            case _ if value is None:
                return FAILS
            case Neg(item):
                if isinstance(value, str | bool):
                    return FAILS
                return self.truth(Compare(FLIPPED[op], item, Const(-value)))  # type: ignore[arg-type]  # flipped, an operator is one
            case Method("lower") if op == "==" and isinstance(value, str) and any("A" <= letter <= "Z" for letter in value):
                return FAILS
            case Call("since") if isinstance(value, int):
                return self._since(op, events_of(node), value)
            case Call("weekday"):
                days = self.once("weekday", lambda: Choice(*WEEKDAYS))
                return days.among(*(day for day in WEEKDAYS if COMPARE[op](day, value)))  # type: ignore[no-any-return]  # as above
        return self.compared(self.term(node), op, value)

    def _since(self, op: str, events: Events, ms: int) -> Formula:
        """The age of the latest event, compared: it is less than d where there is an event in the last d."""
        some = self.some(events)
        before, upto = (self.some(events.recent(d)) if d > 0 else FAILS for d in (ms, ms + 1))
        at = conjunction((upto, negate(before)))
        forms = {"<": before, "<=": upto, ">": negate(upto), ">=": negate(before), "==": at, "!=": negate(at)}
        return conjunction((some, forms[op]))

    def _related(self, op: str, left: Node, right: Node) -> Formula:
        """Two values compared of which neither is a constant."""
        if repr(right) < repr(left):
            left, right, op = right, left, FLIPPED[op]

        def make() -> Choice:
            ordered = {kind_of(left), kind_of(right)} & {"number", "string", "duration", "boolean"}
            made = Choice("less", "same", "greater", "different", "none", *(() if ordered else ("equal",)))
            made.sides.append(disjunction((made.among("none"), negate(disjunction(map(self.missing, (left, right)))))))
            return made

        return self.once((repr(left), repr(right)), make).among(*_RELATIONS[op])  # type: ignore[no-any-return]  # as above

    def _in(self, node: In, item: Node, box: Node) -> Formula:
        """Membership in a list; what is no list has no members, and nothing is outside of it either."""
        if isinstance(box, ListOf):
            op, join = ("!=", conjunction) if node.negated else ("==", disjunction)
            return join(self.truth(Compare(op, item, each)) for each in box.items)  # type: ignore[arg-type]  # an operator is one
        if constant(box) is not UNKNOWN:
            return FAILS

        def make() -> Choice:
            made = Choice("in", "out", "none")
            made.sides.append(implies(made.among("in"), negate(self.missing(item))))
            made.sides.append(disjunction((made.among("none"), negate(self.missing(box)))))
            made.sides.append(implies(made.among("in"), self._held(item, box)))
            return made

        return self.once((repr(item), "in", repr(box)), make).among("out" if node.negated else "in")  # type: ignore[no-any-return]  # as above

    def _held(self, item: Node, box: Node) -> Formula:
        """What there must be for a list to hold something."""
        if not isinstance(box, Call) or box.name != "unique":
            return HOLDS
        events = events_of(box).having(box["property"])
        return self.some(events.that(Compare("==", Prop(box["property"]), item)) if isinstance(constant(item), str) else events)

    def _method(self, node: Method, item: Node) -> Formula:
        """What a method says of a string; of what is none it is false."""
        node, text = replace(node, item=item), constant(item)
        if text is not UNKNOWN:
            return self.opaque(node) if isinstance(text, str) else FAILS
        if kind_of(item) not in ("string", "any"):
            return FAILS
        said = self.opaque(node, lambda: Is(self.term(item), lambda cell: cell.kind == "string"))
        if node.argument is not None and isinstance(constant(node.argument), str):
            self.methods[self.term(node)] = node
        return said

    # --- events and segments ----------------------------------------------------------------------------------------------------------

    def some(self, events: Events) -> Formula:
        """Whether there is an event in the set."""
        return self.compared(self.number(events), ">=", 1)

    def number(self, events: Events) -> Term:
        """The number of events in the set."""

        def make() -> Term:
            term = Term("number", none=False, whole=True, smallest=0)
            self.counts[term] = events
            return term

        return self.once(events, make)  # type: ignore[no-any-return]  # as above

    def segment(self, id: str) -> Formula | None:
        """The formula of a segment, None where none is noted."""
        return self._segments.get(id)

    # --- terms ------------------------------------------------------------------------------------------------------------------------

    def term(self, node: Node) -> Term:
        """The term of a value; one for all nodes that are written alike."""
        if isinstance(node, Call) and node.name == "count":
            return self.number(events_of(node))

        def make() -> Term:
            term = self._known[repr(node)] = _term_of(node)  # before its sides, which may speak of it
            term.sides += self._sides(node, term)
            return term

        return self.once(repr(node), make)  # type: ignore[no-any-return]  # as above

    def _sides(self, node: Node, term: Term) -> Iterator[Formula]:
        """What is always so with the term, beside its kind."""
        missing = Is(term, NONE.__eq__)
        match node:
            case Trait() | Prop():
                self.paths[term] = node
            case Method("lower", item):
                yield same(missing, Is(self.term(item), lambda cell: cell.kind != "string"))
            case Arith(_, left, right):
                yield implies(disjunction(map(self.missing, (left, right))), missing)
            case Neg(item):
                yield implies(self.missing(item), missing)
            case Call(name) if name in SIDES:
                yield from SIDES[name](self, node, term, missing)


UNKNOWN = object()
"""Stands for a value that is not written out."""


def constant(node: Node) -> Any:
    """The value of what is written out, else UNKNOWN."""
    match node:
        case Const(value):
            return value
        case Duration(ms):
            return ms
    return UNKNOWN


def _term_of(node: Node) -> Term:
    kind, name = kind_of(node), node.name if isinstance(node, Call) else ""
    smallest, largest = RANGES.get(name, (-inf, inf))
    if isinstance(node, Call) and kind == "duration" and node["within"] is not None:
        largest = node["within"] - 1
    # What is looked up or summed up is never NaN: that is no JSON.
    arithmetic = kind in ("number", "any") and not isinstance(node, Trait | Prop) and name not in _NUMBERS
    whole = kind == "duration" or name in WHOLE
    return Term(kind, none=not never_none(node), whole=whole, arithmetic=arithmetic, smallest=smallest, largest=largest)


_NUMBERS = WHOLE | {"first", "last", "most", "min", "max", "sum", "avg", "total", "score", "bucket"}
_RELATIONS = {
    "==": ("same", "equal"),
    "!=": ("less", "greater", "different"),
    "<": ("less",),
    "<=": ("less", "same"),
    ">": ("greater",),
    ">=": ("greater", "same"),
}
"""What can be the case between two values where they compare so; those without an order are `equal` or `different`."""
