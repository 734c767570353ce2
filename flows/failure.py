"""`Failure`: keeps the first error of a run, since Bytewax hands on another one.

An error inside a step comes out of Bytewax wrapped; in a cluster of processes it comes out as a panic of the thread whose connection broke.
So every step notes what it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from schemas.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")


class Failure:
    """The first error of a run, None while there is none."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def noting(self, function: Callable[P, T]) -> Callable[P, T]:
        """The same function, which notes what it raises; the end of an iteration is no error.

        >>> failure = Failure()
        >>> try: failure.noting(int)("x")
        ... except ValueError: failure.error
        ValueError("invalid literal for int() with base 10: 'x'")
        """

        @wraps(function)
        def noted(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except StopIteration:
                raise
            except BaseException as error:
                self.error = self.error or error
                raise

        return noted

    @contextmanager
    def in_its_own_words(self) -> Iterator[None]:
        """Raises the noted error in the place of what Bytewax made of it."""
        try:
            yield
        except BaseException as error:
            if self.error is not None:
                raise self.error from None
            if type(error).__name__ == "PanicException":
                raise UnavailableError(
                    "another process of the cluster has ended, so this one ends too; nothing is lost: "
                    "see what that one says, and start all of them again"
                ) from error
            raise
