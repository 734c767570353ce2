"""Replays of the ecom clickstream: identical bytes, and differences that plain Python finds in the events too."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.imports import ecom
from operators.instants import format_instant, parse_instant
from tests.command import CACHE, SHOP, environment

JOB = (sys.executable, "-m", "tests.flows.replay.job")
MINUTE = 60_000
SOONER, LATER = "since('Product Added') >= '30m'", "since('Product Added') >= '45m'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clickstream as events, and the example plan with carts that are left behind after 45 minutes instead of 30."""
    folder = tmp_path_factory.mktemp("ecom")
    (folder / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in ecom.import_ecom(ecom.fetch(CACHE), SHOP)))
    shutil.copytree(SHOP, folder / "new")
    rules = (SHOP / "segments.yaml").read_text(encoding="utf-8")
    assert SOONER in rules
    (folder / "new" / "segments.yaml").write_text(rules.replace(SOONER, LATER), encoding="utf-8")
    return folder


def replay(folder: Path, output: str, *options: object, more: tuple[str, ...] = ()) -> int:
    """The exit code of a replay of the new plan against the example plan."""
    command = ["replay", "--plan", "new", "--against", str(SHOP), "--input", "events.jsonl", "--output", output, *more]
    done = subprocess.run([*JOB, *map(str, options), *command], cwd=folder, env=environment(), capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


@pytest.fixture(scope="module")
def replayed(folder: Path) -> dict[str, bytes]:
    """All files of a replay."""
    assert replay(folder, "out") == 0
    return files(folder / "out")


def files(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in output.iterdir()}


@pytest.fixture(scope="module")
def report(replayed: dict[str, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(replayed["report.json"])
    return found


def test_replays_give_identical_bytes_with_other_batches_and_after_a_kill_in_the_middle(folder: Path, replayed: dict[str, bytes]) -> None:
    scratch = ("--scratch", "scratch")
    assert replay(folder, "again", "--batch", 777, "--checkpoint", 0, "--die", "mid_batch:50", more=scratch) == -signal.SIGKILL
    assert len(list((folder / "scratch" / "lane-0").glob("checkpoint-*"))) == 1
    assert replay(folder, "again", "--batch", 1_234, more=scratch) == 0
    assert files(folder / "again") == replayed


def test_the_figures_of_both_plans(report: dict[str, Any]) -> None:
    assert {name: report["plan"]["numbers"][name] for name in ("events", "persons", "late")} == {
        "events": 31_706,
        "persons": 600,
        "late": 0,
    }
    old, new = ({each["id"]: (each["entered"], each["members"]) for each in report[side]["segments"]} for side in ("against", "plan"))
    assert (old.pop("cart_abandoners"), new.pop("cart_abandoners")) == ((881, 17), (860, 17))
    assert old == new
    assert sum(each["triggers"] for each in report["against"]["campaigns"]) == 3267


def left_carts(folder: Path, minutes: int) -> Iterator[tuple[str, int, int]]:
    """Person, time of the last product added, and when the segment began, of each cart that was left behind for so long."""
    seen: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    events = [json.loads(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]
    for event in events:
        if event.get("event") in ("Product Added", "Order Completed"):
            seen[event["userId"]].append((parse_instant(event["timestamp"]), event["event"]))
    end = max(parse_instant(event["timestamp"]) for event in events)
    for person, its in seen.items():
        for n, (t, event) in enumerate(its):
            begun = t + minutes * MINUTE
            if event == "Product Added" and begun <= end and (n + 1 == len(its) or its[n + 1][0] > begun):
                yield person, t, begun


def test_the_differences_are_those_of_the_events(folder: Path, report: dict[str, Any], replayed: dict[str, bytes]) -> None:
    old = {(person, added): begun for person, added, begun in left_carts(folder, 30)}
    new = {(person, added): begun for person, added, begun in left_carts(folder, 45)}
    assert new.keys() < old.keys()
    expected = [
        (person, "moved" if (person, added) in new else "only_old", format_instant(begun)) for (person, added), begun in old.items()
    ]
    differences = [json.loads(line) for line in replayed["differences.jsonl"].splitlines()]
    carts = [(each["person"], each["difference"], each["time"]) for each in differences if each.get("segment") == "cart_abandoners"]
    assert sorted(carts) == sorted(expected)
    assert {each.get("segment", "cart_abandoners") for each in differences} == {"cart_abandoners"}
    [sums] = [each for each in report["differences"]["segments"] if each["id"] == "cart_abandoners"]
    assert (sums["changed"], sums["moved"], sums["moved_ms"], sums["entries_only_old"], sums["entries_only_new"]) == (
        True,
        860,
        860 * 15 * MINUTE,
        21,
        0,
    )


def test_what_one_plan_has_less_what_only_it_has_is_what_the_other_has_so(report: dict[str, Any]) -> None:
    for what, total in (("segments", "entered"), ("segments", "members"), ("campaigns", "triggers")):
        name = {"entered": "entries", "members": "members", "triggers": "triggers"}[total]
        old, new = ({each["id"]: each[total] for each in report[side][what]} for side in ("against", "plan"))
        for each in report["differences"][what]:
            assert old[each["id"]] - each[f"{name}_only_old"] == new[each["id"]] - each[f"{name}_only_new"], each


def test_differences_come_by_person_and_time(replayed: dict[str, bytes]) -> None:
    keys = [(each["person"], each["time"]) for each in map(json.loads, replayed["differences.jsonl"].splitlines())]
    assert keys == sorted(keys)
    assert len(keys) > 1_000
