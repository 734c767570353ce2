"""`find`: who is probably the person that a record is about, among all that came before."""

from __future__ import annotations

from typing import NamedTuple

from operators.duplicates.index import Index
from operators.duplicates.record import Record
from operators.duplicates.score import Score, score

MERGE_AT = 0.99
REVIEW_AT = 0.6
"""Chances from which on two persons can be merged, or are put up for review, unless the plan says others. Chosen on FEBRL's data set 1
alone: `MERGE_AT` still finds 98 % of its pairs where all fields are known, `REVIEW_AT` 98 % of them where the insurance number is not, and
neither finds a wrong one (`tests/operators/duplicates/test_febrl.py`)."""


class Found(NamedTuple):
    """A person that is probably the one that was looked for."""

    person: str
    score: Score


def find(index: Index, person: str, record: Record, persons: int, least: float) -> list[Found]:
    """The other persons in the index whose score with the record, among so many persons, has `least` bits or more; the highest first.

    >>> from operators.lane.memory_store import MemoryStore
    >>> index = Index(MemoryStore())
    >>> anna = Record("anna", "berg", birthday="19850302", city="bonn")
    >>> _ = index.put("u1", anna), index.put("u2", Record("hans", "berg", birthday="19850302", city="bonn"))
    >>> [(found.person, found.score.bits) for found in find(index, "u3", anna, 2, 0.0)]
    [('u1', 13.4), ('u2', 2.68)]
    """
    scored = [Found(other, score(record, its, persons)) for other, its in index.near(person, record)]
    return sorted((found for found in scored if found.score.bits >= least), key=lambda found: (-found.score.bits, found.person))
