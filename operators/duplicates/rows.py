"""The byte layout of what is kept for the search for duplicates, in the store of a lane.

| key | value |
|---|---|
| `b` hash of a blocking key (8 bytes), person | empty: the person has that key |
| `f` person | `Record` by which the person is compared |
| `c` length of a person (a character), that person, another | `Candidate`: the two are probably one |
| the same the other way round | empty: it leads to the candidate |

Of a candidate's two the lower by code points stands first.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import msgspec

from operators.duplicates.score import Evidence

BLOCKS = b"b"
BLOCKS_END = b"c"
CANDIDATES = b"c"
CANDIDATES_END = b"d"
RECORDS = b"f"
RECORDS_END = b"g"

_BLOCK = 1 + 8

State = Literal["open", "refused", "merged", "parted"]
"""What was decided of a candidate. Of those that are merged, who looks says which are parted again; that is not stored."""


class Candidate(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Two persons that are probably one: `person` was there first. `bits` and `evidence` are those of the event `message_id` at `t`, which
    made them so."""

    person: str
    other: str
    bits: float
    evidence: list[Evidence]
    message_id: str
    t: int
    state: State = "open"


def block_prefix(key: str) -> bytes:
    """What the rows of a blocking key begin with."""
    return BLOCKS + blake2b(key.encode(), digest_size=8).digest()


def person_in_block(row: bytes) -> str:
    """Whose row of a block it is.

    >>> person_in_block(block_prefix("b19850302") + b"u1")
    'u1'
    """
    return row[_BLOCK:].decode()


def record_key(person: str) -> bytes:
    """Where the record of a person lies."""
    return RECORDS + person.encode()


def candidate_key(a: str, b: str) -> bytes:
    """Where the candidate of these two lies, in whatever order they are given."""
    return candidates_prefix(min(a, b)) + max(a, b).encode()


def mirror_key(a: str, b: str) -> bytes:
    """Where the other of the two finds the candidate."""
    return candidates_prefix(max(a, b)) + min(a, b).encode()


def candidates_prefix(person: str) -> bytes:
    """What the keys of a person's candidates begin with."""
    return f"c{chr(len(person))}{person}".encode()
