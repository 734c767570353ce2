"""`Refusal`: a request that is not taken, and what its sender is told."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):  # noqa: N818 - it is an answer: nothing failed
    """An HTTP status from 400 on, one sentence, and headers. Nothing of the request is in the sentence that could be personal."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, dict(headers or {})


def busy(seconds: int, why: str = "the log of events takes no more right now") -> Refusal:
    """503: nothing is lost where the sender tries again in so many seconds.

    >>> busy(5).status, busy(5).headers
    (503, {'Retry-After': '5'})
    """
    return Refusal(503, f"{why}; send the same again in {seconds} s", {"Retry-After": str(seconds)})
