"""`beckon audit` as a command: beside a running job, over several states, and what it says where it cannot."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.command import beckon, ended, events, plan_folder, start, until, write_lines

PLAN = ("--plan", "plan")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plan, a few events, and the state of a run over them."""
    plan_folder(tmp_path / "plan")
    write_lines(tmp_path / "events.jsonl", events(3, 12))
    assert beckon("run", *PLAN, "--input", "events.jsonl", cwd=tmp_path).returncode == 0
    return tmp_path


def test_an_audit_tells_of_the_state(folder: Path) -> None:
    done = beckon("audit", *PLAN, cwd=folder, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tiny  3 persons, 1 partition, up to 2026-01-01 11:30 UTC\n")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["buyers", "3", "100%", "+3", "3", "0", "2026-01-01"] in rows
    assert ["buyers", "everyone", "is", "in", "it:", "3", "of", "3"] in rows


def test_json_is_one_object_with_all_of_it(folder: Path) -> None:
    done = beckon("audit", *PLAN, "--json", "--days", "7", "--html", "there/audit.html", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "beckon: the page is in there/audit.html\n")
    told = json.loads(done.stdout)
    assert (told["plan"], told["persons"], told["partitions"], len(told["days"])) == ("tiny", 3, [0], 7)
    assert {each["id"]: each["size"] for each in told["segments"]} == {"buyers": 3, "looking": 2}
    assert [len(each["sizes"]) for each in told["segments"]] == [8, 8]
    assert ("everyone", "buyers") in {(each["kind"], each["about"]) for each in told["findings"]}
    assert "Audit of tiny" in (folder / "there" / "audit.html").read_text(encoding="utf-8")


def test_a_running_job_is_audited(folder: Path) -> None:
    job = start("run", *PLAN, "--input", "events.jsonl", "--output", "live", "--follow", cwd=folder)
    try:
        until((folder / "live" / "triggers.jsonl").exists, job)
        told = json.loads(beckon("audit", *PLAN, "--state", "live/state", "--json", cwd=folder).stdout)
        assert told["persons"] == 3
    finally:
        job.send_signal(signal.SIGTERM)
        assert ended(job).returncode == 0


def test_states_of_several_processes_are_audited_together(folder: Path) -> None:
    twice = beckon("audit", *PLAN, "--state", "out/state", "--state", "out/state", cwd=folder)
    assert (twice.returncode, twice.stdout) == (2, "")
    assert "partition 0 is in two of the state folders" in twice.stderr
    absent = beckon("audit", *PLAN, "--state", "out/state", "--state", "other", cwd=folder)
    assert (absent.returncode, absent.stderr) == (3, "beckon: there is no state in other; give the --state of the job\n")


def test_wrong_usage_is_one_sentence(folder: Path) -> None:
    no_plan = beckon("audit", cwd=folder)
    assert (no_plan.returncode, no_plan.stdout, no_plan.stderr.count("\n")) == (2, "", 1)
    assert "give --plan" in no_plan.stderr
    (folder / "plan" / "campaigns" / "look.yaml").unlink()
    other = beckon("audit", *PLAN, cwd=folder)
    assert (other.returncode, other.stdout) == (2, "")
    assert "start the job with this one first" in other.stderr
    assert beckon("audit", *PLAN, "--days", "0", cwd=folder).returncode == 2


def test_a_page_that_cannot_be_written_is_said(folder: Path) -> None:
    done = beckon("audit", *PLAN, "--html", "plan/plan.yaml/audit.html", cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("beckon: the page plan/plan.yaml/audit.html cannot be written")
