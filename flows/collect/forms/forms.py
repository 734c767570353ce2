"""`Forms`: the forms of a plan at the edge: what a visitor is asked, and what becomes of the answers.

The pages and the JSON interface share it. Fields, answers and records are made by the pure functions of `operators.forms`; here they meet
the log, the memory and the clock.

*Guarantees*: what is answered as taken is in the log, and after that in the memory. A page that is sent twice counts once.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import structlog

from flows.collect.edge import Edge
from flows.collect.forms.asker import Asker
from flows.collect.forms.memory import Memory
from flows.collect.forms.seal import Seal
from flows.collect.refusal import Refusal, busy
from operators.forms.ask import remembered, visit
from operators.forms.check import Checked, Setting, Texts, check
from operators.forms.form import IDENTIFYING, Form
from operators.forms.learn import Lesson, lessons
from operators.forms.records import Grant, Seen, confirmed, submitted, viewed
from operators.forms.visit import Visit, campaign_of, hidden_of
from operators.instants import format_instant

PAGE_MS = 86_400_000
"""So long can a page be open before it is sent."""
GRANT_MS = 7 * 86_400_000
"""So long can consent be confirmed."""
LEAST_FILL_MS = 1000
"""Nobody fills in a page faster."""
BOT = "a form filler"
"""What a machine is called that gives itself away by what it does."""
SWEEP_MS = 86_400_000
MOST_LESSONS, LESSONS_AT_ONCE = 10_000, 500
BUSY_S = 5
Result = TypeVar("Result")
log = structlog.get_logger()


class Taken(NamedTuple):
    """What became of a page that was sent. Where nothing was wrong with it, `next` is the visit from now on. `expired` says that it was
    open too long: nothing was taken."""

    checked: Checked
    next: Visit | None
    expired: bool = False


class Forms:
    """The forms, ready to be asked. `least_fill_ms` is the time within which only a machine answers."""

    def __init__(self, edge: Edge, memory: Memory, seal: Seal, public_url: str, least_fill_ms: int = LEAST_FILL_MS) -> None:
        self.edge, self.seal = edge, seal
        self.by_id = {form.id: form for form in edge.plan.forms}
        self.public_url = public_url
        self._memory, self._least_fill_ms = memory, least_fill_ms
        # One at a time uses the memory, and none of the event loop's waits for the disk.
        self._thread = ThreadPoolExecutor(1, "forms")
        self._swept_ms = 0
        self._lessons: deque[Lesson] = deque()
        self._fields = frozenset(field.memory for form in edge.plan.forms for field in form.fields.values())

    def form(self, id: str) -> Form:
        """A form by its id; a `Refusal` where there is none."""
        found = self.by_id.get(id)
        if found is None:
            raise Refusal(404, "there is no such form")
        return found

    def today(self) -> str:
        """The date in the plan's time zone."""
        zone = ZoneInfo(self.edge.plan.timezone)
        return datetime.fromtimestamp(self.edge.clock() / 1000, UTC).astimezone(zone).date().isoformat()

    async def begin(self, form: Form, asker: Asker) -> tuple[Visit, bool]:
        """A new visit, and whether the visitor was asked something before."""
        asked = await self._remember(self._memory.asked, asker.anonymous_id) if form.ask is not None and asker.came_back else frozenset()
        begun = Visit(
            form=form.id,
            nonce=secrets.token_hex(8),
            anonymous_id=asker.anonymous_id,
            names=visit(form, asked),
            shown_ms=self.edge.clock(),
            hidden=hidden_of(form, asker.query, asker.url, asker.referrer),
            campaign=campaign_of(asker.query),
            url=asker.url,
            referrer=asker.referrer,
            embedded=asker.embedded,
        )
        return begun, bool(asked)

    async def viewed(self, form: Form, shown: Visit, asker: Asker) -> None:
        """Puts into the log that a page was shown; that it cannot keeps nobody from it."""
        page = shown.page(form)
        if page is not None and not asker.says_no and not asker.looks_ahead:
            try:
                await self.edge.collect(viewed(form, shown, page, Seen(asker.agent, asker.machine)), via=form.id)
            except Refusal:
                return

    def resume(self, form: Form, token: str) -> Visit | None:
        """The visit of a token; None where it is none of this form's."""
        found = self.seal.open(token, Visit)
        return found if found is not None and found.form == form.id else None

    def renewed(self, shown: Visit) -> Visit:
        """The visit, with its page as shown just now."""
        return replace(shown, shown_ms=self.edge.clock())

    async def take(self, form: Form, shown: Visit, sent: Texts, asker: Asker, *, sure: str = "", trapped: bool = False) -> Taken:
        """Takes what was sent for the page of a visit; a `Refusal` where the log or the memory cannot."""
        now, page = self.edge.clock(), shown.page(form)
        if page is None:
            return Taken(Checked({}, {}), shown)
        clean = self.edge.plan.clean
        country = clean.country if clean is not None else None
        checked = check(page.fields, sent, Setting(form.language, country, self.today(), sure))
        expired = not 0 <= now - shown.shown_ms <= PAGE_MS
        if checked.errors or expired:
            return Taken(checked, None, expired=expired)
        machine = BOT if trapped or now - shown.shown_ms < self._least_fill_ms else asker.machine
        until = now + GRANT_MS
        seen = Seen(asker.agent, machine)
        await self.edge.collect(submitted(form, shown, page, checked.answers, seen, link=self._link, until_ms=until), via=form.id)
        if machine is None:
            address = checked.answers.get(IDENTIFYING)
            ids = [address, shown.anonymous_id] if isinstance(address, str) else [shown.anonymous_id]
            await self._remember(self._memory.note, ids, remembered(form, page.fields, checked.answers), now)
            await self._sweep(now)
        agreed = any(field.kind == "consent" and checked.answers.get(field.name) is True for field in page.fields)
        return Taken(checked, shown.next(now, to_confirm=agreed and form.double_opt_in))

    def _link(self, grant: Grant) -> Mapping[str, str]:
        url = f"{self.public_url}/f/{grant.form}/confirm?token={self.seal.close(grant)}"
        return {"confirm_url": url, "expires": format_instant(grant.until_ms)}

    def grant(self, form: Form, token: str) -> Grant | None:
        """The grant of a token that still holds; None where there is none of this form."""
        found = self.seal.open(token, Grant)
        return found if found is not None and found.form == form.id and self.edge.clock() <= found.until_ms else None

    async def confirm(self, form: Form, grant: Grant) -> None:
        """Puts a consent that was confirmed into the log, once."""
        if await self._remember(self._memory.is_confirmed, grant.key):
            return
        await self.edge.collect(confirmed(form, grant), via=form.id)
        now = self.edge.clock()
        fields = [f"{topic}@{version}" for topic, version in grant.topics]
        await self._remember(self._memory.note, [grant.anonymous_id], fields, now)
        await self._remember(self._memory.confirm, grant.key, grant.until_ms, now)

    def learn(self, records: Sequence[Any]) -> None:
        """Notes, soon, what other events that pass the edge tell of persons. Nobody waits for it; of too much some is left out."""
        found = list(lessons(records, self._fields))
        if found and len(self._lessons) < MOST_LESSONS:
            idle = not self._lessons
            self._lessons += found
            if idle:
                self._thread.submit(self._learn)

    def _learn(self) -> None:
        while self._lessons:
            some = [self._lessons.popleft() for _ in range(min(len(self._lessons), LESSONS_AT_ONCE))]
            try:
                self._memory.learn(some, self.edge.clock())
            except sqlite3.DatabaseError:
                log.warning("the memory of the forms cannot be reached; somebody may be asked again what is known", lessons=len(some))

    async def _sweep(self, now: int) -> None:
        history = self.edge.plan.history_ms
        if history is not None and now - self._swept_ms > SWEEP_MS:
            self._swept_ms = now
            await self._remember(self._memory.sweep, now - history)

    async def _remember(self, do: Callable[..., Result], *values: Any) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, do, *values)
        except sqlite3.DatabaseError:
            raise busy(BUSY_S, "the memory of the forms cannot be reached") from None

    def settle(self) -> None:
        """Returns when all that was learnt so far is noted."""
        self._thread.submit(lambda: None).result()

    def close(self) -> None:
        """Closes the memory, once nobody waits for it."""
        self._thread.shutdown()
        self._memory.close()
