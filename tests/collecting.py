"""An edge in a test: a log of events in memory, and a clock that is set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.collect.edge import Edge
from flows.collect.log import Done, FullError, Keyed
from operators.plan.checked import Plan
from schemas.errors import UnavailableError


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now_ms: int

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class MemoryEvents:
    """A log of events in memory. `is_full` takes nothing, `fails` says of each that it may not be there; `holds` keeps what it took from
    being durable until `release`."""

    name: str = "memory"
    waiting_bytes: int = 0
    is_full: bool = False
    fails: bool = False
    holds: bool = False
    lines: list[bytes] = field(default_factory=list)
    _held: list[Done] = field(default_factory=list)

    def put(self, records: Sequence[Keyed], done: Done) -> None:
        """Takes the records."""
        if self.is_full:
            raise FullError("full")
        if not self.fails:
            self.lines += [line for _, line in records]
        if self.holds:
            self._held.append(done)
        else:
            done(UnavailableError("gone") if self.fails else None)

    def release(self) -> None:
        """Makes durable what was held."""
        held, self._held = self._held, []
        for done in held:
            done(None)

    def close(self) -> None:
        """Lets go of nothing."""

    @property
    def records(self) -> list[dict[str, Any]]:
        """What it has."""
        return [json.loads(line) for line in self.lines]


def edge_of(plan: Plan, now_ms: int) -> tuple[Edge, MemoryEvents, Clock]:
    """An edge of the plan, its log, and its clock."""
    log, clock = MemoryEvents(), Clock(now_ms)
    return Edge(plan, log, clock), log, clock
