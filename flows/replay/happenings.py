"""`Happening`: one transition, trigger or decision of a replay, as the index by person keeps it; and the way back from the index.

The index lies in the scratch store of the lane, behind the lane's own keys, so that a checkpoint of the one is a checkpoint of the other:

| key | value |
|---|---|
| `~` person (NUL as NUL 0xFF), NUL, number of the first output of the batch (8 bytes) | the `Happening`s of the person in one batch |

So a scan gives persons in the order of their bytes, each with what happened to it in its order.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from operators.lane.store import Store

EXITED, ENTERED, TRIGGER, DECISION = range(4)

_FIRST, _END = b"~", b"\x7f"
_PAGE = 2_000
_NUMBER = 8


class Happening(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What happened at `t`: `kind` is one of the four above, `of` the id of the segment or campaign, `reason` that of a decision.

    `at` and `size` say where the record stands in the lines of its stream; both are 0 where no lines are kept.
    """

    t: int
    kind: int
    of: str
    reason: str
    at: int
    size: int


class Story(NamedTuple):
    """All that happened to a person of a partition, in its order; `key` sorts persons by their bytes."""

    key: tuple[bytes, int]
    happenings: list[Happening]

    @property
    def person(self) -> str:
        """The person's id.

        >>> Story((escaped("a\\0b"), 0), []).person
        'a\\x00b'
        """
        return self.key[0].replace(b"\0\xff", b"\0").decode()

    @property
    def partition(self) -> int:
        """The partition that the person's events were on."""
        return self.key[1]


encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Happening]).decode


def escaped(person: str) -> bytes:
    """The person's bytes in a form that keeps the order and can be followed by NUL and a number."""
    return person.encode().replace(b"\0", b"\0\xff")


def index_key(person: str, first: int) -> bytes:
    """Where the happenings of a person in the batch of outputs from `first` on lie."""
    return _FIRST + escaped(person) + b"\0" + first.to_bytes(_NUMBER, "big")


def stories(stores: Mapping[int, Store]) -> Iterator[Story]:
    """The story of each person, in the order of persons; `stores` are those of the partitions."""
    return heapq.merge(*(_of_lane(partition, store) for partition, store in stores.items()), key=lambda story: story.key)


def side_by_side(new: Iterator[Story], old: Iterator[Story]) -> Iterator[tuple[Story, Story]]:
    """The stories of each person in two replays; an empty one where nothing happened in one of them."""
    a, b = next(new, None), next(old, None)
    while a is not None or b is not None:
        key = min(story.key for story in (a, b) if story is not None)
        in_a, in_b = a is not None and a.key == key, b is not None and b.key == key
        yield a if a is not None and in_a else Story(key, []), b if b is not None and in_b else Story(key, [])
        a, b = next(new, None) if in_a else a, next(old, None) if in_b else b


def _of_lane(partition: int, store: Store) -> Iterator[Story]:
    person: bytes | None = None
    gathered: list[Happening] = []
    for key, value in _pairs(store):
        its = key[1 : -_NUMBER - 1]
        if its != person:
            if person is not None:
                yield Story((person, partition), gathered)
            person, gathered = its, []
        gathered += _decode(value)
    if person is not None:
        yield Story((person, partition), gathered)


def _pairs(store: Store) -> Iterator[tuple[bytes, bytes]]:
    start = _FIRST
    while pairs := store.scan(start, _END, _PAGE):
        yield from pairs
        start = pairs[-1][0] + b"\0"
