"""`pull_once`: one pass over a CRM, by hand, into a file or the input of a job."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import orjson

from flows.clock import wall_ms
from flows.collect.crm.progress import ProgressFile
from flows.collect.crm.pull import Pull
from flows.collect.crm.sources import key_for, walk_of
from flows.collect.crm.world import Pulled, PullError, Rejecting, World
from flows.collect.edge import key_of
from flows.connectors.json_http import JsonHttp
from flows.settings import Settings
from flows.stop import stop
from operators.plan.checked import CrmSource
from schemas.errors import UnavailableError

Keyed = tuple[str, bytes]
SLICE_S = 0.2
AT_A_TIME = 5_000
"""So many records at least are sent at a time: into a folder each time is a file."""


def pull_once(
    source: CrmSource,
    settings: Settings,
    data: Path | None,
    send: Callable[[Sequence[Keyed]], object],
    rejecting: Rejecting,
    seen: Callable[[Pulled], None],
    *,
    anew: bool,
) -> Pull:
    """Reads what has changed since the last pass, with `anew` all; where `data` is None all, and nothing is noted. UnavailableError where
    it cannot be read to its end: what came before is sent, and the next pass goes on there."""
    world = World(wall_ms, _sleep, random.random, stop.is_set)

    async def put(records: Sequence[dict[str, Any]]) -> None:
        send([(key_of(record) or "", orjson.dumps(record)) for record in records])

    async def run() -> Pull:
        key = key_for(source, settings.crm_secrets)
        async with JsonHttp(dict(source.headers), source.auth, source.auth_name, key) as http:
            with closing(ProgressFile(data, source.name)) if data is not None else nullcontext() as progress:
                pull = Pull(source, walk_of(source), http, progress, put, world, rejecting=rejecting, at_least=AT_A_TIME)
                await pull.run(seen, anew=anew)
                return pull

    try:
        return asyncio.run(run())
    except PullError as error:
        raise UnavailableError(
            f"the CRM {source.name} cannot be read: {error}; what came before is in, run the same again to go on"
        ) from None


async def _sleep(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
        await asyncio.sleep(min(left, SLICE_S))
