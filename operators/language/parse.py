"""`parse`: the text of a rule to its tree of nodes.

Python's parser reads the syntax, and nothing is ever evaluated. What a call takes is bound by its row in `operators.language.calls.CALLS`
alone. Every text gives a tree or problems, in bounded time and depth.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_args

from operators.language import calls
from operators.language.arguments import bind
from operators.language.canonical import RESERVED
from operators.language.check import Problem, kind_of, nearest
from operators.language.durations import parse_duration, ticked
from operators.language.nodes import (
    UNKNOWN,
    And,
    Arith,
    ArithOp,
    Call,
    Compare,
    CompareOp,
    Const,
    Duration,
    If,
    In,
    IsNone,
    Item,
    ListOf,
    Method,
    MethodName,
    Neg,
    Node,
    Not,
    Or,
    Prop,
    Scope,
    Trait,
)
from operators.language.syntax import source, syntax
from schemas.errors import Finding, FindingsError

METHODS: tuple[str, ...] = get_args(MethodName)

_COMPARES: dict[type[ast.cmpop], CompareOp] = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_ARITHS: dict[type[ast.operator], ArithOp] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def parse(
    text: str, segments: Collection[str] | None = None, *, where: bool = False, computed: Mapping[str, Node | None] | None = None
) -> tuple[Node | None, list[Problem]]:
    """The tree of a rule and no problems, or None and all problems.

    `segments` are the ids that a rule can refer to, None where they are not known; `computed` gives the definitions of computed.yaml, by
    name (None for one that cannot be used). `where` reads an expression over an event's properties.
    """
    tree = syntax(text)
    if isinstance(tree, Problem):
        return None, [tree]
    reader = Reader(text, segments, computed or {})
    node = reader.read(tree, "event" if where else "person")
    return (None, sorted(set(reader.problems))) if reader.problems else (node, [])


def rule(
    text: str, segments: Collection[str] | None = None, *, where: bool = False, computed: Mapping[str, Node | None] | None = None
) -> Node:
    """The tree of a rule; `FindingsError` with all problems, in a file called `rule`.

    >>> rule("did('A', within='24h') and not trait.vip").items[0]["within"]
    86400000
    """
    node, problems = parse(text, segments, where=where, computed=computed)
    if node is None:
        lines = [(p, text[: p.at].split("\n")) for p in problems]
        raise FindingsError([Finding("rule", len(before), len(before[-1]) + 1, p.text) for p, before in lines])
    return node


class Reader:
    """Reads Python's tree into nodes; what cannot be read becomes a problem and stands as an unknown value."""

    def __init__(self, text: str, segments: Collection[str] | None, computed: Mapping[str, Node | None]) -> None:
        self.segments = segments
        self.computed = computed
        self.problems: list[Problem] = []
        lines = source(text).split("\n")
        self._lines = [line.encode() for line in lines]
        self._starts = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
        self._text = text

    def read(self, node: ast.expr, scope: Scope) -> Node:
        """The node of an expression over what `scope` says."""
        reader = _READERS.get(type(node))
        if reader is None:
            what = _NAMES.get(type(node), "this")
            return self.refuse(node, f"a rule must be made of comparisons, calls, `and`, `or`, `not`; got {what}, {self.source(node)}")
        return reader(self, node, scope)

    def at(self, node: ast.expr | ast.keyword) -> int:
        """The offset of an expression in the rule's text."""
        return self._offset(node.lineno, node.col_offset)

    def _offset(self, line: int, column: int) -> int:
        return max(self._starts[line - 1] + len(self._lines[line - 1][:column].decode(errors="ignore")) - 1, 0)

    def source(self, node: ast.expr) -> str:
        """The text of an expression, shortened."""
        end = self._offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        return ticked(self._text[self.at(node) : end])

    def refuse(self, node: ast.expr | ast.keyword, text: str) -> Node:
        """Notes a problem, and gives what stands for the expression."""
        self.problems.append(Problem(self.at(node), text))
        return UNKNOWN

    # Constants and names

    def constant(self, node: ast.Constant, scope: Scope) -> Node:
        value = node.value
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            return self.refuse(node, f"a string must be Unicode text; got {self.source(node)}")
        if isinstance(value, int | float) and not _finite(value):
            return self.refuse(node, f"a number must be finite; got {self.source(node)}")
        if value is None or isinstance(value, str | bool | int | float):
            return Const(value, at=self.at(node))
        return self.refuse(node, f"a constant must be a string, a number, True, False or None; got {self.source(node)}")

    def listed(self, node: ast.List, scope: Scope) -> Node:
        return ListOf(tuple(self.read(item, scope) for item in node.elts), at=self.at(node))

    def name(self, node: ast.Name, scope: Scope) -> Node:
        if node.id.lower() in RESERVED:
            meant = "None" if node.id.lower() in ("none", "null") else node.id.capitalize()
            other = f" (a property of that name is written prop('{node.id}'))" if scope != "person" else ""
            return self.refuse(node, f"a constant must be written `{meant}`; got `{node.id}`{other}")
        if scope != "person":
            made = Item if scope == "item" and node.id == "item" else Prop
            return made((node.id,) if made is Prop else (), at=self.at(node))
        row = calls.CALLS.get(node.id)
        if row is not None and row.bare:
            return Call(row.name, (), at=self.at(node))
        if row is not None or node.id in ("trait", "prop"):
            form = "trait.name" if node.id == "trait" else f"{node.id}(...)"
            return self.refuse(node, f"`{node.id}` must be written as {form}; got the bare name")
        if self.segments is not None and node.id in self.segments:
            return self.refuse(node, "a segment must be written as segment(...), its id in quotes; got the bare name")
        return self.refuse(node, f"a name must be one of the language; got {ticked(node.id)}{nearest(node.id, self._words())}")

    def _words(self) -> list[str]:
        return [*calls.CALLS, "trait", *METHODS]

    def attribute(self, node: ast.Attribute, scope: Scope) -> Node:
        root, steps = node.value, [node.attr]
        while isinstance(root, ast.Attribute):
            steps.insert(0, root.attr)
            root = root.value
        if isinstance(root, ast.Name) and root.id == "trait":
            return self._trait(node, tuple(steps), scope)
        base = self.read(root, scope)
        if base is UNKNOWN:
            return base
        if isinstance(base, Trait | Prop | Item):
            return type(base)((*base.path, *steps), at=base.at)
        return self.refuse(node, f"{ticked('.' + steps[0])} must stand after a trait or a property; got {self.source(root)}")

    def _trait(self, node: ast.expr, path: tuple[str, ...], scope: Scope) -> Node:
        if scope != "person":
            return self.refuse(node, f"{_ALONE[scope]}; got the trait {self.source(node)}")
        return Trait(path, at=self.at(node))

    # Operators

    def boolean(self, node: ast.BoolOp, scope: Scope) -> Node:
        make = And if isinstance(node.op, ast.And) else Or
        return _flat(make, [self.read(item, scope) for item in node.values], self.at(node))

    def unary(self, node: ast.UnaryOp, scope: Scope) -> Node:
        item, at = self.read(node.operand, scope), self.at(node)
        if isinstance(node.op, ast.Not):
            return Not(item, at=at)
        if not isinstance(node.op, ast.USub):
            return self.refuse(node, f"the sign of a number must be `-` or nothing; got {self.source(node)}")
        if isinstance(item, Const) and isinstance(item.value, int | float) and not isinstance(item.value, bool):
            return Const(-item.value, at=at)
        return Neg(item, at=at)

    def binary(self, node: ast.BinOp, scope: Scope) -> Node:
        left, right = self.read(node.left, scope), self.read(node.right, scope)
        op = _ARITHS.get(type(node.op))
        if op is None:
            meant = {ast.BitAnd: "`and`", ast.BitOr: "`or`"}.get(type(node.op), "one of + - * /")
            return self.refuse(node, f"an operator must be {meant}; got {self.source(node)}")
        return Arith(op, left, right, at=self.at(node))

    def condition(self, node: ast.IfExp, scope: Scope) -> Node:
        return If(self.read(node.test, scope), self.read(node.body, scope), self.read(node.orelse, scope), at=self.at(node))

    def comparison(self, node: ast.Compare, scope: Scope) -> Node:
        sides = [self.read(side, scope) for side in (node.left, *node.comparators)]
        sources = [node.left, *node.comparators]
        pairs = [self._pair(op, sides[i], sides[i + 1], sources[i], sources[i + 1]) for i, op in enumerate(node.ops)]
        return pairs[0] if len(pairs) == 1 else _flat(And, pairs, self.at(node))

    def _pair(self, op: ast.cmpop, left: Node, right: Node, left_source: ast.expr, right_source: ast.expr) -> Node:
        at, negated = self.at(left_source), isinstance(op, ast.NotEq | ast.IsNot)
        if isinstance(op, ast.In | ast.NotIn):
            return self._membership(left, right, isinstance(op, ast.NotIn), left_source, right_source)
        if isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq):
            for item, other in ((left, right), (right, left)):
                if other == Const(None):
                    return IsNone(item, negated, at=at)
            if isinstance(op, ast.Is | ast.IsNot):
                return self.refuse(right_source, f"`is` must stand before None; got {self.source(right_source)}; equality is written `==`")
        left, right = self._durations(left, right, left_source), self._durations(right, left, right_source)
        return Compare(_COMPARES[type(op)], left, right, at=at)

    def _membership(self, item: Node, box: Node, negated: bool, item_source: ast.expr, box_source: ast.expr) -> Node:
        """`in` and `not in`; a None among the items asks for None, as `== None` does."""
        at = self.at(item_source)
        item, box = self._durations(item, box, item_source), self._durations(box, item, box_source)
        if not isinstance(box, ListOf) or Const(None) not in box.items:
            return In(item, box, negated, at=at)
        rest = tuple(other for other in box.items if other != Const(None))
        asked = IsNone(item, negated, at=at)
        return _flat(And if negated else Or, [In(item, ListOf(rest, at=box.at), negated, at=at), asked], at) if rest else asked

    def _durations(self, node: Node, other: Node, source: ast.expr) -> Node:
        """The node, its string literals read as durations where it is compared with a duration."""
        kinds = {kind_of(item) for item in other.items} if isinstance(other, ListOf) else {kind_of(other)}
        if "duration" not in kinds:
            return node
        if isinstance(node, ListOf) and isinstance(source, ast.List):
            items = tuple(self._durations(item, other, part) for item, part in zip(node.items, source.elts, strict=True))
            return ListOf(items, at=node.at)
        if isinstance(node, Const) and isinstance(node.value, str):
            ms = self.duration(source, node.value)
            return UNKNOWN if ms is None else Duration(ms, at=node.at)
        return node

    def duration(self, source: ast.expr, text: str) -> int | None:
        try:
            return parse_duration(text)
        except ValueError as error:
            self.refuse(source, str(error))
            return None

    # Calls

    def call(self, node: ast.Call, scope: Scope) -> Node:
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, scope)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("trait", "prop"):
            return self._path(node, name, scope)
        row = calls.CALLS.get(name)
        if name == "on":
            return self.refuse(node, f"`on()` must stand as `after=`, as `as_=`, or as a step; got {self.source(node)}")
        if row is None:
            hint = nearest(name, [*calls.CALLS, "trait", "prop"])
            return self.refuse(node, f"a call must be one of the language; got {self.source(node.func)}{hint}")
        if row.bare:
            return self.refuse(node, f"`{name}` must be written without parentheses; got {self.source(node)}")
        if scope != "person" and not row.pure:
            return self.refuse(node, f"{_ALONE[scope]}; got the call {self.source(node)}")
        return bind(self, node, row, scope)

    def _path(self, node: ast.Call, name: str, scope: Scope) -> Node:
        if len(node.args) != 1 or node.keywords:
            return self.refuse(node, f"`{name}()` must have one argument, a name in quotes; got {self.source(node)}")
        path = self.string(node.args[0], f"the argument of `{name}()`")
        if path is None:
            return UNKNOWN
        if name == "trait":
            return self._trait(node, (path,), scope)
        if scope == "person":
            return self.refuse(node, f"`prop()` must stand inside `where` or over a list; got {self.source(node)}")
        return Prop((path,), at=self.at(node))

    def _method(self, node: ast.Call, func: ast.Attribute, scope: Scope) -> Node:
        name: Any = func.attr
        item = self.read(func.value, scope)
        arguments = [self.read(argument, scope) for argument in node.args]
        if name not in METHODS:
            return self.refuse(node, f"a method must be one of {', '.join(METHODS)}; got {ticked(name)}{nearest(name, METHODS)}")
        needed = 0 if name == "lower" else 1
        if len(arguments) != needed or node.keywords:
            return self.refuse(node, f"`.{name}()` must have {'one argument' if needed else 'no argument'}; got {self.source(node)}")
        if name == "matches" and not (isinstance(arguments[0], Const) and isinstance(arguments[0].value, str)):
            return self.refuse(node.args[0], f"the argument of `.matches()` must be a string in quotes; got {self.source(node.args[0])}")
        return Method(name, item, arguments[0] if arguments else None, at=self.at(node))

    def string(self, node: ast.expr, what: str) -> str | None:
        """A string literal that is not empty; None, and a problem, where it is something else."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            value = self.constant(node, "person")
            return value.value if isinstance(value, Const) and isinstance(value.value, str) else None
        hint = f"; did you mean {node.id!r}?" if isinstance(node, ast.Name) else ""
        self.refuse(node, f"{what} must be a name in quotes; got {self.source(node)}{hint}")
        return None


_ALONE = {
    "event": "`where` must look at the event's properties alone",
    "item": "an expression over a list must look at its items alone",
}


def _finite(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _flat(make: type[And] | type[Or], items: list[Node], at: int) -> Node:
    """`and` or `or` of the items, those of the same operator taken in."""
    flat = [inner for item in items for inner in (item.items if isinstance(item, make) else (item,))]
    return make(tuple(flat), at=at)


_READERS: dict[type[ast.expr], Callable[[Reader, Any, Scope], Node]] = {
    ast.Constant: Reader.constant,
    ast.List: Reader.listed,
    ast.Name: Reader.name,
    ast.Attribute: Reader.attribute,
    ast.BoolOp: Reader.boolean,
    ast.UnaryOp: Reader.unary,
    ast.BinOp: Reader.binary,
    ast.IfExp: Reader.condition,
    ast.Compare: Reader.comparison,
    ast.Call: Reader.call,
}
"""The forms of Python's syntax that the language has."""

_NAMES: dict[type[ast.expr], str] = {
    ast.Tuple: "a tuple (a list is written ['a', 'b'])",
    ast.Set: "a set (a list is written ['a', 'b'])",
    ast.Dict: "a dictionary",
    ast.Subscript: "square brackets (a trait by any name is written trait('any name'))",
    ast.Lambda: "a lambda",
    ast.JoinedStr: "a formatted string",
    ast.NamedExpr: "an assignment (equality is written `==`)",
    ast.ListComp: "a loop",
    ast.SetComp: "a loop",
    ast.DictComp: "a loop",
    ast.GeneratorExp: "a loop",
    ast.Starred: "a star",
    ast.Await: "`await`",
    ast.Yield: "`yield`",
    ast.YieldFrom: "`yield`",
}
