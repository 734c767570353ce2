"""Who is one person: which identifiers belong together, as the links and merges read so far have it, worked out from all of them each time.

Written from the specification alone, as `tests/oracle.py`, which moves the histories.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from operators.plan.checked import Plan


class Identifier(NamedTuple):
    """A value by which a person is known; equal texts are one person, of whatever type they are."""

    type: str
    text: str


RANKS = ("unknown", "anonymous_id", "email", "user_id")
"""The types, the higher the later; `unknown` is the previousId of an alias that no other record has named yet."""

LIMITS = {"anonymous_id": 100, "email": 5, "user_id": 1}
BLOCKED = ("[0-]*", "-1", "null", "undefined", "anonymous", "guest")


@dataclass(frozen=True)
class Rules:
    """What a plan says of identity: values a person by type, patterns of values that are none; `on` false: a person is one identifier."""

    limits: dict[str, int] = field(default_factory=lambda: LIMITS)
    blocked: Sequence[str] = BLOCKED
    on: bool = True

    def carried(self, record: dict[str, Any]) -> tuple[Identifier, ...]:
        """The identifiers that count in a record, the highest first."""
        traits = record.get("traits") if record.get("type") == "identify" else None
        named = (
            ("user_id", record.get("userId")),
            ("email", canonical((traits or {}).get("email"))),
            ("anonymous_id", record.get("anonymousId")),
        )
        given = [Identifier(type_, text) for type_, text in named if text]
        if not self.on:
            return tuple(each for each in given if each.type != "email")[:1]
        texts = [each.text for each in given]
        return tuple(each for i, each in enumerate(given) if each.text not in texts[:i] and not self.blocks(each.text))

    def previous(self, record: dict[str, Any]) -> str | None:
        """The other person of an alias or unmerge between two values that both count."""
        target, other = record.get("userId"), record.get("previousId")
        return other if self.on and target and other and not self.blocks(target) and not self.blocks(other) else None

    def blocks(self, text: str) -> bool:
        return any(re.fullmatch(pattern, text, re.IGNORECASE) for pattern in self.blocked)


def rules_of(plan: Plan) -> Rules:
    """What a plan says; it gives limits by rank."""
    if plan.identity is None:
        return Rules(on=False)
    return Rules({RANKS[rank]: most for rank, most in plan.identity.limits.items()}, (*BLOCKED, *plan.identity.blocked))


def canonical(email: Any) -> str | None:
    """An address as addresses are compared, None of what is none."""
    local, at, domain = email.strip().rpartition("@") if isinstance(email, str) else ("", "", "")
    return f"{local}@{domain.lower()}" if local and at and domain else None


class Merge(NamedTuple):
    """What an alias says: `previous` and `target` are one person, named by the latter."""

    target: str
    previous: str
    place: int
    """That of the record in the log."""


class Party(NamedTuple):
    """The identifiers of one person, in the order in which they came, and the one of them that names it."""

    name: Identifier
    known: tuple[Identifier, ...]

    @property
    def texts(self) -> frozenset[str]:
        return frozenset(each.text for each in self.known)

    def types(self) -> list[str]:
        """The type of each value, of one that came with several the highest."""
        return [*{each.text: each.type for each in sorted(self.known, key=rank)}.values()]

    def highest_first(self) -> list[str]:
        """The values, by their type, then as they came."""
        return [*dict.fromkeys(each.text for each in sorted(self.known, key=rank, reverse=True))]


@dataclass(frozen=True)
class Known:
    """All that the records so far say of who is who: the identifiers that each of them links, and the merges; both in their order."""

    links: tuple[tuple[Identifier, ...], ...] = ()
    merges: tuple[Merge, ...] = ()

    def bases(self) -> list[Party]:
        """The persons that the links alone make, each named by the first of its highest identifiers."""
        came = [each for link in self.links for each in link]
        found: list[set[Identifier]] = []
        for link in self.links:
            texts = {each.text for each in link}
            one = [base for base in found if texts & {each.text for each in base}]
            found = [base for base in found if base not in one] + [set(link).union(*one)]
        ordered = [tuple(sorted(base, key=came.index)) for base in found if base]
        return [Party(max(base, key=rank), base) for base in ordered]

    def parties(self) -> list[Party]:
        """The persons that there are: the merges lie over the links. The highest identifier names, of several one that no merge made
        another, of several the first that came."""
        bases = self.bases()
        groups, others = [[base] for base in bases], set[Party]()
        for merge in self.merges:
            target, previous = party_of(bases, merge.target), party_of(bases, merge.previous)
            if target != previous:
                others.add(previous)
                one = [group for group in groups if target in group or previous in group]
                groups = [group for group in groups if group not in one] + [[*dict.fromkeys([*itertools.chain(*one), target, previous])]]
        came = {each.text: place for place, each in reversed([*enumerate(each for link in self.links for each in link)])}

        def first(base: Party) -> tuple[int, bool, int]:
            return rank(base.name), base not in others, -came.get(base.name.text, len(came))

        return [Party(max(group, key=first).name, tuple(each for base in group for each in base.known)) for group in groups]

    def of(self, text: str) -> Party:
        """The person that a value belongs to."""
        return party_of(self.parties(), text)

    def linked(self, carried: Sequence[Identifier], limits: dict[str, int]) -> tuple[Known, int]:
        """With the link that a record makes, once its lowest identifiers are left out as long as it would break a limit; and how many."""
        for left_out in range(len(carried)):
            kept = carried[: len(carried) - left_out]
            then = replace(self, links=(*self.links, tuple(kept)))
            if all(base.types().count(type_) <= limits[type_] for base in then.bases() for type_ in limits):
                return then, left_out
        return self, len(carried) - 1

    def between(self, target: str, previous: str) -> frozenset[int]:
        """The places of the merges between the persons that links alone make of two values; with none, and where the two are one person, of
        those that made the latter another's."""
        bases = self.bases()
        one, other = party_of(bases, target), party_of(bases, previous)
        ends = {merge.place: (party_of(bases, merge.target), party_of(bases, merge.previous)) for merge in self.merges}
        between = frozenset(place for place, pair in ends.items() if {*pair} == {one, other})
        if between or one == other or previous not in self.of(target).texts:
            return between
        return frozenset(place for place, pair in ends.items() if pair[1] == other != pair[0])


def rank(identifier: Identifier) -> int:
    return RANKS.index(identifier.type)


def party_of(parties: Sequence[Party], text: str) -> Party:
    """The one that knows a value, or one of that value alone."""
    alone = Identifier("unknown", text)
    return next((each for each in parties if text in each.texts), Party(alone, (alone,)))
