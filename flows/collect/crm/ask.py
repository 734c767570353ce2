"""What passes between the walk over pages and HTTP: `Ask`, and what came of it, `Answer` or `Failed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. `query` is added to what the URL has."""

    method: Literal["GET", "POST"]
    url: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """JSON that answers, the time of the server in ms since 1970 where it tells it, and its header Link."""

    value: Any
    at_ms: int | None = None
    link: str | None = None


Why = Literal["again", "refused", "wrong"]
"""Why there is no answer: `again`, it may go well later (too many requests, a server's error, no answer in time); `refused`, the key is not
taken; `wrong`, the request, or the answer, is not what it must be."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why no answer came, in words without a secret or anything of the answer; `after_s` where the server says when to ask again."""

    why: Why
    words: str
    after_s: float | None = None


class Asking(Protocol):
    """Asks, one request at a time."""

    async def ask(self, ask: Ask) -> Answer | Failed:
        """What comes of a request, which is sent once."""
