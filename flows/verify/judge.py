"""`Judge`: the verdicts on mailboxes: by the address itself, by its domain, and last by a service, each only where those before it do not
say that mail does not arrive.

What is found is in the ledger. A domain whose servers do not answer is asked again by a later run, `MOST_TRIES` times in all; its addresses
wait for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

from flows.verify.addresses import Address
from flows.verify.hosts import DOMAIN_REASONS, Domain, Hosts
from flows.verify.ledger import Known, Ledger
from flows.verify.paid import Paid
from flows.verify.verdict import Reason, Verdict
from operators.clean.verdict import email_verdict

DOMAINS_AT_ONCE = 32
SHORTEST_S, LONGEST_S = 600, 86_400
"""What a domain said holds for the time that it named, within these bounds."""
MOST_TRIES = 5
AGAIN_S = 900
"""So long after the first try without an answer a domain is asked again; each time it is twice as long."""
UNKNOWN_MS = 7 * 86_400_000
"""So long what nobody could find out is not asked again."""

Outcome = Literal["found", "asked", "waiting", "left"]
"""What became of a mailbox: it has a verdict, one by a service, waits for its domain, or was left unasked."""


def by_itself(address: Address) -> Reason | None:
    """What an address says of itself; None where it takes asking."""
    if address.canonical is None:
        return "invalid_email"
    return "disposable" if email_verdict(address.text, address.canonical).get("disposable") else None


class Judge:
    """`paid` is None where no service is asked; `halted` says when nothing new is to be begun."""

    def __init__(self, ledger: Ledger, hosts: Hosts, paid: Paid | None, clock: Callable[[], int], halted: Callable[[], bool]) -> None:
        self._ledger, self._hosts, self._paid, self._clock, self._halted = ledger, hosts, paid, clock, halted
        self._gate = asyncio.Semaphore(DOMAINS_AT_ONCE)
        self._coming: dict[str, asyncio.Task[Known]] = {}

    async def judge(self, addresses: Sequence[tuple[bytes, Address]]) -> list[Outcome]:
        """What becomes of each mailbox; one address a mailbox."""
        outcomes = await asyncio.gather(*(self._one(mailbox, address) for mailbox, address in addresses))
        self._coming.clear()
        self._ledger.commit()
        return outcomes

    async def _one(self, mailbox: bytes, address: Address) -> Outcome:
        reason = by_itself(address)
        if reason is not None:
            return self._found(mailbox, Verdict(reason, "syntax", self._clock()))
        assert address.canonical is not None
        known = await self._domain(address.canonical.rpartition("@")[2])
        if known is None:
            return "left"
        if known.finding == "failed" and known.tries < MOST_TRIES:
            return "waiting"
        reason = DOMAIN_REASONS[known.finding]
        mx = None if known.finding == "failed" else reason == "mx_found"
        if reason != "mx_found" or self._paid is None or address.silent:
            return self._found(mailbox, Verdict(reason, "mx", self._clock(), mx))
        return "left" if await self._paid.verdict(mailbox, address.canonical, self._halted, mx=mx) is None else "asked"

    def _found(self, mailbox: bytes, verdict: Verdict) -> Outcome:
        self._ledger.keep(mailbox, verdict)
        return "found"

    async def _domain(self, domain: str) -> Known | None:
        """What is known of a domain, looked up where that holds no longer; None where nothing new is to be begun."""
        known = self._ledger.domain(domain)
        if known is not None and known.until_ms > self._clock():
            return known
        if domain not in self._coming:
            if self._halted():
                return None
            self._coming[domain] = asyncio.create_task(self._look_up(domain, known))
        return await self._coming[domain]

    async def _look_up(self, domain: str, before: Known | None) -> Known:
        async with self._gate:
            said = await self._hosts.look_up(domain)
        known = holding(said, before, self._clock())
        self._ledger.keep_domain(domain, known)
        return known


def holding(said: Domain, before: Known | None, now: int) -> Known:
    """How long it holds what a domain said.

    >>> holding(Domain("mx", 5), None, 0), holding(Domain("failed", 0), Known("failed", 0, 1), 0)
    (Known(finding='mx', until_ms=600000, tries=0), Known(finding='failed', until_ms=1800000, tries=2))
    """
    if said.finding != "failed":
        return Known(said.finding, now + min(max(said.ttl_s, SHORTEST_S), LONGEST_S) * 1000, 0)
    tries = before.tries + 1 if before is not None and now - before.until_ms < UNKNOWN_MS else 1
    return Known("failed", now + AGAIN_S * 2 ** (min(tries, MOST_TRIES) - 1) * 1000, tries)
