"""`parse`: the text of a rule to its tree of nodes.

Python's parser reads the syntax, and nothing is ever evaluated. What a call takes is bound by its row in `operators.language.calls.CALLS`
alone. Every text gives a tree or problems, in bounded time and depth.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable, Collection
from typing import Any, get_args

from operators.language import calls
from operators.language.canonical import RESERVED
from operators.language.check import Problem, kind_of, nearest
from operators.language.durations import parse_duration, shortened, ticked
from operators.language.nodes import (
    And,
    Arith,
    ArithOp,
    Call,
    CallRow,
    Compare,
    CompareOp,
    Const,
    Duration,
    If,
    In,
    IsNone,
    ListOf,
    Method,
    MethodName,
    Neg,
    Node,
    Not,
    Or,
    Parameter,
    Prop,
    Trait,
)
from operators.language.syntax import source, syntax
from schemas.errors import Finding, FindingsError

METHODS: tuple[str, ...] = get_args(MethodName)

_COMPARES: dict[type[ast.cmpop], CompareOp] = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_ARITHS: dict[type[ast.operator], ArithOp] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_UNKNOWN = Prop(("?",))
"""Stands for what could not be read: its kind is `any`, so that nothing else is said of it."""


def parse(text: str, segments: Collection[str] | None = None, *, where: bool = False) -> tuple[Node | None, list[Problem]]:
    """The tree of a rule and no problems, or None and all problems.

    `segments` are the ids that a rule can refer to, None where they are not known. `where` reads an expression over an event's properties.
    """
    tree = syntax(text)
    if isinstance(tree, Problem):
        return None, [tree]
    reader = _Reader(text, segments)
    node = reader.read(tree, where)
    return (None, sorted(set(reader.problems))) if reader.problems else (node, [])


def rule(text: str, segments: Collection[str] | None = None, *, where: bool = False) -> Node:
    """The tree of a rule; `FindingsError` with all problems, in a file called `rule`.

    >>> rule("did('A', within='24h') and not trait.vip").items[0]["within"]
    86400000
    """
    node, problems = parse(text, segments, where=where)
    if node is None:
        lines = [(p, text[: p.at].split("\n")) for p in problems]
        raise FindingsError([Finding("rule", len(before), len(before[-1]) + 1, p.text) for p, before in lines])
    return node


class _Reader:
    """Reads Python's tree into nodes; what cannot be read becomes a problem and stands as an unknown value."""

    def __init__(self, text: str, segments: Collection[str] | None) -> None:
        self.segments = segments
        self.problems: list[Problem] = []
        lines = source(text).split("\n")
        self._lines = [line.encode() for line in lines]
        self._starts = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
        self._text = text

    def read(self, node: ast.expr, where: bool) -> Node:
        """The node of an expression; `where` inside an expression over an event's properties."""
        reader = _READERS.get(type(node))
        if reader is None:
            what = _NAMES.get(type(node), "this")
            return self.refuse(node, f"a rule must be made of comparisons, calls, `and`, `or`, `not`; got {what}, {self.source(node)}")
        return reader(self, node, where)

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
        return _UNKNOWN

    # Constants and names

    def constant(self, node: ast.Constant, where: bool) -> Node:
        value = node.value
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            return self.refuse(node, f"a string must be Unicode text; got {self.source(node)}")
        if isinstance(value, int | float) and not _finite(value):
            return self.refuse(node, f"a number must be finite; got {self.source(node)}")
        if value is None or isinstance(value, str | bool | int | float):
            return Const(value, at=self.at(node))
        return self.refuse(node, f"a constant must be a string, a number, True, False or None; got {self.source(node)}")

    def listed(self, node: ast.List, where: bool) -> Node:
        return ListOf(tuple(self.read(item, where) for item in node.elts), at=self.at(node))

    def name(self, node: ast.Name, where: bool) -> Node:
        if node.id.lower() in RESERVED:
            meant = "None" if node.id.lower() in ("none", "null") else node.id.capitalize()
            other = f" (a property of that name is written prop('{node.id}'))" if where else ""
            return self.refuse(node, f"a constant must be written `{meant}`; got `{node.id}`{other}")
        if where:
            return Prop((node.id,), at=self.at(node))
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

    def attribute(self, node: ast.Attribute, where: bool) -> Node:
        root, steps = node.value, [node.attr]
        while isinstance(root, ast.Attribute):
            steps.insert(0, root.attr)
            root = root.value
        if isinstance(root, ast.Name) and root.id == "trait":
            return self._trait(node, tuple(steps), where)
        base = self.read(root, where)
        if base is _UNKNOWN:
            return base
        if isinstance(base, Trait | Prop):
            return type(base)((*base.path, *steps), at=base.at)
        return self.refuse(node, f"{ticked('.' + steps[0])} must stand after a trait or a property; got {self.source(root)}")

    def _trait(self, node: ast.expr, path: tuple[str, ...], where: bool) -> Node:
        if where:
            return self.refuse(node, f"`where` must look at the event's properties alone; got the trait {self.source(node)}")
        return Trait(path, at=self.at(node))

    # Operators

    def boolean(self, node: ast.BoolOp, where: bool) -> Node:
        make = And if isinstance(node.op, ast.And) else Or
        return _flat(make, [self.read(item, where) for item in node.values], self.at(node))

    def unary(self, node: ast.UnaryOp, where: bool) -> Node:
        item, at = self.read(node.operand, where), self.at(node)
        if isinstance(node.op, ast.Not):
            return Not(item, at=at)
        if not isinstance(node.op, ast.USub):
            return self.refuse(node, f"the sign of a number must be `-` or nothing; got {self.source(node)}")
        if isinstance(item, Const) and isinstance(item.value, int | float) and not isinstance(item.value, bool):
            return Const(-item.value, at=at)
        return Neg(item, at=at)

    def binary(self, node: ast.BinOp, where: bool) -> Node:
        left, right = self.read(node.left, where), self.read(node.right, where)
        op = _ARITHS.get(type(node.op))
        if op is None:
            meant = {ast.BitAnd: "`and`", ast.BitOr: "`or`"}.get(type(node.op), "one of + - * /")
            return self.refuse(node, f"an operator must be {meant}; got {self.source(node)}")
        return Arith(op, left, right, at=self.at(node))

    def condition(self, node: ast.IfExp, where: bool) -> Node:
        return If(self.read(node.test, where), self.read(node.body, where), self.read(node.orelse, where), at=self.at(node))

    def comparison(self, node: ast.Compare, where: bool) -> Node:
        sides = [self.read(side, where) for side in (node.left, *node.comparators)]
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
            ms = self._duration(source, node.value)
            return _UNKNOWN if ms is None else Duration(ms, at=node.at)
        return node

    def _duration(self, source: ast.expr, text: str) -> int | None:
        try:
            return parse_duration(text)
        except ValueError as error:
            self.refuse(source, str(error))
            return None

    # Calls

    def call(self, node: ast.Call, where: bool) -> Node:
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, where)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("trait", "prop"):
            return self._path(node, name, where)
        row = calls.CALLS.get(name)
        if row is None:
            hint = nearest(name, [*calls.CALLS, "trait", "prop"])
            return self.refuse(node, f"a call must be one of the language; got {self.source(node.func)}{hint}")
        if row.bare:
            return self.refuse(node, f"`{name}` must be written without parentheses; got {self.source(node)}")
        if where and not _pure(row):
            return self.refuse(node, f"`where` must look at the event's properties alone; got the call {self.source(node)}")
        return self._bind(node, row, where)

    def _path(self, node: ast.Call, name: str, where: bool) -> Node:
        if len(node.args) != 1 or node.keywords:
            return self.refuse(node, f"`{name}()` must have one argument, a name in quotes; got {self.source(node)}")
        path = self._string(node.args[0], f"the argument of `{name}()`")
        if path is None:
            return _UNKNOWN
        if name == "trait":
            return self._trait(node, (path,), where)
        if not where:
            return self.refuse(node, f"`prop()` must stand inside `where`; got {self.source(node)}")
        return Prop((path,), at=self.at(node))

    def _method(self, node: ast.Call, func: ast.Attribute, where: bool) -> Node:
        name: Any = func.attr
        item = self.read(func.value, where)
        arguments = [self.read(argument, where) for argument in node.args]
        if name not in METHODS:
            return self.refuse(node, f"a method must be one of {', '.join(METHODS)}; got {ticked(name)}{nearest(name, METHODS)}")
        needed = 0 if name == "lower" else 1
        if len(arguments) != needed or node.keywords:
            return self.refuse(node, f"`.{name}()` must have {'one argument' if needed else 'no argument'}; got {self.source(node)}")
        if name == "matches" and not (isinstance(arguments[0], Const) and isinstance(arguments[0].value, str)):
            return self.refuse(node.args[0], f"the argument of `.matches()` must be a string in quotes; got {self.source(node.args[0])}")
        return Method(name, item, arguments[0] if arguments else None, at=self.at(node))

    def _bind(self, node: ast.Call, row: CallRow, where: bool) -> Node:
        """The call with its arguments bound as its row says."""
        bound: dict[str, Any] = {}
        before = len(self.problems)
        by_place = [p for p in row.parameters if not p.keyword]
        many = bool(by_place) and by_place[-1].kind == "values"
        for i, argument in enumerate(node.args):
            if isinstance(argument, ast.Starred) or (i >= len(by_place) and not many):
                self.refuse(argument, f"`{row.name}()` must have {_form(row)}; got a further {self.source(argument)}")
                continue
            parameter = by_place[min(i, len(by_place) - 1)]
            value = _BINDERS[parameter.kind](self, parameter, argument, where)
            bound[parameter.name] = (*bound.get(parameter.name, ()), value) if parameter.kind == "values" else value
        for named in node.keywords:
            self._named(named, row, bound, where)
        missing = [p.name for p in row.parameters if p.required and p.name not in bound]
        if missing and len(self.problems) == before:
            return self.refuse(node, f"`{row.name}()` must have {_form(row)}; got no {missing[0]}")
        if len(self.problems) > before:
            return _UNKNOWN
        return Call(row.name, tuple((p.name, bound[p.name]) for p in row.parameters if p.name in bound), at=self.at(node))

    def _named(self, node: ast.keyword, row: CallRow, bound: dict[str, Any], where: bool) -> None:
        names = {p.name: p for p in row.parameters if p.keyword}
        parameter = names.get(node.arg or "")
        if parameter is None:
            got = ticked(node.arg + "=") + nearest(node.arg, names) if node.arg else "`**`"
            self.refuse(node, f"`{row.name}()` must have {_form(row)}; got {got}")
        elif parameter.name in bound:
            self.refuse(node, f"`{parameter.name}=` must be given once; got it again")
        else:
            bound[parameter.name] = _BINDERS[parameter.kind](self, parameter, node.value, where)

    def _string(self, node: ast.expr, what: str) -> str | None:
        """A string literal that is not empty; None, and a problem, where it is something else."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            value = self.constant(node, where=False)
            return value.value if isinstance(value, Const) and isinstance(value.value, str) else None
        hint = f"; did you mean {node.id!r}?" if isinstance(node, ast.Name) else ""
        self.refuse(node, f"{what} must be a name in quotes; got {self.source(node)}{hint}")
        return None

    def bind_events(self, parameter: Parameter, node: ast.expr, where: bool) -> tuple[str, ...]:
        nodes = node.elts if isinstance(node, ast.List) else [node]
        if not nodes:
            self.refuse(node, f"`{parameter.name}` must name an event; got an empty list")
        names = [self._string(item, "an event" if parameter.name == "events" else f"`{parameter.name}`") for item in nodes]
        return tuple(sorted({name for name in names if name is not None}))

    def bind_property(self, parameter: Parameter, node: ast.expr, where: bool) -> tuple[str, ...]:
        path = tuple((self._string(node, "a property") or "?").split("."))
        if not all(path):
            self.refuse(node, f"a property must be a name, or names with dots between them; got {self.source(node)}")
        return path

    def bind_where(self, parameter: Parameter, node: ast.expr, where: bool) -> Node:
        return self.read(node, where=True)

    def bind_within(self, parameter: Parameter, node: ast.expr, where: bool) -> int:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            self.refuse(node, f"`{parameter.name}` must be a duration in quotes, such as '7d'; got {self.source(node)}")
            return 1
        ms = self._duration(node, node.value)
        if ms is not None and ms <= 0:
            self.refuse(node, f"`{parameter.name}` must be more than 0; got {self.source(node)}")
        return ms or 1

    def bind_segment(self, parameter: Parameter, node: ast.expr, where: bool) -> str:
        id = self._string(node, "the id of a segment")
        if id is not None and self.segments is not None and id not in self.segments:
            self.refuse(node, f"a segment must be one of segments.yaml; got {shortened(id)}{nearest(id, self.segments)}")
        return id or "?"

    def bind_text(self, parameter: Parameter, node: ast.expr, where: bool) -> str:
        return self._string(node, f"`{parameter.name}`") or "?"

    def bind_value(self, parameter: Parameter, node: ast.expr, where: bool) -> Node:
        return self.read(node, where)


def _finite(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _flat(make: type[And] | type[Or], items: list[Node], at: int) -> Node:
    """`and` or `or` of the items, those of the same operator taken in."""
    flat = [inner for item in items for inner in (item.items if isinstance(item, make) else (item,))]
    return make(tuple(flat), at=at)


def _pure(row: CallRow) -> bool:
    """True where a call looks at nothing but its arguments, so that it can stand inside `where`."""
    return row.gives != "duration" and all(p.kind in ("value", "values") for p in row.parameters)


def _form(row: CallRow) -> str:
    """The arguments of a call, for a finding."""
    return "(" + ", ".join(f"{p.name}=" if p.keyword else f"{p.name}, ..." if p.kind == "values" else p.name for p in row.parameters) + ")"


_BINDERS: dict[str, Callable[[_Reader, Parameter, ast.expr, bool], Any]] = {
    "events": _Reader.bind_events,
    "property": _Reader.bind_property,
    "where": _Reader.bind_where,
    "within": _Reader.bind_within,
    "segment": _Reader.bind_segment,
    "text": _Reader.bind_text,
    "value": _Reader.bind_value,
    "values": _Reader.bind_value,
}
"""How an argument is bound, by the kind of its parameter."""

_READERS: dict[type[ast.expr], Callable[[_Reader, Any, bool], Node]] = {
    ast.Constant: _Reader.constant,
    ast.List: _Reader.listed,
    ast.Name: _Reader.name,
    ast.Attribute: _Reader.attribute,
    ast.BoolOp: _Reader.boolean,
    ast.UnaryOp: _Reader.unary,
    ast.BinOp: _Reader.binary,
    ast.IfExp: _Reader.condition,
    ast.Compare: _Reader.comparison,
    ast.Call: _Reader.call,
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
