"""What a pass over a CRM has of the world, and what it gives to it: `World`, `Put`, `Pulled`, `PullError`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.collect.crm.ask import Why
from operators.rows.event import Row, RowReject

Put = Callable[[Sequence[dict[str, Any]]], Awaitable[None]]
"""Puts records into the log: durable on return."""
Rejecting = Callable[[Row, int, RowReject], None]
"""Told of each row that makes no event, with its number in the pass."""


class PullError(Exception):
    """A pass cannot go on, for a reason; it goes on at its page the next time."""

    def __init__(self, why: Why, words: str) -> None:
        super().__init__(words)
        self.why = why


@dataclass(slots=True)
class Pulled:
    """What a pass did: pages, rows, and what became of these: events, those that the log has already, skipped, and rejected by reason."""

    pages: int = 0
    rows: int = 0
    events: int = 0
    known: int = 0
    skipped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class World:
    """What a pass needs of the world: the wall clock in ms, a wait in seconds, a chance in [0, 1), and whether to end."""

    clock: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]
    halted: Callable[[], bool]
