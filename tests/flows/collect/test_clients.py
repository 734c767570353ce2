"""Segment's own libraries for Python and for Node point at the edge, and what they send comes through the job as it was meant."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from segment.analytics import Client  # type: ignore[import-untyped]  # has no types

from tests.command import ROOT, beckon
from tests.edge import BACKEND, RunningEdge, profiles, running_edge

MODULES = ROOT / ".cache" / "npm" / "node_modules"
Call = tuple[str, dict[str, Any]]
CALLS: list[Call] = [
    ("page", {"anonymous_id": "visitor", "name": "Home", "properties": {"url": "https://shop.example.com/"}}),
    ("track", {"anonymous_id": "visitor", "event": "Product Viewed", "properties": {"product_id": "p1", "price": 9.5}}),
    ("screen", {"user_id": "ann", "name": "Cart"}),
    ("identify", {"user_id": "ann", "traits": {"email": "ann@example.com", "name": "Ann Müller 🎉", "age": 41}}),
    ("track", {"user_id": "ann", "event": "Order Completed", "properties": {"order_id": "o1", "total": 19.0}}),
    ("group", {"user_id": "ann", "group_id": "initech", "traits": {"plan": "gold"}}),
    ("alias", {"user_id": "ann", "previous_id": "visitor"}),
]
KINDS = [kind for kind, _ in CALLS]


def with_python(edge: RunningEdge, calls: list[Call], **options: Any) -> None:
    """Sends the calls with Segment's library for Python."""
    errors: list[object] = []
    client = Client(BACKEND, host=edge.url, max_retries=3, on_error=lambda error, items: errors.append(error), **options)
    for kind, call in calls:
        getattr(client, kind)(**call)
    client.flush()
    if not client.sync_mode:
        client.join()
    assert errors == []


def with_node(edge: RunningEdge, calls: list[Call], shift_ms: int = 0) -> None:
    """Sends the calls with Segment's library for Node, on a machine whose clock is so many ms fast."""
    assert (MODULES / "@segment" / "analytics-node").exists(), "the packages of npm are not there: run 'make npm'"
    sent = [[kind, {camel(name): value for name, value in call.items()}] for kind, call in calls]
    script = Path(__file__).with_name("send.cjs")
    done = subprocess.run(
        ["node", script, edge.url, BACKEND, str(shift_ms)],
        env={**os.environ, "NODE_PATH": str(MODULES)},
        input=json.dumps(sent),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def camel(name: str) -> str:
    """`userId` of `user_id`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def applied(edge: RunningEdge, folder: Path) -> Path:
    """The output of the job over the log."""
    done = beckon("run", "--plan", edge.plan, "--input", edge.log, "--output", folder / "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "rejects.jsonl").read_text(encoding="utf-8") == ""
    return folder / "out"


SENDERS: list[Any] = [
    pytest.param(with_python, id="python"),
    pytest.param(lambda edge, calls: with_python(edge, calls, gzip=True), id="python-gzip"),
    pytest.param(lambda edge, calls: with_python(edge, calls, sync_mode=True), id="python-one-by-one"),
    pytest.param(lambda edge, calls: with_python(edge, calls, upload_size=2), id="python-small-batches"),
    pytest.param(with_node, id="node"),
]


@pytest.mark.parametrize("send", SENDERS)
def test_what_a_library_sends_is_in_the_log_and_in_the_profile(tmp_path: Path, send: Callable[[RunningEdge, list[Call]], None]) -> None:
    with running_edge(tmp_path) as edge:
        send(edge, CALLS)
        log = edge.logged()
    assert sorted(KINDS) == sorted(record["type"] for record in log)
    assert len(CALLS) == len({record["messageId"] for record in log})
    assert not [record for record in log if "writeKey" in record]
    assert all(record["context"]["library"]["name"] in ("analytics-python", "@segment/analytics-node") for record in log)

    told = profiles(applied(edge, tmp_path))
    assert {"ann"} == set(told), "the alias makes the visitor ann"
    ann = told["ann"]
    assert ann["identifiers"] == {"user_id": ["ann"], "anonymous_id": ["visitor"], "email": ["ann@example.com"]}
    assert tuple(ann["traits"][name] for name in ("email", "name", "age")) == ("ann@example.com", "Ann Müller 🎉", 41)
    assert {"viewers", "buyers"} == set(ann["segments"])
    since = datetime.fromisoformat(ann["segments"]["buyers"])
    assert abs(datetime.now(UTC) - since) < timedelta(minutes=2)


@pytest.mark.parametrize("behind", [timedelta(days=1), timedelta(days=-1)], ids=["slow", "fast"])
def test_a_wrong_clock_of_the_sender_makes_no_wrong_times(tmp_path: Path, behind: timedelta) -> None:
    began = datetime.now(UTC)
    with running_edge(tmp_path) as edge:
        with_node(edge, CALLS, -int(behind.total_seconds() * 1000))
        sent = [datetime.fromisoformat(record["sentAt"]) for record in edge.logged()]
    assert all(abs(began - behind - each) < timedelta(minutes=2) for each in sent), "the clock was not wrong"
    since = datetime.fromisoformat(profiles(applied(edge, tmp_path))["ann"]["segments"]["buyers"])
    assert began - timedelta(seconds=2) < since <= datetime.now(UTC)
    times = json.loads((tmp_path / "out" / "transitions.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert times["data"]["segment"] == "viewers"


def test_what_happened_long_ago_is_sent_with_its_own_time(tmp_path: Path) -> None:
    ago = datetime.now(UTC) - timedelta(days=30)
    with running_edge(tmp_path) as edge:
        with_python(edge, [("track", {"user_id": "ann", "event": "Order Completed", "timestamp": ago})])
    since = datetime.fromisoformat(profiles(applied(edge, tmp_path))["ann"]["segments"]["buyers"])
    assert abs(since - ago) < timedelta(minutes=2)


def test_more_than_a_batch_holds_comes_in_several(tmp_path: Path) -> None:
    many: list[Call] = [("track", {"user_id": f"u{number % 7}", "event": "Product Viewed"}) for number in range(1200)]
    with running_edge(tmp_path) as edge:
        with_python(edge, many, gzip=True)
        with_node(edge, many)
        log = edge.logged()
    assert 2400 == len(log) == len({record["messageId"] for record in log})


def test_a_library_that_is_told_to_wait_sends_the_rest_later(tmp_path: Path) -> None:
    many: list[Call] = [("track", {"user_id": "ann", "event": "Product Viewed"}) for _ in range(60)]
    with running_edge(tmp_path, {"rate": 20, "burst": 20}) as edge:
        with_python(edge, many, upload_size=10)
        assert len(edge.logged()) == 60
