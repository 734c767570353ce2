"""The checked rule as a tree: what the parser gives and the compiler takes.

Equality and hash go by meaning, not by place: `at` (the offset in the rule's text, from 0) takes no part in them, so that two spellings of
one rule are one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["boolean", "number", "string", "duration", "list", "object", "none", "any"]
"""The static type of an expression; `any` is a value that is known only when it is met (a property, a trait)."""

CompareOp = Literal["==", "!=", "<", "<=", ">", ">="]
ArithOp = Literal["+", "-", "*", "/"]
MethodName = Literal["lower", "startswith", "endswith", "contains", "matches"]
Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Node:
    """Any expression."""

    at: int = field(compare=False, repr=False, kw_only=True, default=0)


@dataclass(frozen=True, slots=True)
class Const(Node):
    """A literal: boolean, number, string or None."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Duration(Node):
    """A duration literal in ms; the parser makes it of a string that stands where a duration is compared. May be negative."""

    ms: int


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """A list written out: `['a', 'b']`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Prop(Node):
    """A property of the event at hand, inside `where`: a bare or dotted name, as its path."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item(Node):
    """The item of a list at hand, or what lies in it: inside `any`, `all`, `total` a bare `item` is `()`, `item.a` is `('a',)`. Bare names
    there are `Prop` of the item."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trait(Node):
    """A trait of the person: `trait.a.b` is `('a', 'b')`, `trait('any name')` is one step."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    item: Node


@dataclass(frozen=True, slots=True)
class If(Node):
    """`then if test else other`."""

    test: Node
    then: Node
    other: Node


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """One comparison; a chain `a < b < c` is an `And` of its pairs. Never with a literal None (see `IsNone`)."""

    op: CompareOp
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class In(Node):
    """`item in box` or, negated, `item not in box`."""

    item: Node
    box: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class IsNone(Node):
    """`x is None`, `x == None`; negated: `x is not None`, `x != None`."""

    item: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Arith(Node):
    op: ArithOp
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Neg(Node):
    item: Node


@dataclass(frozen=True, slots=True)
class Method(Node):
    """A method of a string; `lower` has no argument."""

    name: MethodName
    item: Node
    argument: Node | None


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A call of the language, its arguments bound by the call's row in `operators.language.calls.CALLS`.

    `arguments` holds `(parameter, value)` for what was given, in the order of the row's parameters; the value is of the parameter's kind:
    see `Parameter`.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...]

    def __getitem__(self, parameter: str) -> Any:
        return dict(self.arguments).get(parameter)


@dataclass(frozen=True, slots=True)
class On(Node):
    """Events: of these names, and satisfying `where` where there is one."""

    events: tuple[str, ...]
    where: Node | None


@dataclass(frozen=True, slots=True)
class Step(Node):
    """One step of a path: an event that was done, or negated one that was not."""

    on: On
    negated: bool


@dataclass(frozen=True, slots=True)
class Computed(Node):
    """A definition of computed.yaml, by its name and as its tree."""

    name: str
    node: Node


Scope = Literal["person", "event", "item"]
"""What an expression is over: a person at an instant, the properties of an event, or an item of a list."""

ParameterKind = Literal[
    "events",
    "property",
    "where",
    "within",
    "span",
    "instant",
    "on",
    "steps",
    "times",
    "segment",
    "text",
    "topic",
    "computed",
    "item",
    "value",
    "values",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a call.

    | kind | written as | bound value |
    |---|---|---|
    | events | a string, or a list of strings | `tuple[str, ...]`, sorted, without repeats |
    | property | a string, dots go deeper | `tuple[str, ...]`, the path |
    | where | an expression over the event's properties | `Node` |
    | within | a duration string, not 0; looks back over the history | `int`, ms |
    | span | a duration string, not 0 | `int`, ms |
    | instant | a string, RFC 3339 or a date | `str` |
    | on | as events, or `on(E, where=...)` | `On` |
    | steps | any number of those, at least two, with `not` for what was not done | `tuple[Step, ...]` |
    | times | a whole number, not 0 | `int` |
    | segment | a string, the id of a segment of the plan | `str` |
    | text | a string | `str` |
    | topic | a string, the id of a topic of the plan | `str` |
    | computed | a string, a name of computed.yaml | `Computed` |
    | item | an expression over the items of a list | `Node` |
    | value | an expression over the person | `Node` |
    | values | any number of those, at least one | `tuple[Node, ...]` |
    """

    name: str
    kind: ParameterKind
    required: bool = False
    keyword: bool = False
    """Given by name only (`within='7d'`); others by place only."""
    accepts: tuple[Kind, ...] = ()
    """For `value` and `values`: the static types it takes besides `any`; empty for every one."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call of the language: what parser, checker, compiler and reference need to know of it.

    `gives` is its static type; None where it has that of its arguments (`coalesce`). `bare` calls are written without parentheses
    (`everyone`); `pure` ones look at nothing but their arguments, so that they can stand inside `where` and over the items of a list.
    `example` is a rule that uses the call, `state` what it keeps of a person. `compile` gives the closure `(person, now) -> value`; see
    `operators.language.compile`. `check` gives what must be otherwise in a call as a whole, as texts; `reach` how far
    back it looks in ms, 0 for the whole history.
    """

    name: str
    gives: Kind | None
    parameters: tuple[Parameter, ...]
    doc: str
    boundaries: str
    state: str
    example: str
    compile: Callable[..., Any]
    check: Callable[[Call], Iterator[str]] = lambda _call: iter(())
    reach: Callable[[Call], int] = lambda call: call["within"] or 0
    bare: bool = False
    pure: bool = False
    never_none: bool = False
    """True where the value is never None."""


def children(node: Node) -> Iterator[Node]:
    """The nodes directly inside a node, in the order written; those of a `where` too, but not the definition of a computed value."""
    match node:
        case And(items) | Or(items) | ListOf(items):
            yield from items
        case Not(item) | Neg(item) | IsNone(item):
            yield item
        case If(test, then, other):
            yield from (then, test, other)
        case Compare(_, left, right) | Arith(_, left, right) | In(left, right):
            yield from (left, right)
        case Method(_, item, argument):
            yield from (item,) if argument is None else (item, argument)
        case On(_, where) if where is not None:
            yield where
        case Step(on):
            yield on
        case Call():
            for _, value in node.arguments:
                yield from (part for part in (value if isinstance(value, tuple) else (value,)) if isinstance(part, Node))


def walk(node: Node, inside: tuple[str, ...] | None = None) -> Iterator[tuple[Node, tuple[str, ...] | None]]:
    """Every node of a tree, each with the events whose properties it reads (None outside a `where`)."""
    stack = [(node, inside)]
    while stack:
        here, events = stack.pop()
        yield here, events
        where = here["where"] if isinstance(here, Call) else here.where if isinstance(here, On) else None
        its = here["events"] if isinstance(here, Call) else here.events if isinstance(here, On) else None
        # What is asked of the items of a list reads the items, not the event.
        item = here["item"] if isinstance(here, Call) else None
        stack += [(child, its if child is where else None if child is item else events) for child in children(here)]


UNKNOWN = Prop(("?",))
"""Stands for what could not be read: its kind is `any`, so that nothing else is said of it."""
