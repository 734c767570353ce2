"""The formulas of calls that are true or false (`TRUTHS`), and what is always so with the values of others (`SIDES`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from operators.language.calls.score import scores_of
from operators.language.cells import NONE, Term
from operators.language.check import kind_of
from operators.language.event_sets import Events, events_of
from operators.language.formulas import FAILS, HOLDS, Formula, Is, conjunction, disjunction, implies, negate, same
from operators.language.nodes import Call, Compare, Const, Duration, Node

if TYPE_CHECKING:
    from operators.language.formulate import Formulas


def _segment(formulas: Formulas, call: Call) -> Formula:
    return formulas.segment(call["id"]) or formulas.opaque(Call("segment", (("id", call["id"]),)))


def _has(formulas: Formulas, call: Call) -> Formula:
    def full(item: Node) -> Formula:
        if isinstance(item, Const):
            return FAILS if item.value is None or item.value == "" else HOLDS
        if kind_of(item) in ("boolean", "number", "duration"):
            return negate(formulas.missing(item))
        term = formulas.term(item)
        never_empty = Is(term, lambda cell: cell.kind in ("boolean", "number", "no number"))
        text = conjunction((Is(term, lambda cell: cell.kind == "string"), negate(formulas.compared(term, "==", ""))))
        many = conjunction((Is(term, lambda cell: cell.kind in ("list", "object")), formulas.opaque(Call("has", (("x", item),)))))
        return disjunction((never_empty, text, many))

    return formulas.each(call["x"], full)


def _first_time(formulas: Formulas, call: Call) -> Formula:
    return formulas.truth(Compare("<", _like("since_first", call), Duration(call["within"])))


def _stopped(formulas: Formulas, call: Call) -> Formula:
    return formulas.truth(Compare(">=", _like("since", call, call["silent"] + call["active"]), Duration(call["silent"])))


def _like(name: str, call: Call, within: int | None = None) -> Call:
    """Another call over the same events."""
    given = (("events", call["events"]), ("within", within), ("where", call["where"]))
    return Call(name, tuple((parameter, value) for parameter, value in given if value is not None))


def _latest(formulas: Formulas, call: Call) -> Formula:
    events = events_of(Call(call.name, tuple(given for given in call.arguments if given[0] != "where")))
    said = formulas.opaque(call, lambda: formulas.some(events.that(call["where"])))
    formulas.latest[formulas.term(call)] = (events, Events((), call["where"]))
    return said


def _restarted(formulas: Formulas, call: Call) -> Formula:
    events = Events(call["events"], call["where"])
    twice = formulas.compared(formulas.number(events), ">=", 2)
    return formulas.opaque(call, lambda: conjunction((twice, formulas.some(events.recent(call["within"])))))


def _regularly(formulas: Formulas, call: Call) -> Formula:
    """So many periods have an event; no more than there are events."""
    events = Events(call["events"], call["where"], call["every"] * call["of"])

    def make() -> Term:
        term = Term("number", none=False, whole=True, smallest=0, largest=call["of"])
        formulas.parts[term] = events
        term.sides.append(same(formulas.compared(term, ">=", 1), formulas.some(events)))
        return term

    return formulas.compared(formulas.once(("regularly", events, call["every"]), make), ">=", call["at_least"])


def _path(formulas: Formulas, call: Call) -> Formula:
    """`sequence` and `funnel`: the last step lies in the window, those before it less than a window before it."""
    done = [Events(step.on.events, step.on.where) for step in call["steps"] if not step.negated]
    within = call["within"]
    if within is not None:
        done = [*(events.recent(2 * within) for events in done[:-1]), done[-1].recent(within)]
    steps = tuple(step for step in call["steps"] if not step.negated)
    whole = len(steps) == len(call["steps"]) or len(steps) < 2
    chain = HOLDS if whole else formulas.truth(Call("sequence", (("steps", steps), ("within", within))))
    return formulas.opaque(call, lambda: conjunction((chain, *map(formulas.some, done))))


def _held(formulas: Formulas, call: Call) -> Formula:
    """A condition that has been true for so long is true."""

    def make() -> Term:
        term = Term("duration", whole=True, smallest=0)
        term.sides.append(same(Is(term, NONE.__eq__), negate(formulas.truth(call["rule"]))))
        return term

    return formulas.compared(formulas.once(("held", repr(call["rule"])), make), ">=", call["at_least"])


def _of(parameter: str) -> Callable[[Formulas, Call], Formula]:
    """A call that is true only where its argument is not None."""
    return lambda formulas, call: formulas.opaque(call, lambda: negate(formulas.missing(call[parameter])))


TRUTHS: dict[str, Callable[[Formulas, Call], Formula]] = {
    "did": lambda formulas, call: formulas.some(events_of(call)),
    "segment": _segment,
    "everyone": lambda _formulas, _call: HOLDS,
    "has": _has,
    "first_time": _first_time,
    "stopped": _stopped,
    "latest": _latest,
    "restarted": _restarted,
    "regularly": _regularly,
    "sequence": _path,
    "funnel": _path,
    "held": _held,
    "today": _of("x"),
    "anniversary": _of("x"),
    "any": _of("list"),
    "all": _of("list"),
}


def _value(formulas: Formulas, call: Call, term: Term, missing: Formula) -> Iterator[Formula]:
    """There is a value where an event has one."""
    events = events_of(scores_of(call["model"]) if call.name == "score" else call)
    yield same(missing, negate(formulas.some(events.having(call["property"] or ("score",)))))


def _number(formulas: Formulas, call: Call, term: Term, missing: Formula) -> Iterator[Formula]:
    """There is a number only where an event has a value."""
    yield disjunction((missing, formulas.some(events_of(call).having(call["property"]))))


def _sum(formulas: Formulas, call: Call, term: Term, missing: Formula) -> Iterator[Formula]:
    yield disjunction((formulas.compared(term, "==", 0), formulas.some(events_of(call).having(call["property"]))))


def _distinct(formulas: Formulas, call: Call, term: Term, missing: Formula) -> Iterator[Formula]:
    events = formulas.parts[term] = events_of(call).having(call["property"])
    yield same(formulas.compared(term, ">=", 1), formulas.some(events))


def _since_first(formulas: Formulas, call: Call, term: Term, missing: Formula) -> Iterator[Formula]:
    events = formulas.ages[term] = events_of(call)
    yield same(missing, negate(formulas.some(events)))


def _in_segment_for(formulas: Formulas, call: Call, term: Term, missing: Formula) -> Iterator[Formula]:
    yield same(missing, negate(_segment(formulas, call)))


def _given(parameter: str) -> Callable[[Formulas, Call, Term, Formula], Iterator[Formula]]:
    """A call that is None where its argument is."""

    def sides(formulas: Formulas, call: Call, term: Term, missing: Formula) -> Iterator[Formula]:
        yield implies(formulas.missing(call[parameter]), missing)

    return sides


SIDES: dict[str, Callable[[Formulas, Call, Term, Formula], Iterator[Formula]]] = {
    "first": _value,
    "last": _value,
    "most": _value,
    "score": _value,
    "min": _number,
    "max": _number,
    "avg": _number,
    "sum": _sum,
    "distinct": _distinct,
    "since_first": _since_first,
    "in_segment_for": _in_segment_for,
    "age": _given("x"),
    "len": _given("x"),
    "total": _given("list"),
}
