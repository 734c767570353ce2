"""Systems that answer with JSON: each way of paging against a real server, and what is not believed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.collect.crm.progress import ProgressFile
from flows.collect.crm.pull import Pull
from flows.collect.crm.walk import JsonWalk, WrongAnswerError, beside, next_link, written
from flows.collect.crm.world import Pulled, PullError, World
from flows.connectors.json_http import JsonHttp
from operators.instants import format_instant, parse_instant
from operators.plan.checked import CrmSource, Updated
from operators.plan.read import read_plan
from tests.crm_server import CrmServer, Plays, Request

START_MS = 1_767_600_000_000
MINUTE_MS = 60_000
SIZE = 3


def source_of(url: str, more: dict[str, Any]) -> CrmSource:
    """A source at a URL."""
    entry = {"url": url, "rate": 1000, "map": {"userId": "id", "traits": {"city": "city"}}, "updated": {"column": "at"}, **more}
    files = {"plan.yaml": "name: p", "segments.yaml": "segments: {a: everyone}", "collect.yaml": json.dumps({"crm": {"erp": entry}})}
    return read_plan(files).collect.crm[0]


def read(source: CrmSource, folder: Path, now_ms: int = START_MS) -> tuple[Pulled, list[dict[str, Any]]]:
    """One pass over it."""
    log: list[dict[str, Any]] = []

    async def put(records: Any) -> None:
        log.extend(records)

    async def sleep(_: float) -> None:
        """Waits for nothing."""

    async def run() -> Pulled:
        with closing(ProgressFile(folder, source.name)) as progress:
            async with JsonHttp(dict(source.headers), None, "", None) as http:
                world = World(lambda: now_ms, sleep, lambda: 0.0, lambda: False)
                return await Pull(source, JsonWalk(source), http, progress, put, world).run()

    return asyncio.run(run()), log


ROWS: list[dict[str, Any]] = [{"id": str(n), "city": f"City {n}", "at": format_instant(START_MS + n * 1000)} for n in range(8)]


def by_cursor(request: Request) -> Plays:
    start = int(request.one("after") or 0)
    return Plays({"data": {"items": ROWS[start : start + SIZE]}, "next": str(start + SIZE) if start + SIZE < len(ROWS) else None})


def by_body(request: Request) -> Plays:
    assert request.body["kind"] == "customers"
    start = request.body.get("after", 0)
    return Plays({"data": {"items": ROWS[start : start + SIZE]}, "next": start + SIZE if start + SIZE < len(ROWS) else ""})


def by_next(request: Request) -> Plays:
    start = int(request.one("from") or 0)
    following = {"next": f"/rows?from={start + SIZE}&x=a%2Cb"} if start + SIZE < len(ROWS) else {}
    assert start == 0 or request.one("x") == "a,b"
    return Plays({"data": {"items": ROWS[start : start + SIZE]}, "links": following})


def by_page(request: Request) -> Plays:
    start = (int(request.one("page") or 1) - 1) * SIZE
    return Plays(ROWS[start : start + SIZE])


def by_offset(request: Request) -> Plays:
    start = int(request.one("skip") or 0)
    return Plays(ROWS[start : start + SIZE])


def by_link(request: Request) -> Plays:
    start = int(request.one("from") or 0)
    link = f'</first>; rel="first", <?from={start + SIZE}>; rel="next"' if start + SIZE < len(ROWS) else '<?from=0>; rel="prev"'
    return Plays(ROWS[start : start + SIZE], headers={"Link": link})


CURSOR = {"kind": "cursor", "at": "next", "parameter": "after"}
WAYS: dict[str, tuple[Callable[[Request], Plays], dict[str, Any], int]] = {
    "cursor": (by_cursor, {"rows": "data.items", "paging": CURSOR}, 3),
    "body": (by_body, {"rows": "data.items", "method": "POST", "body": {"kind": "customers"}, "paging": {**CURSOR, "inside": "body"}}, 3),
    "next": (by_next, {"rows": "data.items", "paging": {"kind": "next", "at": "links.next"}}, 3),
    "page": (by_page, {"paging": {"kind": "page", "parameter": "page"}}, 4),
    "offset": (by_offset, {"paging": {"kind": "offset", "parameter": "skip"}}, 4),
    "link": (by_link, {"paging": {"kind": "link"}}, 3),
    "none": (lambda _: Plays(ROWS), {}, 1),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_rows_are_read_by_each_way_of_paging(tmp_path: Path, way: str) -> None:
    plays, more, pages = WAYS[way]
    with CrmServer(plays) as server:
        done, log = read(source_of(f"{server.url}/rows", more), tmp_path)
        assert (pages, 8) == (done.pages, done.events)
        assert [str(n) for n in range(8)] == [each["userId"] for each in log]
        assert [row["at"] for row in ROWS] == [each["timestamp"] for each in log]


@pytest.mark.parametrize(
    ("updated", "said"),
    [
        ({}, "2026-01-05T07:55:05.000Z"),
        ({"overlap": "0s"}, "2026-01-05T08:00:05.000Z"),
        ({"format": "ms", "overlap": "1s"}, str(START_MS + 4000)),
        ({"format": "s", "overlap": "1s"}, str(START_MS // 1000 + 4)),
        ({"format": "%d.%m.%Y %H:%M:%S", "zone": "Europe/Berlin", "overlap": "5s"}, "05.01.2026 09:00:00"),
    ],
    ids=["rfc 3339", "no overlap", "ms", "s", "strptime"],
)
def test_only_what_has_changed_is_asked_for(tmp_path: Path, updated: dict[str, Any], said: str) -> None:
    # The server's own clock is at 5 s: what changes behind that may have been missed.
    source = source_of("http://127.0.0.1:1/", {"updated": {"column": "at", "parameter": "since", **updated}})
    column = source.updated.column if source.updated is not None else None
    rows = [{**row, "at": _as(START_MS + n * 1000, column)} for n, row in enumerate(ROWS)]
    with CrmServer(lambda _: Plays(rows)) as server:
        server.now_ms = START_MS + 5000
        source = source_of(f"{server.url}/rows", {"updated": {"column": "at", "parameter": "since", **updated}})
        read(source, tmp_path)
        read(source, tmp_path)
        assert [None, said] == [request.one("since") for request in server.requests]


def _as(ms: int, column: Any) -> Any:
    """An instant as a column has it."""
    return written(ms, Updated(column, None, in_body=False, overlap_ms=0))


def test_rows_of_a_system_that_knows_no_since_are_left_out_here(tmp_path: Path) -> None:
    rows = list(ROWS)
    with CrmServer(lambda _: Plays(rows)) as server:
        server.now_ms = START_MS + 60 * MINUTE_MS
        source = source_of(f"{server.url}/rows", {"updated": {"column": "at", "overlap": "1s"}})
        assert read(source, tmp_path)[0].events == 8
        # Those of the overlap are known.
        assert ((done := read(source, tmp_path)[0]).rows, done.events, done.known) == (2, 0, 2)
        rows.append({"id": "9", "city": "Bern", "at": format_instant(START_MS + 50 * MINUTE_MS)})
        assert [each["userId"] for each in read(source, tmp_path)[1]] == ["9"]


def test_a_row_that_makes_no_event_stops_no_other(tmp_path: Path) -> None:
    rows = [{"id": "1", "at": "soon"}, {"city": "Bern", "at": ROWS[0]["at"]}, ROWS[2]]
    with CrmServer(lambda _: Plays(rows)) as server:
        done, log = read(source_of(f"{server.url}/rows", {}), tmp_path)
    assert (dict(done.rejected), [each["userId"] for each in log]) == ({"bad_time": 1, "no_id": 1}, ["2"])


@pytest.mark.parametrize(
    ("body", "more", "words"),
    [
        ({"data": 1}, {"rows": "data.items"}, "the answer must have a list of objects at data.items"),
        ({}, {}, "the answer must have a list of objects as a whole"),
        ([1], {}, "the answer must have a list of objects as a whole"),
        ({"rows": [], "next": {"a": 1}}, {"rows": "rows", "paging": CURSOR}, "the answer must have a text or number at next"),
        ({"rows": [], "next": True}, {"rows": "rows", "paging": CURSOR}, "the answer must have a text or number at next"),
        ({"rows": [], "next": "a"}, {"rows": "rows", "paging": CURSOR}, "the answer names the same page again as the next"),
        (
            {"rows": [], "next": "http://127.0.0.1:9/x"},
            {"rows": "rows", "paging": {"kind": "next", "at": "next"}},
            "must be at the same host",
        ),
        (ROWS, {"paging": {"kind": "page", "parameter": "page"}}, "the same page came again"),
    ],
)
def test_answers_that_are_not_believed(tmp_path: Path, body: Any, more: dict[str, Any], words: str) -> None:
    with CrmServer(lambda _: Plays(body)) as server:
        with pytest.raises(PullError, match=words) as error:
            read(source_of(f"{server.url}/rows", more), tmp_path)
        assert (len(server.requests) <= 2, error.value.why) == (True, "wrong")


@pytest.mark.parametrize(
    "link",
    [
        "http://a.example.com/x",
        "https://b.example.com/x",
        "https://a.example.com:444/x",
        "//b.example.com/x",
        "https://u@a.example.com/x",
        "https://[",
    ],
)
def test_the_key_goes_to_no_other_host(link: str) -> None:
    with pytest.raises(WrongAnswerError):
        beside("https://a.example.com/rows", "https://a.example.com/rows", link)


def test_links() -> None:
    assert None is next_link(None)
    assert None is next_link('<x>; rel="prev"; title="next"')
    assert next_link('<y>; title="a; rel=next", <x>; rel="last Next"') == "x" or next_link('<y>; title="a; rel=next"') == "y"


def test_another_address_is_read_from_the_beginning(tmp_path: Path) -> None:
    with CrmServer(lambda _: Plays(ROWS)) as server:
        for path, events in (("/rows", 8), ("/rows", 0), ("/other", 8)):
            more = {"updated": {"column": "at", "parameter": "since", "overlap": "1h"}}
            assert events == read(source_of(f"{server.url}{path}", more), tmp_path)[0].events


def test_what_stands_in_the_file_is_whole(tmp_path: Path) -> None:
    with CrmServer(lambda _: Plays(ROWS)) as server:
        read(source_of(f"{server.url}/rows", {}), tmp_path)
        standing = json.loads((tmp_path / "crm-erp.json").read_text())
        assert parse_instant(ROWS[-1]["at"]) - 5 * MINUTE_MS == standing["since_ms"]
        assert "position" not in standing
