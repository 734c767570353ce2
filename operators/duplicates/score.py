"""`score`: how much speaks for two records being one person, with the evidence.

Fields are weighed as if each spoke for itself (`operators.duplicates.weights`). The people of one household are why that is not enough:
they share family name, address and telephone without being one person; twins share their birthday too, father and son the given name.
`SHARED` holds these kinds of others: what such people share explains so many bits at most, and the smallest sum counts. So neither a shared
device nor a household makes two people one.
"""

from __future__ import annotations

from math import log2
from typing import NamedTuple

import msgspec

from operators.duplicates.record import Record
from operators.duplicates.similarity import likeness
from operators.duplicates.weights import WEIGHTS

LEAST_PERSONS = 1_000
"""A record is looked for among at least so many persons: the first of many have not been met yet."""

HOUSEHOLD = frozenset({"family", "phone", "street", "house", "city", "postcode"})
SHARED: dict[str, tuple[frozenset[str], float]] = {
    "household": (HOUSEHOLD, 0.0),
    "twins": (HOUSEHOLD | {"birthday"}, 6.0),
    "namesakes": (HOUSEHOLD | {"given"}, 6.0),
}
"""Kinds of others that are alike: what they share, and how many bits remain of it, the number of persons included. Of two records of one
household with nothing else known, one person and two are as likely; twins and father and son are rare, one in 64."""


class Evidence(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one field says: how it agrees (`level`), the similarity (None where the row is about no field), and the weight in bits.

    `persons` is what a chance among so many takes off, the names of `SHARED` what such people share.
    """

    field: str
    level: str
    similarity: float | None
    weight: float


class Score(NamedTuple):
    """The sum of all weights, in bits, and what it is made of: 0 bits are even odds, each more doubles them."""

    bits: float
    evidence: list[Evidence]

    @property
    def chance(self) -> float:
        """The chance that the two are one person."""
        return chance_of(self.bits)


def bits_of(chance: float) -> float:
    """The bits of a chance between 0 and 1.

    >>> round(bits_of(0.98), 2)
    5.61
    """
    return log2(chance / (1 - chance))


def chance_of(bits: float) -> float:
    """The chance that these bits are.

    >>> chance_of(0.0), round(chance_of(bits_of(0.99)), 4)
    (0.5, 0.99)
    """
    return 1 / (1 + 2**-bits)


def score(a: Record, b: Record, persons: int) -> Score:
    """The score of two records among so many persons.

    >>> found = score(Record("anna", "berg", birthday="19850302"), Record("anne", "berg", birthday="19850302"), 1_000_000)
    >>> for each in found.evidence:
    ...     print(each.field, each.level, each.similarity, each.weight)
    persons chance None -19.93
    given alike 0.883 0.23
    family equal 1.0 7.85
    birthday equal 1.0 14.28
    >>> found.bits, round(found.chance, 3)
    (2.43, 0.843)
    """
    prior = -round(log2(max(persons, LEAST_PERSONS)), 2)
    evidence = [Evidence("persons", "chance", None, prior)]
    for field, level, similarity in likeness(a, b):
        evidence.append(Evidence(field, level, round(similarity, 3), WEIGHTS[field][level]))
    least, name = 0.0, ""
    for kind, (fields, most) in SHARED.items():
        shared = prior
        for each in evidence:
            if each.field in fields:
                shared += each.weight
        if most - shared < least:
            least, name = most - shared, kind
    if name:
        evidence.append(Evidence(name, "shared", None, round(least, 2)))
    return Score(round(sum([each.weight for each in evidence]), 2), evidence)
