"""`compare`: what a check expects beside what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from operators.cases.checked import Check, Entry, Want
from operators.cases.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Difference:
    """A want that does not hold: what there is, and which entries are `missing` or too many (`extra`)."""

    want: Want
    actual: tuple[Entry, ...]
    missing: tuple[Entry, ...]
    extra: tuple[Entry, ...]


def compare(check: Check, outcome: Outcome) -> list[Difference]:
    """The wants of a check that the outcome, which is that of its instant, does not meet."""
    found = []
    for want in check.wants:
        actual = ACTUAL[want.kind](want, outcome)
        missing, extra = unmatched(() if want.kind == "not_members" else want.entries, actual)
        if missing or extra:
            found.append(Difference(want, tuple(actual), tuple(missing), tuple(extra)))
    return found


def _members(want: Want, outcome: Outcome) -> list[Entry]:
    return [Entry(segment) for segment in sorted(outcome.members(want.person))]


def _unwanted(want: Want, outcome: Outcome) -> list[Entry]:
    inside = outcome.members(want.person)
    return [Entry(entry.id) for entry in want.entries if entry.id in inside]


def _changes(want: Want, outcome: Outcome) -> list[Entry]:
    named, entered = {entry.id for entry in want.entries}, want.kind == "entered"
    changes = [each for each in outcome.changes if each.person == want.person and each.entered is entered]
    return [Entry(each.segment, each.at_ms) for each in changes if each.segment in named or not named]


def _triggers(want: Want, outcome: Outcome) -> list[Entry]:
    return [Entry(each.campaign, each.at_ms, each.template) for each in outcome.sendings if each.person == want.person and not each.reason]


def _decisions(want: Want, outcome: Outcome) -> list[Entry]:
    return [Entry(each.campaign, each.at_ms, each.reason) for each in outcome.sendings if each.person == want.person and each.reason]


ACTUAL: dict[str, Callable[[Want, Outcome], list[Entry]]] = {
    "members": _members,
    "not_members": _unwanted,
    "entered": _changes,
    "exited": _changes,
    "triggers": _triggers,
    "decisions": _decisions,
}
"""What there is of each kind, as far as a want looks at it; the kinds are those of `schemas.cases.ENTRIES`."""


def unmatched(expected: Sequence[Entry], actual: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The expected and the actual entries that are left when as many as can be are paired; what an expected entry leaves open fits any.

    >>> unmatched([Entry("a"), Entry("a", 1)], [Entry("a", 1), Entry("b", 2)])
    ([Entry(id='a', at_ms=None, detail=None)], [Entry(id='b', at_ms=2, detail=None)])
    """
    pairs: dict[int, int] = {}

    def pair(i: int, tried: set[int]) -> bool:
        """Finds a partner for an expected entry; one that is taken is set free where its own can take another."""
        for j, there in enumerate(actual):
            if j not in tried and _fits(expected[i], there):
                tried.add(j)
                if j not in pairs or pair(pairs[j], tried):
                    pairs[j] = i
                    return True
        return False

    # The most exact first: they choose least.
    order = sorted(range(len(expected)), key=lambda i: (expected[i].at_ms is None) + (expected[i].detail is None))
    left = {i for i in order if not pair(i, set())}
    return [entry for i, entry in enumerate(expected) if i in left], [entry for j, entry in enumerate(actual) if j not in pairs]


def _fits(expected: Entry, there: Entry) -> bool:
    return expected.id == there.id and expected.at_ms in (None, there.at_ms) and expected.detail in (None, there.detail)
