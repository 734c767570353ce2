"""`beckon import csv` and `jsonl` as processes: what they write, what they say, and what the job makes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.connectors.kafka_settings import KafkaSettings
from tests.command import beckon, ended, environment, lines, plan_folder, start, until, words, write_lines
from tests.flows.connectors.kafka_logs import read_committed
from tests.kafka_broker import Broker

MAP = """\
source: crm
userId: No
email: Mail
traits:
  city: City
  score: {column: Score, type: number}
time: Changed
"""
ORDERS = """\
source: shop
email: Mail
event: Order Completed
properties: {total: {column: Sum, type: number}}
time: At
"""
TABLE = """\
No,Mail,City,Score,Changed
7,anna@example.com,Köln,1,2026-01-05T10:00:00Z
8,,Bern,much,2026-01-05T10:00:00Z
,ben@example.com,Graz,3,2026-01-05T11:00:00Z
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table with its map, orders with theirs, and a plan."""
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "t.yaml").write_text(MAP, encoding="utf-8")
    (tmp_path / "o.yaml").write_text(ORDERS, encoding="utf-8")
    write_lines(tmp_path / "o.jsonl", [{"Mail": "Anna@example.com", "Sum": 5, "At": "2026-01-05T10:30:00Z"}])
    plan_folder(tmp_path / "plan")
    return tmp_path


def records(path: Path) -> list[dict[str, Any]]:
    """The records of a file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_rows_become_events_and_rejects_are_told(folder: Path) -> None:
    done = beckon("import", "csv", "t.csv", "--map", "t.yaml", "--output", "e.jsonl", "--rejects", "r.jsonl", "--json", cwd=folder)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "output": "e.jsonl",
        "rows": 3,
        "events": 2,
        "skipped": 0,
        "rejected": {"bad_value": 1},
        "columns_never_met": [],
        "stopped": False,
    }
    assert "row 2 (line 3) is rejected: bad_value: column 'Score' must be a number" in done.stderr
    assert "3 rows: 2 events to e.jsonl, 1 rejected (1 bad_value)" in done.stderr
    assert "much" not in done.stderr
    assert [each.get("userId") for each in records(folder / "e.jsonl")] == ["7", None]
    row = {"No": "8", "Mail": "", "City": "Bern", "Score": "much", "Changed": "2026-01-05T10:00:00Z"}
    assert [{"row": 2, "line": 3, "reason": "bad_value", "column": "Score", "detail": "must be a number", "record": row}] == records(
        folder / "r.jsonl"
    )


def test_rejected_rows_are_mended_and_imported_by_the_same_map(folder: Path) -> None:
    beckon("import", "csv", "t.csv", "--map", "t.yaml", "--output", "e.jsonl", "--rejects", "r.jsonl", cwd=folder)
    mended = (folder / "r.jsonl").read_text(encoding="utf-8").replace("much", "2")
    (folder / "m.jsonl").write_text(mended, encoding="utf-8")
    done = beckon("import", "jsonl", "m.jsonl", "--map", "t.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert ((record := json.loads(done.stdout))["userId"], record["traits"]["score"]) == ("8", 2)


def test_a_file_that_is_imported_twice_counts_once_in_the_job(folder: Path) -> None:
    (folder / "input").mkdir()
    for _ in range(2):
        assert beckon("import", "csv", "t.csv", "--map", "t.yaml", "--input", "input", cwd=folder).returncode == 1
        assert beckon("import", "jsonl", "o.jsonl", "--map", "o.yaml", "--input", "input", cwd=folder).returncode == 0
    done = beckon("run", "--plan", "plan", "--input", "input", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    sums = json.loads(done.stdout)
    # Anna's order is known by her address alone, and is hers all the same.
    assert (sums["events"], sums["duplicates"], sums["persons"] - sums["linked"], sums["rejects"].get("no_id", 0)) == (3, 3, 2, 0)
    # A changed row counts anew, the others do not.
    (folder / "t.csv").write_text(TABLE.replace("Köln", "Bonn"), encoding="utf-8")
    beckon("import", "csv", "t.csv", "--map", "t.yaml", "--input", "input", cwd=folder)
    sums = json.loads(beckon("run", "--plan", "plan", "--input", "input", "--json", cwd=folder).stdout)
    assert (sums["events"], sums["duplicates"]) == (1, 1)
    shown = beckon("profile", "show", "7", "--plan", "plan", "--json", cwd=folder)
    assert "Bonn" in shown.stdout, shown.stderr


def test_rows_without_a_time_have_that_of_the_file(folder: Path) -> None:
    (folder / "n.csv").write_text("No\n7\n", encoding="utf-8")
    (folder / "n.yaml").write_text("source: crm\nuserId: No\n", encoding="utf-8")
    os.utime(folder / "n.csv", (1_767_600_000, 1_767_600_000))
    said = [beckon("import", "csv", "n.csv", "--map", "n.yaml", *more, cwd=folder).stdout for more in ((), (), ("--at", "2026-02-01"))]
    assert said[0] == said[1]
    assert [json.loads(each)["timestamp"] for each in said[1:]] == ["2026-01-05T08:00:00.000Z", "2026-02-01T00:00:00.000Z"]
    (folder / "n.yaml").write_text("source: crm\nuserId: No\nat: 2026-03-01T00:00:00Z\n", encoding="utf-8")
    assert "2026-03-01T00:00:00.000Z" in beckon("import", "csv", "n.csv", "--map", "n.yaml", cwd=folder).stdout


def test_a_dry_run_shows_events_and_writes_none(folder: Path) -> None:
    (folder / "input").mkdir()
    done = beckon("import", "csv", "t.csv", "--map", "t.yaml", "--input", "input", "--dry-run", cwd=folder)
    assert (done.returncode, len(done.stdout.splitlines()), list((folder / "input").iterdir())) == (1, 2, [])


def test_standard_input_and_output(folder: Path) -> None:
    done = beckon("import", "csv", "-", "--map", "t.yaml", cwd=folder, stdin=TABLE.encode())
    assert [json.loads(line).get("userId") for line in done.stdout.splitlines()] == ["7", None]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("none.csv", "--map", "t.yaml"), 2, "cannot read none.csv: No such file or directory"),
        (("t.csv", "--map", "none.yaml"), 2, "cannot read the map none.yaml: No such file or directory"),
        (("t.csv", "--map", "bad.yaml"), 1, "bad.yaml:2:9: the file must have one column 'Nr'; got none"),
        (("t.csv", "--map", "worse.yaml"), 1, "the map has 1 finding; nothing was read"),
        (("t.csv", "--map", "t.yaml", "--json"), 2, "--json prints what was done on standard output"),
        (("t.csv", "--map", "t.yaml", "--output", "x", "--input", "o.jsonl"), 2, "two outputs"),
        (("t.csv", "--map", "t.yaml", "--kafka", "x:1", "--input", "o.jsonl"), 2, "two inputs"),
        (("t.csv", "--map", "t.yaml", "--input", "none"), 2, "there is no input none"),
        (("t.csv", "--map", "t.yaml", "--kafka", "x:1"), 2, "no plan: give --plan"),
        (("t.csv", "--map", "t.yaml", "--at", "noon"), 2, "--at must be a date or a time"),
        (("t.csv", "--map", "t.yaml", "--output", "o.jsonl/x"), 3, "cannot write o.jsonl/x"),
        (("t.csv", "--map", "t.yaml", "--rejects", "o.jsonl/x"), 3, "cannot write o.jsonl/x"),
    ],
)
def test_what_cannot_be_is_one_sentence(folder: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    (folder / "bad.yaml").write_text("source: crm\nuserId: Nr\n", encoding="utf-8")
    (folder / "worse.yaml").write_text("source: crm\nuser: Nr\nemail: Mail\n", encoding="utf-8")
    done = beckon("import", "csv", *arguments, cwd=folder)
    assert (code, "") == (done.returncode, done.stdout)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_column_that_no_row_has_is_told(folder: Path) -> None:
    (folder / "o.yaml").write_text(ORDERS.replace("Sum", "Summ"), encoding="utf-8")
    done = beckon("import", "jsonl", "o.jsonl", "--map", "o.yaml", cwd=folder)
    assert "no row has the column 'Summ'; did you mean 'Sum'?" in done.stderr


def big(folder: Path, rows: int) -> None:
    """A table of so many rows."""
    body = "".join(f"{n},,City {n % 97},{n},2026-01-05T10:00:00Z\n" for n in range(1, rows + 1))
    (folder / "big.csv").write_text(f"No,Mail,City,Score,Changed\n{body}", encoding="utf-8")


def test_an_import_that_is_killed_is_run_again_and_nothing_is_lost_or_counts_twice(folder: Path) -> None:
    rows = 70_000
    big(folder, rows)
    (folder / "input").mkdir()
    importing = ("import", "csv", "big.csv", "--map", "t.yaml", "--input", "input")
    process = start(*importing, cwd=folder)
    until(lambda: any((folder / "input").glob("*.jsonl")), process)
    process.kill()
    ended(process)
    there = sum(len(lines(folder / "input", path.stem)) for path in (folder / "input").glob("*.jsonl"))
    assert 0 < there < rows
    done = subprocess.run(words(*importing), cwd=folder, env=environment(), capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        words("run", "--plan", "plan", "--input", "input", "--json"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sums = json.loads(done.stdout)
    assert (rows, rows, there) == (sums["events"], sums["persons"], sums["duplicates"])


def test_a_stop_leaves_no_half_a_file_and_says_so(folder: Path) -> None:
    big(folder, 200_000)
    process = start("import", "csv", "big.csv", "--map", "t.yaml", "--output", "e.jsonl", cwd=folder)
    until((folder / ".e.jsonl.part").exists, process)
    process.send_signal(signal.SIGTERM)
    done = ended(process)
    assert done.returncode == 0
    assert "stopped before the end; run the same again" in done.stderr
    assert not list(folder.glob("*e.jsonl*"))


def test_rows_go_to_the_partition_of_their_person(folder: Path, broker: Broker, plan_name: str) -> None:
    topic = f"{plan_name}.events"
    broker.create_topic(topic, 4)
    for _ in range(2):
        done = beckon("import", "csv", "t.csv", "--map", "t.yaml", "--kafka", broker.address, "--topic", topic, cwd=folder)
        assert done.returncode == 1
        assert f"2 events to {topic}" in done.stderr
    settings = KafkaSettings(brokers=broker.address)
    found = [[json.loads(value) for value in read_committed(settings, topic, partition)] for partition in range(4)]
    persons = [[each.get("userId") or each["anonymousId"] for each in records] for records in found if records]
    assert sorted([["7", "7"], ["ben@example.com"] * 2]) == sorted(sorted(each) for each in persons) or [
        sorted(["7", "7"] + ["ben@example.com"] * 2)
    ] == [sorted(each) for each in persons]
