"""`Edge.collect`: what its caller is told of a log that does not take what it was given."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flows.collect.edge import Edge
from flows.collect.log import Done, FullError, Keyed, TooLargeError
from flows.collect.refusal import Refusal
from flows.plan_folder import open_plan
from schemas.errors import BeckonError, UnavailableError
from tests.asgi import ListLog
from tests.edge import edge_plan

EVENT = {"type": "track", "userId": "u1", "event": "Product Viewed", "messageId": "m1"}


class Failing(ListLog):
    """A log that tells an error, of some records or all."""

    def __init__(self, error: BeckonError) -> None:
        super().__init__()
        self._error = error

    def put(self, records: Sequence[Keyed], done: Done) -> None:
        """Takes nothing."""
        if isinstance(self._error, FullError):
            raise self._error
        done(self._error)


class Late(ListLog):
    """A log that tells of what it has once nobody waits any more."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Done] = []

    def put(self, records: Sequence[Keyed], done: Done) -> None:
        """Takes the records, and says nothing yet."""
        super().put(records, lambda _: None)
        self.told.append(done)


class Keys(ListLog):
    """A log that notes by what each record finds its lane."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str | None] = []

    def put(self, records: Sequence[Keyed], done: Done) -> None:
        """Takes the records."""
        self.keys += [key for key, _ in records]
        super().put(records, done)


def edge_of(tmp_path: Path, log: ListLog) -> Edge:
    return Edge(open_plan(edge_plan(tmp_path / "plan")), log, lambda: 1_700_000_000_000)


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        pytest.param(FullError("full"), 503, {"Retry-After": "1"}, id="full"),
        pytest.param(UnavailableError("away"), 503, {"Retry-After": "5"}, id="away"),
        # To send it again would not help.
        pytest.param(TooLargeError("large"), 413, dict[str, str](), id="too large"),
    ],
)
def test_nothing_is_taken_that_the_log_does_not_have(tmp_path: Path, error: BeckonError, status: int, headers: dict[str, str]) -> None:
    edge, seen = edge_of(tmp_path, Failing(error)), list[Any]()
    edge.observers.append(seen.extend)
    with pytest.raises(Refusal) as refused:
        asyncio.run(edge.collect([dict(EVENT)], "web"))
    assert (status, headers) == (refused.value.status, refused.value.headers)
    assert seen == []


def test_a_record_finds_its_lane_by_the_user_else_by_the_browser(tmp_path: Path) -> None:
    log = Keys()
    records = [{"userId": "u", "anonymousId": "a"}, {"userId": "", "anonymousId": "a"}, {"userId": 7, "anonymousId": "a"}, {"userId": 7}, 7]
    asyncio.run(edge_of(tmp_path, log).collect(records, "web"))
    assert log.keys == ["u", "a", "a", None, None]


def test_a_log_may_tell_when_nobody_waits_any_more(tmp_path: Path) -> None:
    log = Late()
    edge = edge_of(tmp_path, log)

    async def give_up() -> None:
        waiting = asyncio.create_task(edge.collect([dict(EVENT)], "web"))
        while not log.told:
            await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(give_up())
    failed: list[BaseException] = []

    def tell() -> None:
        try:
            log.told[0](None)
        except RuntimeError as error:
            failed.append(error)

    thread = threading.Thread(target=tell)
    thread.start()
    thread.join()
    assert failed == []
