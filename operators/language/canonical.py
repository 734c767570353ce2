"""The canonical text of a rule: one text for all spellings of one tree, and its hash.

The text is a rule again: parsed, it gives an equal tree.
"""

from __future__ import annotations

import hashlib
import keyword
from collections.abc import Callable
from typing import Any

from operators.language.durations import format_duration
from operators.language.nodes import (
    And,
    Arith,
    Call,
    Compare,
    Computed,
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
    On,
    Or,
    Parameter,
    Prop,
    Scalar,
    Step,
    Trait,
    walk,
)

IF, OR, AND, NOT, COMPARE, SUM, PRODUCT, SIGN, ATOM = range(9)
"""How strongly each form binds, the weakest first."""

RESERVED = frozenset({"true", "false", "none", "null"})
"""Names, in any case of letters, that a rule refuses as bare properties, since constants are meant; `prop('true')` reads such one."""

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), 127)} | {ord("\\"): "\\\\", ord("'"): "\\'"}


def canonical(node: Node) -> str:
    """The canonical text of a tree: single quotes, keyword arguments in the order of the call's row, durations in days, hours, ...

    >>> canonical(Compare(">", Call("count", (("events", ("A",)), ("within", 86_400_000))), Const(3)))
    "count('A', within='1d') > 3"
    """
    return _text(node, IF)


def version(node: Node) -> str:
    """The first 8 hex digits of the SHA-256 of the canonical text, and of those of the computed values that it takes."""
    return hashlib.sha256(meaning(node).encode()).hexdigest()[:8]


def meaning(node: Node) -> str:
    """The canonical text, and behind it, a line each, the definitions of the computed values that it takes."""
    found: dict[str, str] = {}
    queue = [node]
    while queue:
        for here, _ in walk(queue.pop()):
            if isinstance(here, Computed) and here.name not in found:
                found[here.name] = canonical(here.node)
                queue.append(here.node)
    return "\n".join([canonical(node), *(f"{quoted(name)}: {text}" for name, text in sorted(found.items()))])


def quoted(text: str) -> str:
    """A string literal in single quotes, control characters escaped; the same in every version of Python."""
    return "'" + text.translate(_ESCAPES) + "'"


def scalar(value: Scalar) -> str:
    """A constant; a whole number is written without a fraction, since 1 and 1.0 are one value."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    return repr(value)


def path(steps: tuple[str, ...], root: str | None = None) -> str:
    """A dotted path, of a property or with the root `trait` of a trait; `prop('a b')` where the first name is no identifier."""
    first, rest = steps[0], steps[1:]
    if plain(first) and not (root is None and (first in ("item", "trait") or first.lower() in RESERVED)):
        head = f"{root}.{first}" if root else first
    else:
        head = f"{root or 'prop'}({quoted(first)})"
    return ".".join((head, *rest))


def plain(name: str) -> bool:
    """True where a name can stand bare in a rule."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _text(node: Node, least: int) -> str:
    """The text of a node, in parentheses where it binds less strongly than `least`."""
    strength, text = _WRITERS[type(node)](node)
    return text if strength >= least else f"({text})"


def _const(node: Const) -> tuple[int, str]:
    number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
    return (SIGN if number else ATOM), scalar(node.value)


def _join(items: tuple[Node, ...], word: str, strength: int) -> tuple[int, str]:
    return strength, f" {word} ".join(_text(item, strength + 1) for item in items)


def _if(node: If) -> tuple[int, str]:
    return IF, f"{_text(node.then, OR)} if {_text(node.test, OR)} else {_text(node.other, IF)}"


def _compare(node: Compare) -> tuple[int, str]:
    return COMPARE, f"{_text(node.left, SUM)} {node.op} {_text(node.right, SUM)}"


def _in(node: In) -> tuple[int, str]:
    return COMPARE, f"{_text(node.item, SUM)} {'not in' if node.negated else 'in'} {_text(node.box, SUM)}"


def _is_none(node: IsNone) -> tuple[int, str]:
    return COMPARE, f"{_text(node.item, SUM)} {'is not' if node.negated else 'is'} None"


def _arith(node: Arith) -> tuple[int, str]:
    strength = SUM if node.op in "+-" else PRODUCT
    return strength, f"{_text(node.left, strength)} {node.op} {_text(node.right, strength + 1)}"


def _method(node: Method) -> tuple[int, str]:
    return ATOM, f"{_text(node.item, ATOM)}.{node.name}({_text(node.argument, IF) if node.argument else ''})"


def _call(node: Call) -> tuple[int, str]:
    from operators.language.calls import CALLS  # here, since the files of the calls import this one

    row = CALLS[node.name]
    if row.bare:
        return ATOM, node.name
    keywords = {p.name for p in row.parameters if p.keyword}
    return ATOM, f"{node.name}({', '.join(f'{name}={text}' if name in keywords else text for name, text in arguments_of(node))})"


def arguments_of(node: Call) -> tuple[tuple[str, str], ...]:
    """The text of each argument of a call, by the name of its parameter."""
    from operators.language.calls import CALLS  # as above

    given = dict(node.arguments)
    return tuple((p.name, argument(p, given[p.name])) for p in CALLS[node.name].parameters if p.name in given)


def argument(parameter: Parameter, value: Any) -> str:
    """The text of a bound argument."""
    if isinstance(value, Node):
        return canonical(value)
    if parameter.kind == "events":
        return _events(value)
    if parameter.kind == "property":
        return quoted(".".join(value))
    if parameter.kind in ("within", "span"):
        return quoted(format_duration(value))
    if parameter.kind in ("values", "steps"):
        return ", ".join(map(canonical, value))
    return str(value) if parameter.kind == "times" else quoted(value)


def _events(names: tuple[str, ...]) -> str:
    return quoted(names[0]) if len(names) == 1 else "[" + ", ".join(map(quoted, names)) + "]"


def _on(node: On) -> tuple[int, str]:
    return ATOM, _events(node.events) if node.where is None else f"on({_events(node.events)}, where={canonical(node.where)})"


_WRITERS: dict[type[Node], Callable[[Any], tuple[int, str]]] = {
    Const: _const,
    Duration: lambda node: (ATOM, quoted(format_duration(node.ms))),
    ListOf: lambda node: (ATOM, "[" + ", ".join(map(canonical, node.items)) + "]"),
    Prop: lambda node: (ATOM, path(node.path)),
    Item: lambda node: (ATOM, ".".join(("item", *node.path))),
    Trait: lambda node: (ATOM, path(node.path, "trait")),
    On: _on,
    Step: lambda node: (NOT, "not " * node.negated + canonical(node.on)),
    Computed: lambda node: (ATOM, quoted(node.name)),
    And: lambda node: _join(node.items, "and", AND),
    Or: lambda node: _join(node.items, "or", OR),
    Not: lambda node: (NOT, f"not {_text(node.item, NOT)}"),
    If: _if,
    Compare: _compare,
    In: _in,
    IsNone: _is_none,
    Arith: _arith,
    Neg: lambda node: (SIGN, f"-{_text(node.item, SIGN)}"),
    Method: _method,
    Call: _call,
}
