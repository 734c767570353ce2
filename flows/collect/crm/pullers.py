"""`pullers`: each CRM of the plan, read from time to time while the edge serves.

*Guarantees*: a source that fails stops no other, and is told once when it begins to fail and once when it is read again. What the log does
not take is put again until it does; how far a source was read is noted behind that.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr

from flows.collect.crm.ask import Asking
from flows.collect.crm.progress import ProgressFile
from flows.collect.crm.pull import Pull
from flows.collect.crm.sources import key_for, walk_of
from flows.collect.crm.world import Pulled, PullError, Put, World
from flows.collect.edge import Edge
from flows.collect.refusal import Refusal
from flows.connectors.json_http import JsonHttp
from flows.settings import Settings
from operators.plan.checked import CrmSource
from schemas.errors import UnavailableError

log = structlog.get_logger(__name__)

AT_A_TIME = 500
"""So many records go into the log at a time, as of a call of the API."""
MOST_PAUSE_S = 300.0
"""So long it is at most until what may go well later is tried again."""


def check_keys(edge: Edge, settings: Settings) -> None:
    """UsageError where a source of the plan lacks its key."""
    for source in edge.plan.collect.crm:
        key_for(source, settings.crm_secrets)


def pullers(edge: Edge, settings: Settings, data: Path) -> list[Coroutine[Any, Any, None]]:
    """What reads each source of the plan, until it is cancelled."""
    keys = settings.crm_secrets
    world = World(edge.clock, asyncio.sleep, random.random, lambda: False)
    return [Puller(edge, source, data, world).run(key_for(source, keys)) for source in edge.plan.collect.crm]


class Puller:
    """Reads one source again and again."""

    def __init__(self, edge: Edge, source: CrmSource, data: Path, world: World) -> None:
        self._edge, self._source, self._data, self._world = edge, source, data, world
        self._log = log.bind(crm=source.name)
        self._failing: str | None = None
        self._told: set[str] = set()

    async def run(self, key: SecretStr | None) -> None:
        """Until it is cancelled."""
        source = self._source
        async with JsonHttp(dict(source.headers), source.auth, source.auth_name, key) as http:
            while True:
                await self._world.sleep(await self.once(http))

    async def once(self, http: Asking) -> float:
        """One pass, where one is due; gives how long to wait behind it, in seconds."""
        every_s, why, pause_s = self._source.every_ms / 1000, None, None
        try:
            with closing(ProgressFile(self._data, self._source.name)) as progress:
                pull = Pull(
                    self._source, walk_of(self._source), http, progress, into(self._edge, self._source.name, self._world), self._world
                )
                if rests_ms := pull.rests_ms():
                    # This edge was started again, or another one has read it.
                    return rests_ms / 1000
                try:
                    await pull.run()
                finally:
                    self._count(pull.done)
                self._tell_unmet(pull)
        except PullError as error:
            why, pause_s = str(error), MOST_PAUSE_S if error.why == "again" else every_s
        except UnavailableError as error:
            why, pause_s = str(error), MOST_PAUSE_S
        self._tell(why)
        return min(every_s, pause_s or every_s)

    def _tell(self, why: str | None) -> None:
        self._edge.metrics.gauge("beckon_collect_crm_failing", self._source.name).set(why is not None)
        if why is not None and self._failing is None:
            self._log.warning("the CRM cannot be read; it is tried again", why=why)
        elif why is None and self._failing is not None:
            self._log.info("the CRM is read again")
        self._failing = why

    def _tell_unmet(self, pull: Pull) -> None:
        """Each column that no row has, once: a pass over few rows can lack one that others have."""
        for name, sentence in zip(pull.unmet.names(), pull.unmet.told(), strict=True):
            if name not in self._told:
                self._told.add(name)
                self._log.warning("a column of the map of the CRM is in no row", why=sentence)

    def _count(self, done: Pulled) -> None:
        name, metrics = self._source.name, self._edge.metrics
        for outcome, number in (
            ("events", done.events),
            ("known", done.known),
            ("skipped", done.skipped),
            ("rejected", done.rejected.total()),
        ):
            if number:
                metrics.count("beckon_collect_crm", number, name, outcome)
        if done.rejected:
            self._log.warning("rows of the CRM make no events; mend the map, then read all again with `beckon import crm`", **done.rejected)


def into(edge: Edge, name: str, world: World) -> Put:
    """Puts records into the log of an edge, however long it takes."""

    async def put(records: Sequence[dict[str, Any]]) -> None:
        for start in range(0, len(records), AT_A_TIME):
            while True:
                try:
                    await edge.collect(records[start : start + AT_A_TIME], name)
                    break
                except Refusal as refusal:
                    if refusal.status != 503:
                        log.warning("rows of the CRM are left out", crm=name, reason=refusal.sentence)
                        break
                    await world.sleep(float(refusal.headers.get("Retry-After", 1)))

    return put
