"""What goes on beside the requests is there as long as the application is, and a bug in it does not go unseen."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette

from flows.collect.parts import Alongside
from flows.stop import stop


async def until(event: asyncio.Event) -> None:
    """Two turns of the loop more than it takes: what is told of a task's end comes after it."""
    await event.wait()
    for _ in range(2):
        await asyncio.sleep(0)


async def lives(began: asyncio.Event, ended: asyncio.Event) -> None:
    began.set()
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()


def test_it_goes_on_until_the_application_ends() -> None:
    async def run() -> Alongside:
        began, ended = asyncio.Event(), asyncio.Event()
        beside = Alongside([lives(began, ended)])
        async with beside.lifespan(Starlette()):
            await until(began)
            assert not ended.is_set()
        assert ended.is_set()
        return beside

    assert asyncio.run(run()).failure is None
    assert not stop.is_set()


def test_a_bug_stops_the_edge_and_is_told() -> None:
    async def breaks(began: asyncio.Event) -> None:
        began.set()
        raise ZeroDivisionError

    async def run() -> Alongside:
        began = asyncio.Event()
        beside = Alongside([breaks(began)])
        async with beside.lifespan(Starlette()):
            await until(began)
            assert stop.is_set()
        return beside

    try:
        assert isinstance(asyncio.run(run()).failure, ZeroDivisionError)
    finally:
        stop.clear()
