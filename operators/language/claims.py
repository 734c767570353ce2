"""`Claims`: what is so in every history of the segments of a plan: that one never holds, that it always does, that it lies in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from operators.language.canonical import canonical
from operators.language.check import Problem, segments_of
from operators.language.durations import ticked
from operators.language.formulas import Formula, conjunction, disjunction, negate
from operators.language.formulate import Formulas, TooLargeError
from operators.language.nodes import And, Call, Node, Or, Trait, walk
from operators.language.reason import Reason

MOST_CONDITIONS = 12
"""Of a rule with more conditions it is not said which of them contradict each other."""


class Claims:
    """Claims about rules by id, those that others refer to before these. None is made that is not certain."""

    def __init__(self, rules: Mapping[str, Node]) -> None:
        self.rules = rules
        self._formulas = Formulas()
        self._reason = Reason(self._formulas)
        self._whole: dict[str, Formula] = {}
        self._conditions: dict[str, list[Formula]] = {}
        for id, node in rules.items():
            try:
                parts = self._conditions[id] = [self._formulas.rule(part) for part in _parts(node)]
            except TooLargeError:
                continue
            self._whole[id] = disjunction(parts) if isinstance(node, Or) else conjunction(parts)
            self._formulas.note(id, self._whole[id])

    def settled(self, id: str) -> bool | None:
        """False where nobody can be in the segment, True where everybody always is."""
        formula = self._whole.get(id)
        if formula is None:
            return None
        return False if self._reason.never(formula) else True if self._reason.never(negate(formula)) else None

    def lies_in(self, a: str, b: str) -> bool:
        """True where whoever is in the one is in the other; of segments that are not settled."""
        first, second = self._whole.get(a), self._whole.get(b)
        return first is not None and second is not None and self._reason.follows(first, second)

    def core(self, id: str, *, truth: bool) -> list[Node]:
        """The fewest conditions that settle a rule: those that exclude each other, or of which one always holds."""
        node = self.rules[id]
        parts = _parts(node)
        if not isinstance(node, Or if truth else And) or len(parts) > MOST_CONDITIONS:
            return [node]
        kept = [(part, negate(formula) if truth else formula) for part, formula in zip(parts, self._conditions[id], strict=True)]
        for one in list(kept):
            others = [each for each in kept if each is not one]
            if others and self._reason.never(*(formula for _, formula in others)):
                kept = others
        return [part for part, _ in kept]


def settled(rules: Mapping[str, Node]) -> Iterator[tuple[str, Problem]]:
    """The rules that never hold or always do, each with its id and why; not those that are only so since one that they refer to is."""
    claims, found, plain = Claims(rules), set[str](), set[str]()
    for id, node in rules.items():
        truth = claims.settled(id)
        if truth is None:
            continue
        if _is_plain(node, plain):
            plain.add(id)
            continue
        if not segments_of(node) & found or Claims(_without(rules, id, found)).settled(id) is not None:
            yield id, _problem(claims.core(id, truth=truth), truth=truth)
        found.add(id)


def _problem(core: list[Node], *, truth: bool) -> Problem:
    shown = [ticked(canonical(node)) for node in core]
    listed = (" or " if truth else " and ").join(filter(None, (", ".join(shown[:-1]), shown[-1])))
    often = "always holds" if truth else "never hold together" if len(core) > 1 else "never holds"
    return Problem(core[0].at, f"a rule must be able to hold and not to hold; {listed} {often}")


def _is_plain(node: Node, plain: set[str]) -> bool:
    """True where a rule looks at nothing, as `everyone`, or at segments that do so: it is meant to hold always, or never."""
    calls = [here for here, _ in walk(node) if isinstance(here, Call)]
    asked = any(isinstance(here, Trait) for here, _ in walk(node))
    return not asked and all(call.name == "everyone" or call["id"] in plain for call in calls)


def _without(rules: Mapping[str, Node], id: str, left_out: set[str]) -> dict[str, Node]:
    """A rule behind those that it refers to, some left out."""
    needed, waiting = {id}, [id]
    for each in waiting:
        new = segments_of(rules[each]) - needed - left_out
        needed |= new
        waiting += new
    return {each: node for each, node in rules.items() if each in needed}


def _parts(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, And | Or) else (node,)
