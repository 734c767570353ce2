"""The parts of the edge: which routes it has beside Segment's API, and what it does on its own while it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from flows.collect import pixel, script
from flows.collect.door import Door
from flows.collect.edge import Edge
from flows.settings import Settings
from flows.stop import stop
from schemas.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class House:
    """What the parts are built with. `data` is the folder of what the edge itself keeps, which is there; `public_url` where people reach
    it, without a slash at its end."""

    edge: Edge
    door: Door
    settings: Settings
    data: Path
    public_url: str


def made(folder: Path) -> Path:
    """The folder, made where it is missing, for nobody else to read; UnavailableError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UnavailableError(f"cannot use the folder {folder}: {error.strerror}; mend it, or give another one as --data") from error
    return folder


def routes(house: House) -> list[BaseRoute]:
    """The routes of all parts. UsageError where the settings lack what the plan asks for."""
    _check_crm(house)
    return [*pixel.routes(house.edge, house.door, house.public_url), *script.routes(), *_webhooks(house), *_forms(house)]


def _webhooks(house: House) -> list[BaseRoute]:
    if not house.edge.plan.collect.webhooks:
        return []
    from flows.collect.webhooks.routes import open_webhooks, routes
    from flows.connectors.sns_http import SnsHttp

    return routes(open_webhooks(house.edge, house.settings, SnsHttp), house.door)


def _forms(house: House) -> list[BaseRoute]:
    if not house.edge.plan.forms:
        return []
    from flows.collect.forms.routes import open_forms, routes

    key = house.settings.forms_key
    return routes(open_forms(house.edge, house.data, house.public_url, key.get_secret_value() if key else None), house.door)


def tasks(house: House) -> list[Coroutine[Any, Any, None]]:
    """What goes on beside the requests, until it is cancelled."""
    return _crm(house)


def _check_crm(house: House) -> None:
    if house.edge.plan.collect.crm:
        from flows.collect.crm.pullers import check_keys

        check_keys(house.edge, house.settings)


def _crm(house: House) -> list[Coroutine[Any, Any, None]]:
    if not house.edge.plan.collect.crm:
        return []
    from flows.collect.crm.pullers import pullers

    return pullers(house.edge, house.settings, house.data)


class Alongside:
    """Runs the tasks as long as the application is up. One that ends with an error is a bug: it stops the edge, and is its `failure`."""

    def __init__(self, coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
        self.failure: BaseException | None = None
        self._coroutines = coroutines

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """While the application is up."""
        running = [asyncio.create_task(each) for each in self._coroutines]
        for task in running:
            task.add_done_callback(self._ended)
        yield
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = self.failure or error
            stop.set()
