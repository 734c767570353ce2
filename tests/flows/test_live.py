"""The lines of the demo's second act; a file that is followed; and what a plan must have for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows.live import new_lines, show
from flows.live_lines import event_line, output_line
from schemas.output import Stream
from tests.command import CACHE, SHOP, beckon

AT, NOW = "2026-01-05T00:00:00.000Z", 1_767_571_200_300
DATA = {"campaign": "thank_you", "template": "thank_you", "to": {"address": "a@example.com", "name": "Anna"}}
EVENTS: dict[str, tuple[Any, str]] = {
    "a page": ({"type": "page", "name": "Home", "anonymousId": "123456789"}, "Page Viewed           Home  (12345678)"),
    "a track": (
        {"type": "track", "event": "Order Completed", "userId": "u1", "properties": {"order_id": "o1", "total": 1234, "x": 5}},
        "Order Completed       o1, 1,234  (u1)",
    ),
    "an identify": (
        {"type": "identify", "anonymousId": "a@b.example", "traits": {"b": 1, "a": 2}},
        "Identified            a, b  (a@b.example)",
    ),
    "no properties": ({"type": "track", "event": "A", "anonymousId": "a", "properties": None}, "A                     (a)"),
    "nothing": ({}, "None                "),
    "no object": ([1], "None                "),
    "no such properties": ({"type": "page", "properties": [1], "name": [2]}, "Page Viewed           [2]"),
}
OUTPUTS: dict[str, tuple[Stream, dict[str, Any], str]] = {
    "a trigger": (
        "triggers",
        {"data": {**DATA, "context": {"event": "Order Completed", "properties": {}}, "why": {"event": "m1"}}},
        "  TRIGGER    thank_you  to Anna <a@example.com>, Order Completed  (0.3 s after it happened)",
    ),
    "a decision": ("decisions", {"data": {"campaign": "c", "reason": "no_address"}}, "  not sent   c  the person has no e-mail address"),
    "an entry": (
        "transitions",
        {"type": "beckon.segment.entered", "data": {"segment": "s", "why": {"did('A')": True}}},
        "  entered    s  did('A') = yes",
    ),
    "an exit": ("transitions", {"type": "beckon.segment.exited", "data": {"segment": "s", "why": {}}}, "  left       s"),
    "an erasure": ("transitions", {"type": "beckon.erased", "data": None}, "  erased   "),
    "a reject": ("rejects", {"data": {"reason": "no_id", "detail": "neither"}}, "  rejected   no_id  neither"),
}


@pytest.mark.parametrize(("record", "line"), EVENTS.values(), ids=EVENTS)
def test_an_event_is_a_line(record: Any, line: str) -> None:
    assert line == event_line(record).plain


@pytest.mark.parametrize(("stream", "record", "line"), OUTPUTS.values(), ids=OUTPUTS)
def test_what_comes_out_is_a_line(stream: Stream, record: dict[str, Any], line: str) -> None:
    assert line == output_line(stream, {"subject": "u1", "time": AT, **record}, NOW).plain


@pytest.mark.parametrize(("terminal", "transition", "trigger"), [(True, 1, 3), (False, 1, 1)], ids=["a terminal", "a pipe"])
def test_on_a_terminal_only_a_trigger_takes_more_than_a_line(terminal: bool, transition: int, trigger: int) -> None:
    long = {"type": "beckon.segment.entered", "data": {"segment": "s" * 100, "why": {}}}
    lines = {"transitions": (long, transition), "triggers": (OUTPUTS["a trigger"][1], trigger)}
    for stream, (record, number) in lines.items():
        out = io.StringIO()
        show(
            output_line(stream, {"subject": "u1", "time": AT, **record}, NOW),  # type: ignore[arg-type]
            Console(file=out, width=40, force_terminal=terminal, _environ={}),
        )
        assert out.getvalue().count("\n") == number


def test_only_whole_lines_of_a_file_are_new(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert new_lines(path, 0) == ([], 0)
    path.write_bytes(b"one\ntwo\nthr")
    assert new_lines(path, 0) == ([b"one", b"two"], 8)
    assert new_lines(path, 8) == ([], 8)
    path.write_bytes(b"one\ntwo\nthree\n")
    assert new_lines(path, 8) == ([b"three"], 14)


def test_a_plan_without_a_shop_is_told_so(tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    plan.mkdir()
    for name in ("plan.yaml", "segments.yaml", "catalog.jsonl"):
        (plan / name).write_bytes((SHOP / name).read_bytes())
    done = beckon("demo", "--live", "--plan", plan, "--cache", CACHE, "--work", tmp_path / "work", cwd=tmp_path)
    assert done.returncode == 2
    assert "needs a catalog.jsonl and a browser key" in done.stderr
    assert "Traceback" not in done.stderr


def test_in_a_pipe_it_ends_after_the_first_act(tmp_path: Path) -> None:
    done = beckon("demo", "--plan", SHOP, "--cache", CACHE, "--work", tmp_path / "work", cwd=tmp_path)
    assert done.returncode == 0
    assert "Act two" not in done.stdout
    assert not (tmp_path / "work" / "live").exists()
