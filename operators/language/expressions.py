"""Expressions to closures: a node over `(person, now)`, or in a `where` over `(properties, now)`, as a function that gives its value.

Only `true` is taken as true by `and`, `or`, `not` and `if`; a comparison with None is false; arithmetic on what is no number gives None
(`semantics.md`, 4).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from operators.language.calls import CALLS
from operators.language.canonical import canonical
from operators.language.kinds import COMPARE, FLIPPED, different, equal, mismatch
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
    Item,
    ListOf,
    Method,
    Neg,
    Node,
    Not,
    Or,
    Prop,
    Trait,
)
from operators.language.patterns import compile_pattern
from operators.language.slots import Compared, at_path

if TYPE_CHECKING:
    from operators.language.compile import Context
    from schemas.person import Person

Value = Callable[[Any, int], Any]
"""A compiled expression: of a person (or, in `where`, of properties) and an instant in ms."""


def operands(node: Node) -> tuple[Node, ...]:
    """The expressions directly inside a node over the person, in the order written; those over an event or an item are left out, and of a
    computed value its definition is inside."""
    match node:
        case And(items) | Or(items) | ListOf(items):
            return items
        case Not(item) | Neg(item) | IsNone(item):
            return (item,)
        case If(test, then, other):
            return (then, test, other)
        case Compare(_, left, right) | Arith(_, left, right):
            return (left, right)
        case In(item, box):
            return (item, box)
        case Method(_, item, argument):
            return (item,) if argument is None else (item, argument)
        case Call(name, arguments):
            kinds = {parameter.name: parameter.kind for parameter in CALLS[name].parameters}
            found: list[Node] = []
            for key, value in arguments:
                if kinds[key] in ("value", "values"):
                    found += value if kinds[key] == "values" else (value,)
                elif kinds[key] == "computed":
                    found.append(value.node)
            return tuple(found)
    return ()


def calls_of(node: Node, *, inner: bool = False) -> list[Node]:
    """The calls and traits of a rule, each once, in the order written: what `why` shows. The outermost, or all with `inner`."""
    # By the text: the trees of `1` and `true` are equal to Python.
    found: dict[str, Node] = {}
    queue = [node]
    while queue:
        here = queue.pop(0)
        if isinstance(here, (Call, Trait)):
            found.setdefault(canonical(here), here)
        if inner or not isinstance(here, Call):
            queue[:0] = operands(here)
    return list(found.values())


def gives_duration(node: Node) -> bool:
    """True where the value of a call is a duration (of `coalesce`: where its first argument's is)."""
    if not isinstance(node, Call):
        return isinstance(node, Duration)
    gives = CALLS[node.name].gives
    return gives == "duration" or (gives is None and any(map(gives_duration, operands(node)[:1])))


def _constants(node: Node) -> tuple[float, ...] | None:
    """The numbers or durations that a literal or a list of literals stands for; None where it is something else."""
    match node:
        case Const(bool()):
            return ()
        case Const(int() | float() as number):
            return (number,)
        case Const():
            return ()
        case Duration(ms):
            return (ms,)
        case Neg(Const(int() | float() as number)):
            return (-number,)
        case ListOf(items):
            inner = [_constants(item) for item in items]
            return None if None in inner else tuple(number for numbers in inner for number in numbers or ())
    return None


def _compared(operator: str, other: Node) -> Compared:
    numbers = _constants(other)
    return None if numbers is None else tuple((operator, number) for number in numbers)


def _const(context: Context, node: Const | Duration, compared: Compared) -> Value:
    value = node.value if isinstance(node, Const) else node.ms
    return lambda _subject, _now: value


def _list(context: Context, node: ListOf, compared: Compared) -> Value:
    items = [context.value(item) for item in node.items]
    return lambda subject, now: [item(subject, now) for item in items]


def _prop(context: Context, node: Prop, compared: Compared) -> Value:
    # An event always has properties; an item may be no object.
    if len(node.path) == 1 and not context.over_items:
        name = node.path[0]
        return lambda properties, _now: properties.get(name)
    path = node.path
    return lambda properties, _now: at_path(properties, path)


def _item(context: Context, node: Item, compared: Compared) -> Value:
    path = node.path
    return lambda item, _now: at_path(item, path)


def _trait(context: Context, node: Trait, compared: Compared) -> Value:
    name, rest = node.path[0], node.path[1:]
    context.trait(name)

    def trait(p: Person, now: int) -> Any:
        kept = p.traits.get(name)
        return None if kept is None else at_path(kept[1], rest)

    return trait


def _and(context: Context, node: And, compared: Compared) -> Value:
    items = [context.value(item, ()) for item in node.items]
    if len(items) == 2:
        first, second = items
        return lambda subject, now: first(subject, now) is True and second(subject, now) is True

    def every(subject: Any, now: int) -> bool:
        for item in items:  # noqa: SIM110 - a generator costs twice as much, and this runs for each event
            if item(subject, now) is not True:
                return False
        return True

    return every


def _or(context: Context, node: Or, compared: Compared) -> Value:
    items = [context.value(item, ()) for item in node.items]

    def some(subject: Any, now: int) -> bool:
        for item in items:  # noqa: SIM110 - as above
            if item(subject, now) is True:
                return True
        return False

    return some


def _not(context: Context, node: Not, compared: Compared) -> Value:
    item = context.value(node.item, ())
    return lambda subject, now: item(subject, now) is not True


def _if(context: Context, node: If, compared: Compared) -> Value:
    test, then, other = context.value(node.test, ()), context.value(node.then, compared), context.value(node.other, compared)
    return lambda subject, now: then(subject, now) if test(subject, now) is True else other(subject, now)


def _compare(context: Context, node: Compare, compared: Compared) -> Value:
    left = context.value(node.left, _compared(node.op, node.right))
    right = context.value(node.right, _compared(FLIPPED[node.op], node.left))
    for other, value, op in ((node.right, left, node.op), (node.left, right, FLIPPED[node.op])):
        if isinstance(other, Duration):
            return _against(context, node, value, op, other.ms)
        if isinstance(other, Const) and type(other.value) in (int, float, str):
            return _against(context, node, value, op, other.value)
    compare, mismatched, comparison = COMPARE[node.op], context.mismatched, context.comparison(node)

    def compared_values(subject: Any, now: int) -> bool:
        a, b = left(subject, now), right(subject, now)
        if compare(a, b):
            return True
        if mismatch(a, b):
            mismatched[comparison] += 1
        return False

    return compared_values


def _against(context: Context, node: Node, value: Value, op: str, constant: Any) -> Value:
    """A comparison with a number or a string that is written out: the same as `COMPARE`, with the constant's kind known beforehand."""
    compare, mismatched, comparison = _NATIVE[op], context.mismatched, context.comparison(node)
    if type(constant) is str:

        def against_text(subject: Any, now: int) -> bool:
            text = value(subject, now)
            if type(text) is str:
                return compare(text, constant)
            if text is not None:
                mismatched[comparison] += 1
            return False

        return against_text

    def against_number(subject: Any, now: int) -> bool:
        number = value(subject, now)
        kind = type(number)
        if kind is int or kind is float:
            return compare(number, constant)
        if number is not None:
            mismatched[comparison] += 1
        return False

    return against_number


_NATIVE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _in(context: Context, node: In, compared: Compared) -> Value:
    item, box, negated = context.value(node.item, _compared("==", node.box)), context.value(node.box), node.negated
    mismatched, comparison = context.mismatched, context.comparison(node)
    if isinstance(node.box, ListOf) and all(isinstance(each, Const) and type(each.value) is str for each in node.box.items):
        texts = frozenset(each.value for each in node.box.items if isinstance(each, Const))
        if texts:

            def within_texts(subject: Any, now: int) -> bool:
                text = item(subject, now)
                if type(text) is str:
                    return (text in texts) is not negated
                if text is not None:
                    mismatched[comparison] += 1
                return False

            return within_texts

    def within(subject: Any, now: int) -> bool:
        value, values = item(subject, now), box(subject, now)
        if type(values) is not list:
            if values is not None:
                mismatched[comparison] += 1
            return False
        found = all(different(value, other) for other in values) if negated else any(equal(value, other) for other in values)
        if not found and values and all(mismatch(value, other) for other in values):
            mismatched[comparison] += 1
        return found

    return within


def _is_none(context: Context, node: IsNone, compared: Compared) -> Value:
    item, negated = context.value(node.item, ()), node.negated
    return lambda subject, now: (item(subject, now) is None) is not negated


def _arith(context: Context, node: Arith, compared: Compared) -> Value:
    left, right, operator = context.value(node.left), context.value(node.right), node.op

    def arith(subject: Any, now: int) -> Any:
        a, b = left(subject, now), right(subject, now)
        if type(a) not in (int, float) or type(b) not in (int, float):
            return None
        try:
            if operator == "+":
                return a + b
            if operator == "-":
                return a - b
            return a * b if operator == "*" else a / b
        except (ZeroDivisionError, OverflowError):
            return None

    return arith


def _neg(context: Context, node: Neg, compared: Compared) -> Value:
    item = context.value(node.item)

    def neg(subject: Any, now: int) -> Any:
        value = item(subject, now)
        return -value if type(value) in (int, float) else None

    return neg


def _method(context: Context, node: Method, compared: Compared) -> Value:
    item = context.value(node.item)
    if node.argument is None:

        def lower(subject: Any, now: int) -> Any:
            text = item(subject, now)
            return text.lower() if type(text) is str else None

        return lower
    if node.name == "matches":
        assert isinstance(node.argument, Const)
        found = compile_pattern(str(node.argument.value))

        def matches(subject: Any, now: int) -> bool:
            text = item(subject, now)
            return type(text) is str and found(text)

        return matches
    argument, method = context.value(node.argument), _METHODS[node.name]

    def call(subject: Any, now: int) -> bool:
        text, part = item(subject, now), argument(subject, now)
        return type(text) is str and type(part) is str and method(text, part)

    return call


def _call(context: Context, node: Call, compared: Compared) -> Value:
    return CALLS[node.name].compile(context, node, compared)  # type: ignore[no-any-return]  # the row cannot name Value: the calls import this file


_METHODS: dict[str, Callable[[str, str], bool]] = {
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "contains": lambda text, part: part in text,
}

COMPILE: dict[type[Node], Callable[[Context, Any, Compared], Value]] = {
    Const: _const,
    Duration: _const,
    ListOf: _list,
    Prop: _prop,
    Item: _item,
    Trait: _trait,
    And: _and,
    Or: _or,
    Not: _not,
    If: _if,
    Compare: _compare,
    In: _in,
    IsNone: _is_none,
    Arith: _arith,
    Neg: _neg,
    Method: _method,
    Call: _call,
}
