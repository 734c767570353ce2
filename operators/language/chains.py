"""`Chains`: which events make the steps of a `sequence` or `funnel`, or how far they have come; for `operators.language.evidence`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Chain(NamedTuple, Generic[T]):
    """Events that are the first steps, each later than the one before; `start` is the time of the first, `end` that of the last."""

    start: int
    end: int
    events: tuple[T, ...]


class Chains(Generic[T]):
    """`negated` says of each step whether it must not be done. `begun` has, for each step that is to be done, the chain up to it that began
    and ended last, where nothing has broken it."""

    def __init__(self, negated: Sequence[bool], within: int | None) -> None:
        self.within = within
        self.done = [i for i, never in enumerate(negated) if not never]
        ends = [*self.done[1:], len(negated)]
        self.never = [range(first + 1, end) for first, end in zip(self.done, ends, strict=True)]
        self.begun: list[Chain[T] | None] = [None] * len(self.done)
        self.broken: tuple[Chain[T], T] | None = None

    def step(self, t: int, event: T, steps: Sequence[bool]) -> None:
        """Takes the next event in; `steps` says which of them it is."""
        before = list(self.begun)
        for i, done in enumerate(self.done):
            stands = before[i]
            if stands is not None and any(steps[never] for never in self.never[i]):
                self.broken, self.begun[i] = (stands, event), None
            if steps[done] and (longer := self._longer(before[i - 1] if i else Chain(t, t, ()), t, event)) is not None:
                # None that comes later began earlier: those of the step before come in the order of their beginnings.
                self.begun[i] = longer

    def _longer(self, chain: Chain[T] | None, t: int, event: T) -> Chain[T] | None:
        if chain is None or (self.within is not None and t - chain.start >= self.within):
            return None
        return Chain(chain.start, t, (*chain.events, event))

    def found(self, now: int) -> list[tuple[T, str]]:
        """The whole chain that holds now, else the longest that can still be carried on; each event with what it is. Where a chain was
        broken that had come as far, it is that one, and behind it what broke it."""
        whole = self.begun[-1]
        if whole is not None and (self.within is None or whole.end > now - self.within):
            return _told(whole)
        begun = [chain for chain in self.begun[:-1] if chain is not None and self._is_open(chain, now)]
        longest = _told(begun[-1]) if begun else []
        if self.broken is None or not self._is_open(self.broken[0], now):
            return longest
        chain, event = self.broken
        return [*_told(chain), (event, "broke it")] if len(chain.events) >= len(longest) else longest

    def _is_open(self, chain: Chain[T], now: int) -> bool:
        return self.within is None or now - chain.start < self.within


def _told(chain: Chain[T]) -> list[tuple[T, str]]:
    return [(event, f"step {number}") for number, event in enumerate(chain.events, 1)]
