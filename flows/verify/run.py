"""`Run`: one pass over the persons of a state: who has no fresh verdict is looked up, and what was found goes into the input.

*Guarantees*: a verdict is told once: it is noted once its record is in the input, and where a crash comes in between, the same record goes
again, with the same messageId and time. When the pass is halted, what was found is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import orjson

from flows.verify.addresses import Address, States
from flows.verify.judge import UNKNOWN_MS, Judge, Outcome, by_itself
from flows.verify.ledger import Ledger, Told
from flows.verify.remembered import remembered
from flows.verify.target import Target
from flows.verify.verdict import Telling, Verdict, email_verified

AT_A_TIME = 500
"""So many addresses are looked up and told together."""


@dataclass(slots=True)
class Done:
    """What a pass did: the persons read, the mailboxes by what became of them, the events sent by status, and the paid look-ups."""

    persons: int = 0
    addresses: int = 0
    mailboxes: Counter[Outcome] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    asked: int = 0


@dataclass(slots=True)
class Due:
    """What a pass would do: addresses without a fresh verdict, how many of their mailboxes tell it themselves, the domains that would be
    looked up, the mailboxes that a service would be asked for at most, and the addresses whose verdict is known but not told yet."""

    persons: int = 0
    addresses: int = 0
    by_themselves: int = 0
    domains: int = 0
    to_ask: int = 0
    to_tell: int = 0


@dataclass(frozen=True, slots=True)
class Fresh:
    """Which verdicts are still fresh at an instant: those of the last `age_ms`, or less where nothing was found. Where a service is there
    to be asked (`asking`), that a domain takes mail is no verdict."""

    age_ms: int
    asking: bool

    def verdict(self, ledger: Ledger, address: Address, now: int) -> Verdict | None:
        """The fresh verdict on the mailbox of an address."""
        verdict = ledger.verdict(ledger.hash(address.key))
        return verdict if verdict is not None and self.is_fresh(verdict, address, now) else None

    def is_fresh(self, verdict: Verdict, address: Address, now: int) -> bool:
        """Whether it is, for an address."""
        if self.asking and not address.silent and verdict.reason == "mx_found":
            return False
        return now - verdict.checked_ms < (min(self.age_ms, UNKNOWN_MS) if verdict.status == "unknown" else self.age_ms)


class Run:
    """A pass; `halted` ends it after what is under way. `seen` is called with what was done so far."""

    def __init__(
        self, ledger: Ledger, judge: Judge, fresh: Fresh, target: Target, clock: Callable[[], int], halted: Callable[[], bool]
    ) -> None:
        self._ledger, self._judge, self._fresh, self._target, self._clock, self._halted = ledger, judge, fresh, target, clock, halted
        self.done = Done()

    async def run(self, states: States, seen: Callable[[Done], None] = lambda _: None) -> Done:
        """Goes over all persons."""
        for batch in self._batches(states):
            states.rest()
            await self._batch(batch)
            seen(self.done)
        return self.done

    def _batches(self, states: States) -> Iterator[list[Address]]:
        """The addresses that are to be looked up or told, some at a time."""
        batch: list[Address] = []
        for addresses in states.addresses():
            if self._halted():
                break
            self.done.persons += 1
            self.done.addresses += len(addresses)
            batch += [address for address in addresses if self._is_due(states, address)]
            if len(batch) >= AT_A_TIME:
                yield batch
                batch = []
        yield batch

    def _is_due(self, states: States, address: Address) -> bool:
        mailbox, person = self._ledger.hash(address.key), self._ledger.hash(address.person)
        if self._ledger.verdict(mailbox) is None and (found := remembered(states.history(address), address)) is not None:
            verdict, told_ms = found
            self._ledger.keep(mailbox, verdict)
            self._ledger.tell([(person, address.trait, Told(mailbox, verdict.service, verdict.checked_ms, told_ms))])
        fresh = self._fresh.verdict(self._ledger, address, self._clock())
        return fresh is None or not is_told(self._ledger, address, fresh)

    async def _batch(self, batch: list[Address]) -> None:
        now = self._clock()
        due = [address for address in batch if self._fresh.verdict(self._ledger, address, now) is None]
        # Of several persons with a mailbox the one counts of whom a service can be told.
        new = {self._ledger.hash(address.key): address for address in sorted(due, key=lambda address: not address.silent)}
        self.done.mailboxes.update(await self._judge.judge(list(new.items())))
        self._tell(batch)

    def _tell(self, batch: list[Address]) -> None:
        """Sends the verdicts there are."""
        now, rows, records = self._clock(), list[tuple[bytes, str, Told]](), list[tuple[str, bytes]]()
        for address in batch:
            mailbox, person = self._ledger.hash(address.key), self._ledger.hash(address.person)
            verdict = self._fresh.verdict(self._ledger, address, now)
            if verdict is None:
                continue
            told = told_after(self._ledger.told(person, address.trait), mailbox, verdict)
            rows.append((person, address.trait, told))
            telling = Telling(address.person, address.rank, address.trait, address.text, told.told_ms)
            records.append((address.person, orjson.dumps(email_verified(telling, mailbox, verdict))))
            self.done.told[verdict.status] += 1
        if records:
            self._target.send(records)
            self._ledger.tell(rows)
            self._ledger.commit()


def told_after(before: Told | None, mailbox: bytes, verdict: Verdict) -> Told:
    """How a verdict is told after another one: at the time of its look-up, or, where that is an older one of a mailbox that the person has
    got since, right behind the one before.

    >>> told_after(Told(b"b", "mx", 7, 7), b"a", Verdict("mx_found", "mx", 3)).told_ms
    8
    """
    return Told(mailbox, verdict.service, verdict.checked_ms, max(verdict.checked_ms, before.told_ms + 1 if before is not None else 0))


def is_told(ledger: Ledger, address: Address, verdict: Verdict) -> bool:
    """Whether this look-up is the last one that the person was told."""
    told = ledger.told(ledger.hash(address.person), address.trait)
    return told is not None and told[:3] == (ledger.hash(address.key), verdict.service, verdict.checked_ms)


def due_of(ledger: Ledger, states: States, fresh: Fresh, now: int, halted: Callable[[], bool]) -> Due:
    """What a pass would do now; nobody is asked."""
    due, telling, asking, domains = Due(), set[bytes](), set[bytes](), set[str]()
    for addresses in states.addresses():
        due.persons += 1
        for address in () if halted() else addresses:
            mailbox = ledger.hash(address.key)
            verdict = fresh.verdict(ledger, address, now)
            if verdict is not None:
                due.to_tell += not is_told(ledger, address, verdict)
                continue
            found = remembered(states.history(address), address) if ledger.verdict(mailbox) is None else None
            if found is not None and fresh.is_fresh(found[0], address, now):
                continue
            due.addresses += 1
            if by_itself(address) is not None:
                telling.add(mailbox)
                continue
            domains.add((address.canonical or "").rpartition("@")[2])
            if fresh.asking and not address.silent:
                asking.add(mailbox)
    known = (ledger.domain(domain) for domain in domains)
    due.by_themselves, due.to_ask = len(telling), len(asking)
    due.domains = sum(each is None or each.until_ms <= now for each in known)
    return due
