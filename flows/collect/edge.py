"""`Edge`: what all routes of the edge share, and the one way by which records go into the log.

*Guarantees*: `collect` returns when all records are durable in the log, and raises a `Refusal` (503) where they may not be. What cannot be
used goes into the log as well: the job rejects it, for the same reason, so that it can be mended and sent through again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import orjson

from flows.collect.log import EventLog, FullError, Keyed, TooLargeError
from flows.collect.metrics import CollectMetrics
from flows.collect.refusal import Refusal, busy
from operators.decode import decode
from operators.instants import format_instant
from operators.plan.checked import Plan
from schemas.errors import BeckonError
from schemas.output import Reject

Clock = Callable[[], int]
"""The wall clock: ms since 1970."""
Rejected = tuple[int, Reject]
"""The place of a record among those that were sent, and why it cannot be used."""

Observer = Callable[[Sequence[Any]], None]
"""Is told of records that are in the log."""

BUSY_S, AWAY_S = 1, 5
"""How soon to try again: where too much waits, and where the log does not answer."""


class Edge:
    """The plan, the log and the clock. `observers` are told of the records that are in the log, before their sender is."""

    def __init__(self, plan: Plan, log: EventLog, clock: Clock, metrics: CollectMetrics | None = None) -> None:
        self.plan, self.clock = plan, clock
        self.observers: list[Observer] = []
        self.metrics = metrics or CollectMetrics()
        self.metrics.gauge("beckon_collect_waiting_bytes").set_function(lambda: log.waiting_bytes)
        self._log = log

    async def collect(self, records: Sequence[Any], via: str) -> list[Rejected]:
        """Puts records of the Segment envelope into the log, stamped with the time of receipt; gives those that the job will reject.

        What is no JSON object goes in as it is. `via` is what brought them, of few values: the name of a write key, webhook, form or CRM.
        """
        now = self.clock()
        keyed: list[Keyed] = []
        rejected: list[Rejected] = []
        for place, record in enumerate(records):
            is_object = type(record) is dict
            line = orjson.dumps(stamped(record, now) if is_object else record)
            event = decode(line)
            if isinstance(event, Reject):
                rejected.append((place, event))
            keyed.append((key_of(record) if is_object else None, line))
        await self._append(keyed)
        self._count(via, len(keyed), rejected, self.clock() - now)
        for observe in self.observers:
            observe(records)
        return rejected

    def _count(self, via: str, number: int, rejected: Sequence[Rejected], ms: int) -> None:
        self.metrics.count("beckon_collect_events", number, via)
        self.metrics.took("beckon_collect_seconds", max(ms, 0) / 1000)
        for _, reject in rejected:
            self.metrics.count("beckon_collect_rejected", 1, reject.reason)

    async def _append(self, keyed: Sequence[Keyed]) -> None:
        loop = asyncio.get_running_loop()
        durable: asyncio.Future[BeckonError | None] = loop.create_future()

        def done(error: BeckonError | None) -> None:
            # Who was told to stop waits no more, and its loop may be closed by now; others may still be told.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, durable, error)

        try:
            self._log.put(keyed, done)
        except FullError:
            raise busy(BUSY_S) from None
        error = await durable
        if isinstance(error, TooLargeError):
            raise Refusal(413, "a record is larger than the log of events takes")
        if error is not None:
            raise busy(AWAY_S, "the log of events does not answer")


def _settle(durable: asyncio.Future[BeckonError | None], error: BeckonError | None) -> None:
    # Whoever waited may have gone.
    if not durable.done():
        durable.set_result(error)


def key_of(record: dict[str, Any]) -> str | None:
    """What the log finds the lane by: the userId, else the anonymousId; None where neither is a text."""
    for name in ("userId", "anonymousId"):
        value = record.get(name)
        if type(value) is str and value:
            return value
    return None


def stamped(record: dict[str, Any], now: int) -> dict[str, Any]:
    """The record with the time of its receipt, which no sender can say. One with neither stamp nor messageId gets a messageId, so that two
    happenings that look alike stay two."""
    record["receivedAt"] = format_instant(now)
    if not record.get("messageId") and record.get("timestamp") is None and record.get("originalTimestamp") is None:
        record["messageId"] = f"edge-{secrets.token_hex(12)}"
    return record
