"""CRMs beside the requests of the edge: what fails is told once, stops no other, and nothing is lost that the log did not take."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from flows.collect.crm.progress import ProgressFile
from flows.collect.crm.pullers import MOST_PAUSE_S, Puller, check_keys, pullers
from flows.collect.crm.world import World
from flows.collect.edge import Edge
from flows.connectors.json_http import JsonHttp
from flows.settings import Settings
from operators.plan.read import read_plan
from schemas.errors import UsageError
from tests.asgi import ListLog
from tests.crm_server import CrmServer, Plays, Request

START_MS = 1_767_600_000_000
ROW = {"id": "7", "city": "Bern", "at": "2026-01-05T08:00:00Z"}


class Here:
    """An edge with one CRM at a server."""

    def __init__(self, url: str, folder: Path, auth: str | None = None) -> None:
        entry = {"url": url, "every": "15m", "rate": 1000, "map": {"userId": "id", "traits": {"city": "city"}}, "updated": {"column": "at"}}
        entry |= {"auth": auth} if auth else {}
        files = {"plan.yaml": "name: p", "segments.yaml": "segments: {a: everyone}", "collect.yaml": json.dumps({"crm": {"erp": entry}})}
        self.log, self.folder, self.pauses = ListLog(), folder, list[float]()
        self.edge = Edge(read_plan(files), self.log, lambda: self.now_ms)
        self.now_ms = START_MS
        self.awake: Callable[[float], None] = lambda _: None

    async def sleep(self, seconds: float) -> None:
        """Waits for nothing."""
        self.pauses.append(seconds)
        self.awake(seconds)

    def passes(self, number: int) -> list[float]:
        """So many passes; how long is waited behind each."""

        async def run() -> list[float]:
            source = self.edge.plan.collect.crm[0]
            world = World(self.edge.clock, self.sleep, lambda: 0.0, lambda: False)
            puller = Puller(self.edge, source, self.folder, world)
            async with JsonHttp({}, None, "", None) as http:
                pauses = []
                for _ in range(number):
                    pauses.append(await puller.once(http))
                    self.now_ms += round(pauses[-1] * 1000)
                return pauses

        return asyncio.run(run())

    def counted(self, outcome: str) -> float:
        """A metric of its rows."""
        return self.edge.metrics.registry.get_sample_value("beckon_collect_crm_total", {"crm": "erp", "outcome": outcome}) or 0.0

    @property
    def failing(self) -> float | None:
        """The metric that says whether it fails."""
        return self.edge.metrics.registry.get_sample_value("beckon_collect_crm_failing", {"crm": "erp"})


def test_rows_come_into_the_log_with_the_time_of_receipt(tmp_path: Path) -> None:
    with CrmServer(lambda _: Plays([ROW])) as server:
        here = Here(server.url, tmp_path)
        assert here.passes(2) == [900.0, 900.0]
    (record,) = here.log.records
    assert (
        record["type"],
        record["userId"],
        record["receivedAt"],
        record["context"],
    ) == ("identify", "7", "2026-01-05T08:00:00.000Z", {"library": {"name": "erp"}})
    assert (here.counted("events"), here.counted("known"), here.failing) == (1, 1, 0)


def test_an_edge_that_is_started_again_asks_when_it_is_due(tmp_path: Path) -> None:
    with CrmServer(lambda _: Plays([ROW])) as server:
        Here(server.url, tmp_path).passes(1)
        here = Here(server.url, tmp_path)
        here.now_ms += 60_000
        assert (here.passes(2), len(server.requests)) == ([840.0, 900.0], 2)
        # A clock that was set back delays it no longer.
        here = Here(server.url, tmp_path)
        here.now_ms -= 86_400_000
        assert here.passes(1) == [900.0]


def test_a_failure_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    answers = [Plays({}, 401)] * 2 + [Plays({}, 400)] + [Plays([ROW])] * 2 + [Plays({}, 401)]
    with CrmServer(lambda _: answers.pop(0)) as server, capture_logs() as lines:
        here = Here(server.url, tmp_path)
        assert here.passes(6) == [900.0] * 6
    assert [(line["log_level"], line["event"], line.get("why")) for line in lines] == [
        ("warning", "the CRM cannot be read; it is tried again", "the key is not taken (HTTP 401)"),
        ("info", "the CRM is read again", None),
        ("warning", "the CRM cannot be read; it is tried again", "the key is not taken (HTTP 401)"),
    ]
    assert here.failing == 1


def test_a_failure_that_may_pass_is_tried_again_sooner(tmp_path: Path) -> None:
    with CrmServer(lambda _: Plays({}, 500)) as server:
        assert Here(server.url, tmp_path).passes(1) == [MOST_PAUSE_S]


def test_what_the_log_does_not_take_is_put_again_until_it_does(tmp_path: Path) -> None:
    with CrmServer(lambda _: Plays([ROW])) as server:
        here = Here(server.url, tmp_path)
        here.log.full = True

        def awake(_: float) -> None:
            here.log.full, here.log.away = False, here.log.full

        here.awake = awake
        here.passes(1)
    assert ([each["userId"] for each in here.log.records], here.pauses) == (["7"], [1.0, 5.0])


def test_nothing_is_noted_before_the_log_has_it(tmp_path: Path) -> None:
    with CrmServer(lambda _: Plays([ROW])) as server:
        here = Here(server.url, tmp_path)
        here.log.away = True

        class StoppedError(Exception):
            pass

        def awake(_: float) -> None:
            raise StoppedError

        here.awake = awake
        with pytest.raises(StoppedError):
            here.passes(1)
        assert not (tmp_path / "crm-erp.json").exists()


def test_rows_that_make_no_event_are_told_without_what_they_say(tmp_path: Path) -> None:
    with CrmServer(lambda _: Plays([ROW | {"at": "yesterday"}, ROW])) as server, capture_logs() as lines:
        here = Here(server.url, tmp_path)
        here.passes(1)
    assert (here.counted("events"), here.counted("rejected")) == (1, 1)
    assert [line["bad_time"] for line in lines] == [1]
    assert "yesterday" not in str(lines)


def test_while_another_run_reads_it_the_edge_waits(tmp_path: Path) -> None:
    with CrmServer(lambda _: Plays([ROW])) as server, capture_logs() as lines:
        here = Here(server.url, tmp_path)
        with closing(ProgressFile(tmp_path, "erp")):
            assert here.passes(1) == [MOST_PAUSE_S]
        assert here.passes(1) == [900.0]
        assert len(server.requests) == 1
    assert "is being read by another run" in lines[0]["why"]


def test_a_crm_needs_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BECKON_CRM_KEYS", raising=False)
    here = Here("https://erp.example.com/", tmp_path, auth="bearer")
    with pytest.raises(UsageError, match=r"the CRM erp needs a key: give BECKON_CRM_KEYS='erp=\.\.\.'"):
        check_keys(here.edge, Settings())
    with pytest.raises(UsageError, match="must be printable ASCII"):
        check_keys(here.edge, Settings(crm_keys=SecretStr("erp=a\nb")))
    check_keys(here.edge, Settings(crm_keys=SecretStr("other=x,erp=short")))


def test_a_source_that_fails_stops_no_other(tmp_path: Path) -> None:
    met: list[str] = []

    def plays(request: Request) -> Plays:
        met.append(request.path)
        return Plays({}, 400) if request.path == "/bad" else Plays([ROW])

    with CrmServer(plays) as server:
        entry: dict[str, Any] = {"rate": 1000, "map": {"userId": "id"}, "updated": {"column": "at"}}
        crm = {"bad": {"url": f"{server.url}/bad", **entry}, "good": {"url": f"{server.url}/good", **entry}}
        files = {"plan.yaml": "name: p", "segments.yaml": "segments: {a: everyone}", "collect.yaml": json.dumps({"crm": crm})}
        log = ListLog()

        async def run() -> None:
            edge = Edge(read_plan(files), log, lambda: START_MS)
            tasks = [asyncio.create_task(each) for each in pullers(edge, Settings(), tmp_path)]
            while len(met) < 2 or not log.lines:
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            assert [isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [
                True,
                True,
            ]

        asyncio.run(asyncio.wait_for(run(), 30))
    assert [each["context"]["library"]["name"] for each in log.records] == ["good"]
    # Who was cancelled holds nothing.
    ProgressFile(tmp_path, "good").close()
