"""`Dice`: all that chance decides of an example, from one number."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Dice:
    """Draws with equal chances; the same number draws the same."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)

    def below(self, size: int) -> int:
        """From 0 up to below `size`."""
        return self._random.randrange(size)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def chance(self, in_ten: int) -> bool:
        """True in so many of ten."""
        return self.below(10) < in_ten

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """The options in any order."""
        return self._random.sample(options, len(options))


def drawn(make: Callable[[Dice], T]) -> st.SearchStrategy[T]:
    """What is made with dice, for Hypothesis.

    Of an example that is made of many small draws Hypothesis makes several more by repeating a part of it, so that most examples of a plan
    and its stream would be nearly the same; of one number it cannot. What fails is made smaller by `tests/smaller.py`.
    """
    return st.integers(0, 2**64 - 1).map(lambda number: make(Dice(number)))
