"""`bind`: the arguments of a call, bound as its row says; how each kind of parameter is read is one function and one row in `_BINDERS`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING, Any

from operators.instants import instant_of
from operators.language.check import nearest
from operators.language.durations import shortened, ticked
from operators.language.nodes import UNKNOWN, Call, CallRow, Computed, Node, On, Parameter, Scope, Step

if TYPE_CHECKING:
    from operators.language.parse import Reader

MANY = ("values", "steps")
"""Kinds of parameters that take all further arguments."""


def bind(reader: Reader, node: ast.Call, row: CallRow, scope: Scope) -> Node:
    """The call of this row; `UNKNOWN`, and problems, where its arguments are not what the row says."""
    bound: dict[str, Any] = {}
    before = len(reader.problems)
    by_place = [p for p in row.parameters if not p.keyword]
    many = bool(by_place) and by_place[-1].kind in MANY
    for i, argument in enumerate(node.args):
        if isinstance(argument, ast.Starred) or (i >= len(by_place) and not many):
            reader.refuse(argument, f"`{row.name}()` must have {_form(row)}; got a further {reader.source(argument)}")
            continue
        parameter = by_place[min(i, len(by_place) - 1)]
        value = _BINDERS[parameter.kind](reader, parameter, argument, scope)
        bound[parameter.name] = (*bound.get(parameter.name, ()), value) if parameter.kind in MANY else value
    for named in node.keywords:
        _named(reader, named, row, bound, scope)
    missing = [p.name for p in row.parameters if p.required and p.name not in bound]
    if missing and len(reader.problems) == before:
        return reader.refuse(node, f"`{row.name}()` must have {_form(row)}; got no {missing[0]}")
    if len(reader.problems) > before:
        return UNKNOWN
    return Call(row.name, tuple((p.name, bound[p.name]) for p in row.parameters if p.name in bound), at=reader.at(node))


def _named(reader: Reader, node: ast.keyword, row: CallRow, bound: dict[str, Any], scope: Scope) -> None:
    names = {p.name: p for p in row.parameters if p.keyword}
    parameter = names.get(node.arg or "")
    if parameter is None:
        got = ticked(node.arg + "=") + nearest(node.arg, names) if node.arg else "`**`"
        reader.refuse(node, f"`{row.name}()` must have {_form(row)}; got {got}")
    elif parameter.name in bound:
        reader.refuse(node, f"`{parameter.name}=` must be given once; got it again")
    else:
        bound[parameter.name] = _BINDERS[parameter.kind](reader, parameter, node.value, scope)


def _form(row: CallRow) -> str:
    """The arguments of a call, for a finding."""
    return "(" + ", ".join(f"{p.name}=" if p.keyword else f"{p.name}, ..." if p.kind in MANY else p.name for p in row.parameters) + ")"


# --- each kind ------------------------------------------------------------------------------------------------------------------------


def _events(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> tuple[str, ...]:
    nodes = node.elts if isinstance(node, ast.List) else [node]
    if not nodes:
        reader.refuse(node, f"`{parameter.name}` must name an event; got an empty list")
    names = [reader.string(item, f"`{parameter.name}=`" if parameter.keyword else "an event") for item in nodes]
    return tuple(sorted({name for name in names if name is not None}))


def _on(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> On:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "on"):
        return On(_events(reader, parameter, node, scope), None, at=reader.at(node))
    conditions = [named.value for named in node.keywords if named.arg == "where"]
    if len(node.args) != 1 or len(conditions) != 1 or len(node.keywords) != 1:
        reader.refuse(node, f"`on()` must have (events, where=); got {reader.source(node)}")
        return On((), None)
    return On(_events(reader, parameter, node.args[0], scope), reader.read(conditions[0], "event"), at=reader.at(node))


def _step(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> Step:
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    inner = node.operand if isinstance(node, ast.UnaryOp) and negated else node
    return Step(_on(reader, parameter, inner, scope), negated, at=reader.at(node))


def _property(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> tuple[str, ...]:
    path = tuple((reader.string(node, "a property") or "?").split("."))
    if not all(path):
        reader.refuse(node, f"a property must be a name, or names with dots between them; got {reader.source(node)}")
    return path


def _where(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> Node:
    return reader.read(node, "event")


def _item(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> Node:
    return reader.read(node, "item")


def _span(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> int:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        reader.refuse(node, f"`{parameter.name}` must be a duration in quotes, such as '7d'; got {reader.source(node)}")
        return 1
    ms = reader.duration(node, node.value)
    if ms is not None and ms <= 0:
        reader.refuse(node, f"`{parameter.name}` must be more than 0; got {reader.source(node)}")
    return ms or 1


def _instant(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> str:
    text = reader.string(node, f"`{parameter.name}=`")
    if text is not None and instant_of(text, UTC) is None:
        reader.refuse(node, f"`{parameter.name}=` must be a date such as '2026-01-31', or RFC 3339; got {shortened(text)}")
    return text or "?"


def _times(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int and 0 < node.value <= MOST_TIMES:
        return node.value
    reader.refuse(node, f"`{parameter.name}` must be a whole number from 1 to {MOST_TIMES}; got {reader.source(node)}")
    return 1


MOST_TIMES = 1000


def _segment(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> str:
    id = reader.string(node, "the id of a segment")
    if id is not None and reader.segments is not None and id not in reader.segments:
        reader.refuse(node, f"a segment must be one of segments.yaml; got {shortened(id)}{nearest(id, reader.segments)}")
    return id or "?"


def _computed(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> Computed:
    name = reader.string(node, "a computed value") or "?"
    if name != "?" and name not in reader.computed:
        reader.refuse(node, f"a computed value must be one of computed.yaml; got {shortened(name)}{nearest(name, reader.computed)}")
    return Computed(name, reader.computed.get(name) or UNKNOWN, at=reader.at(node))


def _text(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> str:
    return reader.string(node, f"`{parameter.name}`") or "?"


def _value(reader: Reader, parameter: Parameter, node: ast.expr, scope: Scope) -> Node:
    return reader.read(node, scope)


_BINDERS: dict[str, Callable[[Reader, Parameter, ast.expr, Scope], Any]] = {
    "events": _events,
    "on": _on,
    "steps": _step,
    "property": _property,
    "where": _where,
    "item": _item,
    "within": _span,
    "span": _span,
    "instant": _instant,
    "times": _times,
    "segment": _segment,
    "computed": _computed,
    "text": _text,
    "topic": _text,
    "value": _value,
    "values": _value,
}
"""How an argument is bound, by the kind of its parameter."""
