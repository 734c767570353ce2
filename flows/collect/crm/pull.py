"""`Pull`: one pass over the pages of a source: what has changed since the last one becomes events.

*Guarantees*: how far a source was read is noted only when the log has the rows. After a crash a pass goes on at the page at which it
was: rows may come again, with the same messageId. A pass that is over has seen all that had changed when it began, and the next one asks
for some time before that again, since rows can show late.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from msgspec.structs import replace

from flows.collect.crm.ask import Answer, Ask, Asking, Failed
from flows.collect.crm.patience import Patience
from flows.collect.crm.progress import ProgressFile, Standing
from flows.collect.crm.walk import Position, Walk, WrongAnswerError
from flows.collect.crm.world import Pulled, PullError, Put, Rejecting, World
from operators.plan.checked import CrmSource
from operators.rows.event import Row, RowReject, event_of
from operators.rows.unmet import Unmet

MOST_RECENT = 5_000
"""So many messageIds are kept of rows that will come again."""


class Pull:
    """A pass over a source. Where `progress` is None nothing is noted, and all that there is is read. Records go into the log `at_least` so
    many at a time."""

    def __init__(
        self,
        source: CrmSource,
        walk: Walk,
        http: Asking,
        progress: ProgressFile | None,
        put: Put,
        world: World,
        patience: Patience = Patience(),
        rejecting: Rejecting = lambda *_: None,
        at_least: int = 1,
    ) -> None:
        self._source, self._walk, self._http, self._progress, self._put = source, walk, http, progress, put
        self._world, self._patience, self._rejecting, self._at_least = world, patience, rejecting, at_least
        self._of = hashlib.sha256(f"{source.hubspot} {source.url}".encode()).hexdigest()[:16]
        self._next_ms = 0.0
        self._recent: set[str] = set()
        self._fresh: dict[str, int] = {}
        self._waiting: list[dict[str, Any]] = []
        self._reached: Standing | None = None
        self.done = Pulled()
        self.unmet = Unmet(source.map)

    def rests_ms(self) -> int:
        """How long it is until the next pass is due; 0 where one is, or where the last one broke off."""
        standing = Standing(self._of) if self._progress is None else self._progress.load(self._of)
        if standing.position is not None or standing.ended_ms is None:
            return 0
        # A clock that was set back makes nobody wait longer than between two passes.
        return max(min(standing.ended_ms + self._source.every_ms - self._world.clock(), self._source.every_ms), 0)

    async def run(self, seen: Callable[[Pulled], None] = lambda _: None, *, anew: bool = False) -> Pulled:
        """Goes over all pages, from where the last pass ended or broke off, with `anew` from the beginning. PullError where it cannot."""
        self.done, self._fresh, self._waiting, self._reached = Pulled(), {}, [], None
        standing = Standing(self._of) if self._progress is None or anew else self._progress.load(self._of)
        self._recent = set(standing.recent)
        try:
            await self._pages(standing, seen)
        except PullError:
            await self._flush()
            raise
        await self._flush()
        return self.done

    async def _pages(self, standing: Standing, seen: Callable[[Pulled], None]) -> None:
        resumed = standing.position is not None
        position: Position | None = standing.position or self._walk.begin(standing.since_ms)
        before = b""
        while position is not None and not self._world.halted():
            answer = await self._answer(self._walk.ask(position))
            try:
                if isinstance(answer, Failed):
                    raise PullError(answer.why, answer.words)
                position, before, standing = await self._page(position, answer, before, standing)
            except PullError as error:
                if not resumed or error.why != "wrong":
                    raise
                # What led on from page to page may hold for a while alone.
                position = self._walk.begin(standing.since_ms)
            resumed = False
            seen(self.done)

    async def _page(self, position: Position, answer: Answer, before: bytes, standing: Standing) -> tuple[Position | None, bytes, Standing]:
        try:
            rows = self._walk.rows(position, answer)
            following = self._walk.follow(position, answer, rows)
        except WrongAnswerError as error:
            raise PullError("wrong", str(error)) from None
        print_of = hashlib.sha256(orjson.dumps(answer.value)).digest()
        if following is not None and print_of == before:
            raise PullError("wrong", "the same page came again; is its paging another one?")
        began_ms = standing.began_ms
        if began_ms is None:
            began_ms = answer.at_ms if answer.at_ms is not None else self._world.clock()
        self._take(rows)
        high_ms = max([each for each in (standing.high_ms, *map(self._walk.changed_ms, rows)) if each is not None], default=None)
        standing = replace(standing, position=following, began_ms=began_ms, high_ms=high_ms)
        if following is None:
            standing = self._ended(standing)
        self._reached = standing
        if following is None or len(self._waiting) >= self._at_least:
            await self._flush()
        return following, print_of, standing

    async def _flush(self) -> None:
        """Puts what waits into the log, and then notes how far that was read."""
        if self._waiting:
            await self._put(self._waiting)
            self.done.events += len(self._waiting)
            self._waiting = []
        if self._progress is not None and self._reached is not None:
            self._progress.save(self._reached)
        self._reached = None

    def _take(self, rows: Sequence[Row]) -> None:
        """What is new of a page waits for the log."""
        self.done.pages += 1
        for row in rows:
            self.done.rows += 1
            self.unmet.meet(row)
            made = event_of(row, self._source.map, None)
            if made is None:
                self.done.skipped += 1
            elif isinstance(made, RowReject):
                self.done.rejected[made.reason] += 1
                self._rejecting(row, self.done.rows, made)
            else:
                message_id = made.record["messageId"]
                changed_ms = self._walk.changed_ms(row)
                if changed_ms is not None:
                    self._fresh[message_id] = changed_ms
                if message_id in self._recent:
                    self.done.known += 1
                else:
                    self._waiting.append(made.record)
        if len(self._fresh) > 2 * MOST_RECENT:
            self._fresh = dict(sorted(self._fresh.items(), key=lambda each: each[1])[-MOST_RECENT:])

    def _ended(self, standing: Standing) -> Standing:
        """The standing behind a pass: the next one asks from the latest change on that was seen, or from when this one began where that is
        earlier, as what changed meanwhile may have been missed; less the overlap."""
        reached = [each for each in (standing.high_ms, standing.began_ms) if each is not None]
        since_ms = standing.since_ms if standing.high_ms is None else max(min(reached) - self._walk.overlap_ms, 0)
        if since_ms is not None and standing.since_ms is not None:
            since_ms = max(since_ms, standing.since_ms)
        recent = [each for each, changed_ms in self._fresh.items() if since_ms is not None and changed_ms >= since_ms]
        return Standing(standing.of, since_ms, recent=recent[-MOST_RECENT:], ended_ms=self._world.clock())

    async def _answer(self, ask: Ask) -> Answer | Failed:
        """Asks until there is an answer, or no hope of one."""
        failures = 0
        while True:
            await self._pace()
            answer = await self._http.ask(ask)
            if isinstance(answer, Answer) or answer.why != "again":
                return answer
            failures += 1
            if failures >= self._patience.tries or self._world.halted():
                return answer
            await self._world.sleep(self._patience.wait_s(failures, answer.after_s, self._world.chance()))

    async def _pace(self) -> None:
        """Waits until the rate allows the next request."""
        now, between_ms = self._world.clock(), 1000 / self._source.rate
        # A wall clock can be set back.
        wait_ms = self._next_ms - now if self._next_ms - now <= between_ms else 0.0
        if wait_ms > 0:
            await self._world.sleep(wait_ms / 1000)
        self._next_ms = now + max(wait_ms, 0.0) + between_ms
