"""What is known of a rule before it runs: its static types, and what can only be a mistake.

The check never refuses what could be meant: it knows kinds and ranges of values, and says nothing of a value that is known only when it
is met.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz, process

from operators.consent import ACTS
from operators.duplicates.decisions import REFUSED
from operators.language import calls
from operators.language.canonical import canonical
from operators.language.dates import WEEKDAYS
from operators.language.durations import format_duration, shortened, ticked
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
    Kind,
    ListOf,
    Method,
    Neg,
    Node,
    Not,
    Or,
    Parameter,
    Prop,
    children,
    walk,
)
from operators.language.patterns import compile_pattern

PAGE_EVENTS = ("Page Viewed", "Screen Viewed")
ALWAYS_KNOWN = ("Identified", *PAGE_EVENTS, *ACTS, REFUSED)
"""Events that need no entry in a tracking plan: they come of identify, page and screen calls, or Beckon itself reads them."""

PAGE_FIELDS = frozenset({"name", "category"})
"""Properties that every page and screen can have, whatever the tracking plan says of the others."""

TAGS = frozenset({"machine", "agent"})
"""Properties that the edge marks events with that a machine brought (`flows.collect.machines.tag`). Every event can have them; where a
tracking plan names one of them itself, it is the plan's own."""

BELOW_ONE = math.nextafter(1.0, 0.0)
RANGES: dict[str, tuple[float, float]] = {
    "count": (0, math.inf),
    "bucket": (0, BELOW_ONE),
    "since": (0, math.inf),
    "since_first": (0, math.inf),
    "in_segment_for": (0, math.inf),
    "distinct": (0, math.inf),
    "len": (0, math.inf),
    "score": (0, 1),
    "day": (1, 31),
    "month": (1, 12),
    "hour": (0, 23),
}
"""The smallest and the largest value of calls that have such; a duration's in ms. With a window of D a duration is less than D."""

WHOLE = frozenset({"count", "distinct", "len", "day", "month", "hour"})
"""Calls whose value is a whole number."""

Events = Mapping[str, Mapping[str, Any]]
"""The tracking plan: the JSON Schema of the properties of each event, by its name."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that must be otherwise in a rule; `at` is its offset in the rule's text, from 0."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Known:
    """What rules are checked against. `history_ms` is None where no history is kept, `events` None where there is no tracking plan,
    `topics` None where the plan has none."""

    history_ms: int | None = None
    events: Events | None = None
    topics: Collection[str] | None = None


def check(node: Node, known: Known, text: str = "", inside: tuple[str, ...] | None = None, *, value: bool = False) -> list[Problem]:
    """All problems of a rule, by place; with its `text` a name in quotes is pointed at itself, not the call that it stands in.

    `inside` names the events whose properties the rule reads, where it is a `where` of its own (a campaign's). `value` says that it need
    not be true or false.
    """
    found = [problem for here, events in walk(node, inside) for problem in _problems(here, known, text, events)]
    if not value and kind_of(node) not in ("boolean", "any"):
        found.append(Problem(node.at, f"a rule must be true or false; got {_a(kind_of(node))}"))
    return sorted(set(found))


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the known name that is most like the given one (of equals the first), or nothing where none is.

    >>> nearest("cuont", ["count", "did"]), nearest("zzz", ["count"])
    ("; did you mean 'count'?", '')
    """
    found = process.extractOne(name[:100], tuple(known), scorer=fuzz.ratio, processor=str.casefold, score_cutoff=65)
    return f"; did you mean {shortened(found[0], 100)}?" if found and found[0] != name else ""


def kind_of(node: Node) -> Kind:
    """The static type of an expression; one that may also be None has the type of its other values.

    >>> kind_of(Compare("<", Const(1), Const(2))), kind_of(Prop(("price",)))
    ('boolean', 'any')
    """
    match node:
        case Const(bool()):
            return "boolean"
        case Const(str()):
            return "string"
        case Const(None):
            return "none"
        case Const() | Arith() | Neg():
            return "number"
        case Duration():
            return "duration"
        case ListOf():
            return "list"
        case And() | Or() | Not() | Compare() | In() | IsNone():
            return "boolean"
        case Method(name):
            return "string" if name == "lower" else "boolean"
        case If(_, then, other):
            return _common((then, other))
        case Call(name):
            return calls.CALLS[name].gives or _common(tuple(_values(node)))
    return "any"


def never_none(node: Node) -> bool:
    """True where an expression always has a value."""
    match node:
        case Const(value):
            return value is not None
        case Duration() | ListOf() | And() | Or() | Not() | Compare() | In() | IsNone():
            return True
        case Method(name):
            return name != "lower"
        case If(_, then, other):
            return never_none(then) and never_none(other)
        case Call(name):
            row = calls.CALLS[name]
            return row.never_none or (row.gives is None and any(never_none(value) for value in _values(node)))
    return False


def segments_of(node: Node) -> set[str]:
    """The ids of the segments that a rule refers to."""
    found = set()
    for here, _ in walk(node):
        if isinstance(here, Call):
            found |= {here[p.name] for p in calls.CALLS[here.name].parameters if p.kind == "segment"}
        elif isinstance(here, Computed):
            found |= segments_of(here.node)
    return found


def computed_of(node: Node) -> set[str]:
    """The names of the computed values that an expression takes itself."""
    return {here.name for here, _ in walk(node) if isinstance(here, Computed)}


def _values(node: Call) -> Iterator[Node]:
    for parameter, value in _bound(node):
        if parameter.kind == "value":
            yield value
        elif parameter.kind == "computed":
            yield value.node
        elif parameter.kind == "values":
            yield from value


def _bound(node: Call) -> Iterator[tuple[Parameter, Any]]:
    parameters = {p.name: p for p in calls.CALLS[node.name].parameters}
    return ((parameters[name], value) for name, value in node.arguments)


def _common(nodes: tuple[Node, ...]) -> Kind:
    kinds = {kind_of(node) for node in nodes} - {"none"}
    if not kinds:
        return "none"
    return kinds.pop() if len(kinds) == 1 else "any"


def _a(kind: str) -> str:
    return {"none": "None", "any": "a value"}.get(kind) or ("an " if kind[0] in "aeiou" else "a ") + kind


def _short(node: Node) -> str:
    return ticked(canonical(node))


# --- what each node must be -----------------------------------------------------------------------------------------------------------


def _problems(node: Node, known: Known, text: str, events: tuple[str, ...] | None) -> Iterator[Problem]:
    rule = _CHECKS.get(type(node))
    if rule is not None:
        yield from rule(node)
    if isinstance(node, Call):
        yield from _call(node, known, text)
    if isinstance(node, Prop) and events is not None and known.events is not None:
        yield from unknown_property(node.at, node.path, events, known.events)


def _must(nodes: Iterable[Node], kinds: tuple[str, ...], what: str) -> Iterator[Problem]:
    for node in nodes:
        if kind_of(node) not in (*kinds, "any"):
            yield Problem(node.at, f"{what} must be {' or '.join(map(_a, kinds))}; got {_a(kind_of(node))}, {_short(node)}")


def _if(node: If) -> Iterator[Problem]:
    yield from _must((node.test,), ("boolean",), "the condition after `if`")
    yield from _one_kind((node.then, node.other), "the two values of `if`")


def _one_kind(nodes: Iterable[Node], what: str) -> Iterator[Problem]:
    """Durations do not mix with other values: what they are is known only from the rule."""
    nodes = tuple(nodes)
    kinds = [kind_of(node) for node in nodes]
    if "duration" in kinds:
        for node, kind in zip(nodes, kinds, strict=True):
            if kind not in ("duration", "none"):
                yield Problem(node.at, f"{what} must all be durations where one is; got {_a(kind)}, {_short(node)}")


def _arith(node: Arith) -> Iterator[Problem]:
    yield from _must((node.left, node.right), ("number",), f"what stands beside `{node.op}`")
    if node.op == "/" and isinstance(node.right, Const) and node.right.value == 0:
        yield Problem(node.right.at, "a divisor must not be 0; division by zero gives None")


def _method(node: Method) -> Iterator[Problem]:
    yield from _must((node.item,), ("string",), f"what `.{node.name}()` is called on")
    if node.argument is not None:
        yield from _must((node.argument,), ("string",), f"the argument of `.{node.name}()`")
    if node.name == "matches" and isinstance(node.argument, Const) and isinstance(node.argument.value, str):
        try:
            compile_pattern(node.argument.value)
        except ValueError as error:
            yield Problem(node.argument.at, f"the argument of `.matches()` must be a pattern; got {str(error)[:200]}")


def _is_none(node: IsNone) -> Iterator[Problem]:
    if never_none(node.item):
        yield Problem(node.at, f"what is asked for None must be able to be None; {_short(node.item)} never is")


def _in(node: In) -> Iterator[Problem]:
    if kind_of(node.box) not in ("list", "any"):
        yield Problem(node.box.at, f"what stands after `in` must be a list; got {_a(kind_of(node.box))}, {_short(node.box)}")
    elif isinstance(node.box, ListOf):
        if not node.box.items:
            yield Problem(node.box.at, f"a list after `in` must not be empty; {_short(node)} always gives the same")
        for item in node.box.items if not list(_one_kind(node.box.items, "")) else ():
            yield from _kinds(node.item, item, item.at)
        if _constant(node.item) and all(map(_constant, node.box.items)):
            yield Problem(node.at, f"a comparison must look at the person or the event; {_short(node)} compares constants")
    elif kind_of(node.item) == "duration":
        yield Problem(node.item.at, f"a duration must be compared with a duration such as '30m'; got {_short(node.box)}")


def _compare(node: Compare) -> Iterator[Problem]:
    mixed = list(_kinds(node.left, node.right, node.at))
    if mixed:
        yield from mixed
        return
    kind = kind_of(node.left) if kind_of(node.left) != "any" else kind_of(node.right)
    if kind in ("list", "object") and node.op not in ("==", "!="):
        yield Problem(node.at, f"{_a(kind)} must be compared by == or !=; got {node.op}")
    elif _constant(node.left) and _constant(node.right):
        yield Problem(node.at, f"a comparison must look at the person or the event; {_short(node)} compares constants")
    else:
        outcome = _outcome(node)
        if outcome is not None:
            often = "always" if outcome else "never"
            yield Problem(node.at, f"a comparison must be able to hold and not to hold; {_short(node)} {often} holds")


def _kinds(left: Node, right: Node, at: int) -> Iterator[Problem]:
    """Two values that are compared must be able to be of one kind."""
    a, b = kind_of(left), kind_of(right)
    if a == b:
        return
    if "none" in (a, b):
        yield Problem(at, "None must be asked for by `is None` or `is not None`; every other comparison with None is false")
    elif "duration" in (a, b):
        other = right if a == "duration" else left
        yield Problem(at, f"a duration must be compared with a duration such as '30m'; got {_a(kind_of(other))}, {_short(other)}")
    elif "any" not in (a, b):
        yield Problem(at, f"compared values must be of one kind; got {_a(a)}, {_short(left)}, and {_a(b)}, {_short(right)}")


def _constant(node: Node) -> bool:
    return isinstance(node, Const | Duration) or (isinstance(node, ListOf | Neg | Arith) and all(map(_constant, children(node))))


def _outcome(node: Compare) -> bool | None:
    """What a comparison always gives, None where that is not known."""
    whole = never_none(node.left) and never_none(node.right)
    if canonical(node.left) == canonical(node.right):
        if node.op in ("==", "<=", ">="):
            return True if whole else None
        return False
    (a_low, a_high), (b_low, b_high) = _range(node.left), _range(node.right)
    apart, a_below, b_below = a_high < b_low or b_high < a_low, a_high < b_low, b_high < a_low
    a_not_above, b_not_above = a_high <= b_low, b_high <= a_low
    if node.op in ("==", "!="):
        apart = apart or any(_fraction(a, b) or _no_weekday(a, b) for a, b in ((node.left, node.right), (node.right, node.left)))
    always = {"==": False, "!=": apart, "<": a_below, "<=": a_not_above, ">": b_below, ">=": b_not_above}[node.op]
    never = {"==": apart, "!=": False, "<": b_not_above, "<=": b_below, ">": a_not_above, ">=": a_below}[node.op]
    if never:
        return False
    return True if always and whole else None


def _fraction(left: Node, right: Node) -> bool:
    """True where a whole number is compared with one that is none."""
    count = isinstance(left, Call) and left.name in WHOLE
    return count and isinstance(right, Const) and isinstance(right.value, float) and not right.value.is_integer()


def _no_weekday(left: Node, right: Node) -> bool:
    """True where a day of the week is compared with what is none."""
    return isinstance(left, Call) and left.name == "weekday" and isinstance(right, Const) and right.value not in WEEKDAYS


def _range(node: Node) -> tuple[float, float]:
    """The smallest and the largest value that an expression can have, of booleans and numbers, and of durations in ms."""
    match node:
        case Const(bool() | int() | float() as value):
            return float(value), float(value)
        case Duration(ms):
            return ms, ms
        case Call(name) if name in RANGES:
            low, high = RANGES[name]
            return low, (node["within"] - 1 if node["within"] and kind_of(node) == "duration" else high)
        case Neg(item):
            low, high = _range(item)
            return -high, -low
    return (0, 1) if kind_of(node) == "boolean" else (-math.inf, math.inf)


_CHECKS: dict[type[Node], Callable[[Any], Iterator[Problem]]] = {
    And: lambda node: _must(node.items, ("boolean",), "what stands beside `and`"),
    Or: lambda node: _must(node.items, ("boolean",), "what stands beside `or`"),
    Not: lambda node: _must((node.item,), ("boolean",), "what stands after `not`"),
    Neg: lambda node: _must((node.item,), ("number",), "what stands after `-`"),
    ListOf: lambda node: _one_kind(node.items, "the items of a list"),
    If: _if,
    Arith: _arith,
    Method: _method,
    IsNone: _is_none,
    In: _in,
    Compare: _compare,
}


# --- calls, and the tracking plan -----------------------------------------------------------------------------------------------------


def _call(node: Call, known: Known, text: str) -> Iterator[Problem]:
    row = calls.CALLS[node.name]
    yield from (Problem(node.at, text) for text in row.check(node))
    if known.history_ms is not None and row.reach(node) > known.history_ms >= (node["within"] or 0):
        kept, got = format_duration(known.history_ms), format_duration(row.reach(node))
        yield Problem(node.at, f"`{row.name}()` must look back at most over the history that is kept, {kept}; got {got!r}")
    for parameter, value in _bound(node):
        rule = _ARGUMENTS.get(parameter.kind)
        if rule is not None:
            yield from rule(node, parameter, value, known, text)
    if row.gives is None:
        yield from _one_kind(_values(node), f"the arguments of `{row.name}()`")


def _values_argument(node: Call, parameter: Parameter, value: Any, known: Known, text: str) -> Iterator[Problem]:
    if parameter.accepts:
        yield from _must(value if isinstance(value, tuple) else (value,), parameter.accepts, f"the argument of `{node.name}()`")


def _where_argument(node: Call, parameter: Parameter, value: Any, known: Known, text: str) -> Iterator[Problem]:
    if kind_of(value) not in ("boolean", "any"):
        yield Problem(value.at, f"`where` must be true or false; got {_a(kind_of(value))}, {_short(value)}")


def _within_argument(node: Call, parameter: Parameter, value: Any, known: Known, text: str) -> Iterator[Problem]:
    if known.history_ms is not None and value > known.history_ms:
        match = re.compile(rf"\b{parameter.name}\s*=\s*").search(text, node.at)
        kept, got = format_duration(known.history_ms), format_duration(value)
        yield Problem(
            match.end() if match else node.at, f"`{parameter.name}` must be at most the history that is kept, {kept}; got {got!r}"
        )


def _events_argument(node: Call, parameter: Parameter, value: Any, known: Known, text: str) -> Iterator[Problem]:
    for name in value if known.events is not None else ():
        yield from unknown_event(_quote(text, node.at, name), name, known.events or {})


def _property_argument(node: Call, parameter: Parameter, value: Any, known: Known, text: str) -> Iterator[Problem]:
    if known.events is not None:
        yield from unknown_property(_quote(text, node.at, ".".join(value)), value, node["events"], known.events)


def _on_argument(node: Call, parameter: Parameter, value: Any, known: Known, text: str) -> Iterator[Problem]:
    for on in (step.on for step in value) if isinstance(value, tuple) else (value,):
        yield from _events_argument(node, parameter, on.events, known, text)
        if on.where is not None:
            yield from _where_argument(node, parameter, on.where, known, text)


def _topic_argument(node: Call, parameter: Parameter, value: Any, known: Known, text: str) -> Iterator[Problem]:
    if known.topics is not None and value not in known.topics:
        hint = nearest(value, known.topics)
        must = "a topic must be one of the `topics` of plan.yaml"
        yield Problem(_quote(text, node.at, value), f"{must}; got {shortened(value)}{hint}")


_ARGUMENTS: dict[str, Callable[[Call, Parameter, Any, Known, str], Iterator[Problem]]] = {
    "value": _values_argument,
    "values": _values_argument,
    "item": _values_argument,
    "on": _on_argument,
    "steps": _on_argument,
    "where": _where_argument,
    "within": _within_argument,
    "events": _events_argument,
    "property": _property_argument,
    "topic": _topic_argument,
}
"""How an argument is checked, by the kind of its parameter."""


def _quote(text: str, at: int, name: str) -> int:
    """Where a name stands in quotes behind `at`, else `at`."""
    match = re.compile(r"['\"]" + re.escape(name) + r"['\"]").search(text, at)
    return match.start() if match else at


def unknown_event(at: int, name: str, events: Events) -> Iterator[Problem]:
    """The problem with an event that the tracking plan does not know."""
    if not _matching(name, events):
        hint = nearest(name, (*events, *ALWAYS_KNOWN))
        yield Problem(at, f"an event must be one that tracking.yaml knows; got {shortened(name)}{hint}")


def _matching(name: str, events: Events) -> list[str]:
    """The known events that a name or a prefix with a star stands for."""
    names = dict.fromkeys((*events, *ALWAYS_KNOWN))
    if name in names:
        return [name]
    return [other for other in names if name.endswith("*") and other.startswith(name[:-1])]


def unknown_property(at: int, path: tuple[str, ...], names: tuple[str, ...], events: Events) -> Iterator[Problem]:
    """The problem with a property that no event of the call has."""
    matching = [event for name in names for event in _matching(name, events)]
    missing = [_missing(event, path, events) for event in matching]
    if not matching or None in missing:
        return
    of = "these events" if len(matching) > 1 else repr(matching[0])
    hint = next(filter(None, (nearest(step, others) for step, others in filter(None, missing))), "")
    yield Problem(at, f"a property must be one that tracking.yaml knows of {of}; got {shortened('.'.join(path))}{hint}")


def _missing(event: str, path: tuple[str, ...], events: Events) -> tuple[str, list[str]] | None:
    """The first step of the path that the event does not have, and those that it has; None where it may have the property."""
    if event not in events or path[0] in TAGS or (event in PAGE_EVENTS and path[0] in PAGE_FIELDS):
        return None
    schema: Any = events[event]
    for step in path:
        if not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping) or _open(schema):
            return None
        if step not in schema["properties"]:
            return step, list(schema["properties"])
        schema = schema["properties"][step]
    return None


def _open(schema: Mapping[str, Any]) -> bool:
    """True where a schema lets properties through that it does not name, and says so."""
    return schema.get("additionalProperties", False) is not False or any(
        key in schema for key in ("patternProperties", "$ref", "allOf", "anyOf", "oneOf", "if")
    )
