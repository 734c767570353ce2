"""The demo through the real flow: what it prints, on a terminal and in a pipe, and what it says as JSON."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from flows.connectors.files_publisher import FilesPublisher
from flows.connectors.files_source import FilesSource
from flows.demo import DemoReport, next_commands, run_demo, sample, show, summary
from flows.plan_folder import open_plan
from flows.run import Job, run
from schemas.counts import Counts
from schemas.errors import UsageError

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "deploy" / "shop"
CACHE = ROOT / ".cache" / "data"


def job(plan: Path, events: Path, output: Path, state: Path) -> Counts:
    """A run as `beckon run` makes it."""
    return run(Job(plan=open_plan(plan), source=FilesSource(events), publisher=lambda _: FilesPublisher(output), state=state)).counts()


class Shown:
    """A demo that ran: its report, and what stood on standard output and error."""

    def __init__(self, work: Path, *, as_json: bool = False) -> None:
        self.out, self.err, self.work = io.StringIO(), io.StringIO(), work
        out, err = Console(file=self.out, width=80), Console(file=self.err, width=80)
        self.report = run_demo(SHOP, CACHE, job, out=out, err=err, as_json=as_json, work=work)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return Shown(tmp_path_factory.mktemp("demo"))


def printed(report: DemoReport, width: int, *, terminal: bool) -> str:
    out = io.StringIO()
    show(report, Console(file=out, width=width, force_terminal=terminal, color_system="standard" if terminal else None, _environ={}))
    return out.getvalue()


def test_a_pipe_gets_no_escape_codes_and_80_columns(demo: Shown) -> None:
    text = demo.out.getvalue()
    assert "\x1b" not in text + demo.err.getvalue()
    assert [line for line in text.splitlines() if len(line) > 80 and not line.startswith("  beckon ") and str(SHOP) not in line] == []


def test_a_terminal_gets_the_same_words_with_colours(demo: Shown) -> None:
    coloured = printed(demo.report, 120, terminal=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == printed(demo.report, 120, terminal=False)


def test_the_tables_have_the_figures(demo: Shown) -> None:
    rows = [line.split() for line in demo.out.getvalue().splitlines()]
    assert ["events", "applied", "31,706"] in rows
    assert ["persons", "600"] in rows
    assert ["rejects", "0"] in rows
    assert ["cart_abandoners", "881", "864", "17"] in rows
    assert ["cart_reminder", "734", "44", "87", "16"] in rows


def test_three_triggers_are_written_out_with_their_why(demo: Shown) -> None:
    text = demo.out.getvalue()
    assert text.count("    because of  ") == len(demo.report.summary.samples) == 3
    assert len({trigger.campaign for trigger in demo.report.summary.samples}) == 3
    for trigger in demo.report.summary.samples:
        assert trigger.to in text
        assert all(f"{name} = {value}" in text for name, value in trigger.why.items())


def test_what_is_made_up_is_said(demo: Shown) -> None:
    assert "addresses are made up" in " ".join(demo.out.getvalue().split())


def test_the_summary_agrees_with_what_the_lane_counted(demo: Shown, tmp_path: Path) -> None:
    counts = job(SHOP, demo.work / "events.jsonl", tmp_path / "output", tmp_path / "state")
    found = demo.report.summary
    assert {(segment, what): getattr(standing, what) for segment, standing in found.segments.items() for what in ("entered", "exited")} == {
        (segment, what): counts.transitions[segment, what] for segment in found.segments for what in ("entered", "exited")
    }
    assert Counter({campaign: sent.triggers for campaign, sent in found.campaigns.items()}) == counts.triggers
    assert Counter({(c, reason): n for c, sent in found.campaigns.items() for reason, n in sent.decisions.items()}) == counts.decisions


def test_json_is_one_object_that_holds_the_same(demo: Shown, tmp_path: Path) -> None:
    shown = Shown(tmp_path, as_json=True)
    report = msgspec.json.decode(shown.out.getvalue(), type=DemoReport)
    assert report == msgspec.structs.replace(demo.report, folder=str(tmp_path))


def test_rejects_are_counted_by_reason(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text('{"type": "track"}\n{"type": "track", "userId": "u1"}\nnonsense\nnonsense\n', encoding="utf-8")
    counts = job(SHOP, events, tmp_path / "output", tmp_path / "state")
    found = summary(tmp_path / "output")
    assert Counter(found.rejects) == counts.rejects
    assert found.rejects["not_json"] == 2
    assert (found.segments, found.campaigns, found.samples) == ({}, {}, [])
    report = DemoReport("shop", str(tmp_path), 0, 0, 0, 0, "", found)
    assert ["not_json", "2"] in [line.split() for line in printed(report, 80, terminal=False).splitlines()]


def test_the_commands_to_try_next_work(demo: Shown, tmp_path: Path) -> None:
    for _, command in next_commands(demo.report):
        program, *arguments = shlex.split(command)
        words = [sys.executable, "-c", "from flows.cli import main; main()"] if program == "beckon" else [program]
        done = subprocess.run(
            [*words, *arguments], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
    assert (tmp_path / "out" / "triggers.jsonl").read_bytes() == (demo.work / "output" / "triggers.jsonl").read_bytes()


def test_a_folder_that_holds_something_is_refused(demo: Shown) -> None:
    with pytest.raises(UsageError, match="new or empty"):
        Shown(demo.work)


def test_an_output_folder_without_files_is_an_empty_run(tmp_path: Path) -> None:
    assert summary(tmp_path) == summary(tmp_path / "absent")


def test_members_are_those_who_entered_and_did_not_exit(demo: Shown) -> None:
    """Counted from the last transition of each person in each segment."""
    lines = (demo.work / "output" / "transitions.jsonl").read_bytes().splitlines()
    last = {(record["data"]["segment"], record["subject"]): record["type"] for record in map(msgspec.json.decode, lines)}
    inside = Counter(segment for (segment, _), kind in last.items() if kind == "beckon.segment.entered")
    assert inside == Counter({segment: standing.members for segment, standing in demo.report.summary.segments.items()})


def test_a_trigger_on_an_event_shows_the_event(demo: Shown) -> None:
    lines = (demo.work / "output" / "triggers.jsonl").read_bytes().splitlines()
    record = next(record for record in map(msgspec.json.decode, lines) if record["data"]["campaign"] == "thank_you")
    found = sample(record)
    assert (found.occasion, found.template, found.person) == ("Order Completed", "thank_you", record["subject"])
    assert found.why["order_id"] == record["data"]["context"]["properties"]["order_id"]
    assert "products" not in found.why
