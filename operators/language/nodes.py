"""The checked rule as a tree: what the parser gives and the compiler takes.

Equality and hash go by meaning, not by place: `at` (the offset in the rule's text, from 0) takes no part in them, so that two spellings of
one rule are one rule.
"""

from __future__ import annotations

from collections.abc import Callable
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


ParameterKind = Literal["events", "property", "where", "within", "segment", "text", "value", "values"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a call.

    | kind | written as | bound value |
    |---|---|---|
    | events | a string, or a list of strings | `tuple[str, ...]`, sorted, without repeats |
    | property | a string, dots go deeper | `tuple[str, ...]`, the path |
    | where | an expression over the event's properties | `Node` |
    | within | a duration string, not 0 | `int`, ms |
    | segment | a string, the id of a segment of the plan | `str` |
    | text | a string | `str` |
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
    (`everyone`). `compile` gives the closure `(person, now) -> value`; see `operators.language.compile`.
    """

    name: str
    gives: Kind | None
    parameters: tuple[Parameter, ...]
    doc: str
    boundaries: str
    compile: Callable[..., Any]
    bare: bool = False
    never_none: bool = False
    """True where the value is never None."""
