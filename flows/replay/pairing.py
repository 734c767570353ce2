"""Which stay of a person in a segment, and which occasion of a campaign, is the same in two replays.

A **stay** is an entry with the exit that ends it. Stays that begin at the same instant are one. Of the others, two that overlap, or where
one begins as the other ends, are one that has moved; what is left is in one replay only.

An **occasion** is a trigger or a decision. Those with the same id, or of the same campaign and step at the same instant, are one. Of the
others, two whose transitions belong to one stay that has moved are one that has moved with it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from flows.replay.happenings import ENTERED, EXITED, Happening

T = TypeVar("T")
Pair = tuple[T | None, T | None]
"""What is one in both replays, new and old; None where it is in the other one only."""


class Stay(NamedTuple):
    """A stay in a segment; `exited` is None where it has not ended."""

    entered: Happening
    exited: Happening | None

    def ends_by(self, t: int) -> bool:
        """Whether it is over before `t`."""
        return self.exited is not None and self.exited.t < t


class Occasion(NamedTuple):
    """A trigger or decision with its record: `id`, `step`, and the id of the transition that it comes from, empty where it is none."""

    happening: Happening
    id: str
    step: int
    transition: str
    record: dict[str, Any]


def stays_of(happenings: Iterable[Happening]) -> dict[str, list[Stay]]:
    """The stays of a person by segment, in their order."""
    found: dict[str, list[Stay]] = {}
    for happening in happenings:
        if happening.kind == ENTERED:
            found.setdefault(happening.of, []).append(Stay(happening, None))
        elif happening.kind == EXITED:
            stays = found[happening.of]
            stays[-1] = Stay(stays[-1].entered, happening)
    return found


def paired_stays(new: Sequence[Stay], old: Sequence[Stay]) -> list[Pair[Stay]]:
    """Every stay of both in its pair, in the order of their entries.

    >>> at = lambda t, kind: Happening(t, kind, "keen", "", 0, 0)
    >>> pairs = paired_stays([Stay(at(3, ENTERED), at(9, EXITED))], [Stay(at(1, ENTERED), at(2, EXITED)), Stay(at(5, ENTERED), None)])
    >>> [(a and a.entered.t, b and b.entered.t) for a, b in pairs]
    [(None, 1), (3, 5)]
    """
    pairs, rest_new, rest_old = _matched(new, old, lambda stay: stay.entered.t)
    i = j = 0
    while i < len(rest_new) and j < len(rest_old):
        a, b = rest_new[i], rest_old[j]
        if a.ends_by(b.entered.t):
            pairs.append((a, None))
            i += 1
        elif b.ends_by(a.entered.t):
            pairs.append((None, b))
            j += 1
        else:
            pairs.append((a, b))
            i, j = i + 1, j + 1
    pairs += [(stay, None) for stay in rest_new[i:]]
    pairs += [(None, stay) for stay in rest_old[j:]]
    return sorted(pairs, key=lambda pair: min(stay.entered.t for stay in pair if stay is not None))


def paired_occasions(new: Sequence[Occasion], old: Sequence[Occasion], moved: Mapping[str, str]) -> list[Pair[Occasion]]:
    """Every occasion of both in its pair, in their order; `moved` gives for the id of an old transition that of the new one."""
    same, new, old = _matched(new, old, lambda each: each.id)
    at_once, new, old = _matched(new, old, lambda each: (each.happening.of, each.step, each.happening.t))
    left = {(each.happening.of, each.step, each.transition): each for each in new if each.transition}
    pairs = same + at_once
    for each in old:
        other = left.pop((each.happening.of, each.step, moved.get(each.transition, "")), None)
        pairs.append((other, each))
    taken = {a.id for a, _ in pairs if a is not None}
    pairs += [(each, None) for each in new if each.id not in taken]
    return sorted(pairs, key=lambda pair: min((each.happening.t, each.happening.of, each.step) for each in pair if each is not None))


def _matched(new: Sequence[T], old: Sequence[T], key: Callable[[T], Hashable]) -> tuple[list[Pair[T]], list[T], list[T]]:
    """The pairs of equal keys, and what is left of both; of several with one key the first go together."""
    waiting: dict[Hashable, list[T]] = {}
    for each in reversed(old):
        waiting.setdefault(key(each), []).append(each)
    pairs: list[Pair[T]] = []
    rest: list[T] = []
    for each in new:
        same = waiting.get(key(each))
        if same:
            pairs.append((each, same.pop()))
        else:
            rest.append(each)
    met = {id(b) for _, b in pairs}
    return pairs, rest, [each for each in old if id(each) not in met]
