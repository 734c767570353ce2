"""`Session`: a pass as the command line asks for it; `look` tells what it would do, `verify` does it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from flows.clock import wall_ms
from flows.connectors.dns_hosts import DnsHosts
from flows.stop import stop
from flows.verify.addresses import open_states
from flows.verify.judge import Judge
from flows.verify.ledger import Ledger, open_ledger
from flows.verify.paid import Budget, Paid
from flows.verify.run import Done, Due, Fresh, Run, due_of
from flows.verify.target import Target
from flows.verify.verifier import Verifier
from operators.plan.checked import Plan

FORGET_MS = 2 * 365 * 86_400_000
"""What is older leaves the ledger, unless fresh verdicts can be older."""


@dataclass(frozen=True, slots=True)
class Session:
    """The states of a plan's job, the ledger, and how old a verdict may be; `asking` says that a service is asked."""

    plan: Plan
    states: Sequence[Path]
    ledger: Path
    age_ms: int
    asking: bool

    @property
    def fresh(self) -> Fresh:
        """Which verdicts need no look-up."""
        return Fresh(self.age_ms, self.asking)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a pass did, and why no more was sent to the service (`closed`), where that was its fault. `over`: the budget is spent. `spent`
    are the paid look-ups of the month, None without a service."""

    done: Done
    closed: str | None
    over: bool
    spent: int | None
    stopped: bool


async def until_stop(seconds: float) -> None:
    """Waits, or until the process is to stop."""
    await asyncio.to_thread(stop.wait, seconds)


def look(session: Session, clock: Callable[[], int] = wall_ms) -> Due:
    """What a pass would do; nothing is written."""
    with ExitStack() as around:
        states = around.enter_context(open_states(session.plan, session.states))
        ledger = around.enter_context(open_ledger(session.ledger, writable=False))
        return due_of(ledger, states, session.fresh, clock(), stop.is_set)


def verify(
    session: Session,
    target: Target,
    servers: Sequence[str],
    verifier: Verifier | None,
    budget: Budget,
    *,
    seen: Callable[[Done], None] = lambda _: None,
    clock: Callable[[], int] = wall_ms,
    pause: Callable[[float], Awaitable[None]] = until_stop,
) -> Ended:
    """A pass over all persons, to its end or until the process is to stop."""
    with ExitStack() as around:
        states = around.enter_context(open_states(session.plan, session.states))
        ledger = around.enter_context(open_ledger(session.ledger))
        ledger.forget(clock() - max(FORGET_MS, session.age_ms))

        async def passed() -> Ended:
            paid = None if verifier is None else Paid(ledger, verifier, budget, clock, pause)
            judge = Judge(ledger, DnsHosts(servers), paid, clock, stop.is_set)
            run = Run(ledger, judge, session.fresh, target, clock, stop.is_set)
            try:
                done = await run.run(states, seen)
            finally:
                if verifier is not None:
                    await verifier.close()
            return _ended(done, paid, ledger, clock())

        return asyncio.run(passed())


def _ended(done: Done, paid: Paid | None, ledger: Ledger, now: int) -> Ended:
    if paid is None:
        return Ended(done, None, over=False, spent=None, stopped=stop.is_set())
    done.asked = paid.asked
    return Ended(done, paid.closed, paid.over, ledger.spent(paid.verifier.name, now), stop.is_set())
