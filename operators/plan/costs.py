"""`costs_of`: what each segment of a plan costs, by its rule alone: timers, and bytes of a person's stored state."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from operators.language.compile import compile_rules
from operators.language.feeds import Rule, Rules
from operators.language.sizes import KEY, NOTHING, NUMBER, Part
from operators.language.slots import Slot
from operators.person import about_of
from operators.plan.checked import Plan

MEMBERSHIP = Part(KEY + NUMBER)
"""The instant of entry, by the number of the segment."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What comes on top for each thing of a kind that is kept: an event, or a different value; `of` are the arguments that it passes."""

    size: Part
    each: str
    of: str


@dataclass(frozen=True, slots=True)
class Cost:
    """The most that a segment takes of a person's state, and whether its rule needs timers: its truth may change though nothing happens."""

    name: str
    timers: bool
    fixed: Part
    growing: tuple[Growth, ...]

    def lines(self) -> list[str]:
        """The bytes, for people.

        >>> Cost("big", True, Part(40), (Growth(Part(15, 1), "event", "'A', within='7d'"),)).lines()
        ['40', "+ 15 and a value for each event of 'A', within='7d'"]
        """
        return [_amount(self.fixed), *(f"+ {_amount(each.size)} for each {each.each} of {each.of}" for each in self.growing)]


def _amount(size: Part) -> str:
    values = {0: "", 1: " and a value"}.get(size.values, f" and {size.values} values")
    return f"{size.bytes}{values}"


TOGETHER = "all segments"


def costs_of(plan: Plan) -> list[Cost]:
    """The cost of each segment, by id, and at last that of all together: in it what several need is counted once, and what is kept for the
    context of triggers is counted too."""
    rules = compile_rules(plan.segments, ZoneInfo(plan.timezone), about_of(plan))
    timed = _timed(rules)
    found = []
    for rule in rules.rules:
        if not rule.hidden:
            parts = _with_hidden(rule, rules)
            slots = [slot for slot in rules.slots if any(slot.mask >> part.no & 1 for part in parts)]
            found.append(_cost(rule.id, slots, len(parts), timers=rule.no in timed))
    every = _cost(TOGETHER, rules.slots, len(rules.rules), timers=bool(timed))
    return [*sorted(found, key=lambda cost: cost.name), every]


def _cost(name: str, slots: Iterable[Slot], memberships: int, *, timers: bool) -> Cost:
    fixed, growing = NOTHING, []
    for _ in range(memberships):
        fixed += MEMBERSHIP
    for slot in slots:
        size = slot.size()
        fixed += size.fixed
        of = re.sub(r"(, -?[0-9]+)+$", "", str(slot.key)).removeprefix("events=").removeprefix("steps=")
        growing += [Growth(part, each, of) for part, each in ((size.event, "event"), (size.value, "different value")) if part != NOTHING]
    return Cost(name, timers, fixed, tuple(growing))


def _timed(rules: Rules) -> set[int]:
    """The numbers of the rules that need timers, or refer to one that does; those referred to stand before the others."""
    found: set[int] = set()
    for rule in rules.rules:
        if any(slot.mask >> rule.no & 1 and slot.timed() for slot in rules.slots):
            found.add(rule.no)
        if rule.no in found:
            found |= {other.no for other in rules.rules if rule.dependents >> other.no & 1}
    return found


def _with_hidden(rule: Rule, rules: Rules) -> list[Rule]:
    """A rule, and the conditions that it holds, which are rules of their own."""
    found = [rule]
    for each in found:
        found += [other for other in rules.rules if other.hidden and other.dependents >> each.no & 1 and other not in found]
    return found
