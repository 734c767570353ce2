"""`Paid`: the look-ups that cost money, each sent once, within a budget, and none to a service that fails.

*Guarantees*: a look-up is in the ledger before it is sent, so that a crash in between never pays twice. After `FAILURES` failures in a row
nothing is sent to the service for `REST_MS`, by no run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flows.verify.ledger import Ledger
from flows.verify.verdict import Verdict
from flows.verify.verifier import CAUSES, Answered, Lost, Refused, Verifier
from operators.instants import format_instant

FAILURES = 5
"""So many failures in a row are enough: long before a service blocks the caller."""
REST_MS = 15 * 60_000
PAUSE_S = 2.0
"""So long, and twice as long each time, a service that takes no more requests is waited for."""


@dataclass(frozen=True, slots=True)
class Budget:
    """So many paid look-ups at most, in this run and in a calendar month (UTC); None: as many as there are."""

    run: int | None = None
    month: int | None = None


class Paid:
    """A service and what it may cost. `closed` says, as the end of a sentence, why nothing more is sent to it; `over` that the budget is
    spent."""

    def __init__(
        self, ledger: Ledger, verifier: Verifier, budget: Budget, clock: Callable[[], int], pause: Callable[[float], Awaitable[None]]
    ) -> None:
        self.verifier = verifier
        self.asked = 0
        self.over = False
        self.closed: str | None = None
        self._ledger, self._budget, self._clock, self._pause = ledger, budget, clock, pause
        self._gate = asyncio.Semaphore(verifier.at_once)
        _, until = ledger.breaker(verifier.name)
        if until > clock():
            self.closed = f"has failed {FAILURES} times in a row, and is left alone until {format_instant(until)}"

    async def verdict(self, mailbox: bytes, address: str, halted: Callable[[], bool], *, mx: bool | None) -> Verdict | None:
        """What the service finds, also in the ledger; None where it was not asked."""
        async with self._gate:
            throttled = 0
            while not halted() and self.closed is None and not self.over:
                asked = self._clock()
                if not self._begun(mailbox, asked, mx=mx):
                    return None
                reply = await self.verifier.verify(address)
                if not isinstance(reply, Refused):
                    return self._ended(mailbox, reply, mx=mx)
                self._refused(mailbox, asked, reply)
                if reply.cause != "throttled":
                    return None
                if self.closed is None:
                    await self._pause(PAUSE_S * 2**throttled)
                    throttled += 1
        return None

    def _begun(self, mailbox: bytes, now: int, *, mx: bool | None) -> bool:
        """Whether the budget has one more, noted as asked."""
        spent = self._budget.run is not None and self.asked >= self._budget.run
        if spent or not self._ledger.asking(mailbox, self.verifier.name, now, self._budget.month, mx=mx):
            self.over = True
            return False
        self.asked += 1
        return True

    def _ended(self, mailbox: bytes, reply: Answered | Lost, *, mx: bool | None) -> Verdict:
        now, name = self._clock(), self.verifier.name
        if isinstance(reply, Lost):
            verdict = Verdict("no_answer", name, now, mx)
            self._failed(f"has failed {FAILURES} times in a row, at last with {reply.what}")
        else:
            verdict = Verdict(reply.reason, name, now, mx, reply.detail)
            if self._ledger.breaker(name) != (0, 0):
                self._ledger.set_breaker(name, 0, 0)
        self._ledger.keep(mailbox, verdict)
        self._ledger.commit()
        return verdict

    def _refused(self, mailbox: bytes, asked_ms: int, reply: Refused) -> None:
        self.asked -= 1
        self._ledger.not_asked(mailbox, self.verifier.name, asked_ms)
        if reply.cause == "key":
            # It would be refused again at once, and once mended it is not to wait.
            self.closed = CAUSES["key"]
        else:
            self._failed(CAUSES[reply.cause])

    def _failed(self, why: str) -> None:
        now = self._clock()
        failures = self._ledger.breaker(self.verifier.name)[0] + 1
        until = now + REST_MS if failures >= FAILURES else 0
        # After the rest one more failure is enough.
        self._ledger.set_breaker(self.verifier.name, min(failures, FAILURES), until)
        if until:
            self.closed = f"{why}; it is left alone until {format_instant(until)}"
