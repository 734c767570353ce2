"""`beckon replay`: the same bytes again whatever happens on the way, what a run would have put out, and words for what cannot be."""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command import beckon, ended, environment, events, lines, outputs, plan_folder, start, until, write_lines

PLAN, INPUT = ("--plan", "plan"), ("--input", "events.jsonl")
BOTH = (*PLAN, "--against", "old", *INPUT)
JOB = (sys.executable, "-m", "tests.flows.replay.job")
KILLED = -signal.SIGKILL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plan, an older one, and events, some of which cannot be used or come twice or late."""
    plan_folder(tmp_path / "plan")
    shutil.copytree(tmp_path / "plan", tmp_path / "old")
    rules = (tmp_path / "old" / "segments.yaml").read_text(encoding="utf-8")
    (tmp_path / "old" / "segments.yaml").write_text(rules.replace("1h", "2h"), encoding="utf-8")
    records = events(12, 30)
    some = [*records, records[40], {"type": "track"}, dict(records[70], messageId="late")]
    write_lines(tmp_path / "events.jsonl", some)
    return tmp_path


def files(output: Path) -> dict[str, bytes]:
    """All that a replay has written."""
    return {path.name: path.read_bytes() for path in output.iterdir()}


def job(folder: Path, *arguments: object, output: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    """A replay with batches of 30 records and a checkpoint after each, from the test's own program, into a folder."""
    words = [*JOB, "--batch", "30", "--checkpoint", "0", *options, "replay", *map(str, arguments), "--output", output]
    return subprocess.run(words, cwd=folder, env=environment(), capture_output=True, check=False)


@pytest.fixture
def undisturbed(folder: Path) -> dict[str, bytes]:
    """What a replay against the older plan writes."""
    done = beckon("replay", *BOTH, "--output", "undisturbed", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = files(folder / "undisturbed")
    assert len(found["differences.jsonl"].splitlines()) > 100
    return found


def test_two_replays_give_the_same_bytes(folder: Path, undisturbed: dict[str, bytes]) -> None:
    assert beckon("replay", *BOTH, "--output", "again", cwd=folder).returncode == 0
    assert files(folder / "again") == undisturbed


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_other_batch_sizes_give_the_same_bytes(folder: Path, undisturbed: dict[str, bytes], batch: int) -> None:
    done = job(folder, *BOTH, output="again", options=("--batch", str(batch)))
    assert done.returncode == 0, done.stderr.decode()
    assert files(folder / "again") == undisturbed


@pytest.mark.parametrize(
    "step",
    [
        "after_poll:9",
        "mid_batch:1",
        "before_write:14",
        "after_write:20",
        "before_checkpoint:7",
        "after_checkpoint:1",
        "after_checkpoint:13",
        "after_checkpoint:14",
        "reporting:1",
    ],
)
def test_a_replay_that_was_killed_goes_on_and_gives_the_same_bytes(folder: Path, undisturbed: dict[str, bytes], step: str) -> None:
    scratch = (*BOTH, "--scratch", "scratch")
    killed = job(folder, *scratch, output="again", options=("--die", step))
    assert killed.returncode == KILLED, killed.stderr.decode()
    done = job(folder, *scratch, output="again")
    assert done.returncode == 0, done.stderr.decode()
    assert files(folder / "again") == undisturbed


def test_a_replay_that_is_killed_again_and_again_comes_to_its_end(folder: Path, undisturbed: dict[str, bytes]) -> None:
    scratch, kills = (*BOTH, "--scratch", "scratch"), 0
    while job(folder, *scratch, output="again", options=("--die", "before_checkpoint:3")).returncode == KILLED:
        kills += 1
        assert kills < 20
    assert kills > 3
    assert files(folder / "again") == undisturbed


def test_what_was_done_is_not_done_again(folder: Path) -> None:
    scratch = (*PLAN, *INPUT, "--scratch", "scratch")
    assert job(folder, *scratch, output="out", options=("--die", "after_checkpoint:5")).returncode == KILLED
    done = job(folder, *scratch, output="out")
    # 12 persons and 30 events each, a late one and a copy; of 5 batches of 30 all are events.
    assert done.stderr.decode().startswith(f"beckon: {12 * 31 + 1 - 150} events in ")
    again = job(folder, *scratch, output="out")
    assert again.stderr.decode().startswith("beckon: 0 events in ")


def test_a_stop_ends_cleanly_and_the_same_command_goes_on(folder: Path, undisturbed: dict[str, bytes]) -> None:
    (folder / "events.jsonl").rename(folder / "all.jsonl")
    records = (folder / "all.jsonl").read_bytes().splitlines(keepends=True)
    arguments = ("replay", *PLAN, "--against", "old", "--input", "-", "--scratch", "scratch", "--output", "again")
    process = start(*arguments, cwd=folder)
    assert process.stdin is not None
    process.stdin.write(b"".join(records[:200]))
    process.stdin.flush()
    until((folder / "scratch" / "lane-0" / "new").exists, process)
    process.send_signal(signal.SIGTERM)
    stopped = ended(process)
    assert (stopped.returncode, stopped.stdout) == (0, "")
    assert "the same command goes on from there" in stopped.stderr
    assert not (folder / "again" / "report.json").exists()
    done = beckon(*arguments, cwd=folder, stdin=b"".join(records))
    assert done.returncode == 0, done.stderr
    assert files(folder / "again") == undisturbed


def test_without_scratch_a_stop_keeps_nothing(folder: Path) -> None:
    (folder / "tmp").mkdir()
    process = start("replay", *PLAN, "--input", "-", cwd=folder, TMPDIR=str(folder / "tmp"))
    until(lambda: any((folder / "tmp").glob("beckon-replay-*/lane-0/new")), process)
    process.send_signal(signal.SIGINT)
    stopped = ended(process)
    assert (stopped.returncode, stopped.stdout) == (0, "")
    assert "without --scratch nothing is kept" in stopped.stderr
    assert list((folder / "tmp").iterdir()) == []


def test_the_streams_are_those_of_a_run(folder: Path) -> None:
    assert beckon("run", *PLAN, *INPUT, cwd=folder).returncode == 0
    assert beckon("replay", *PLAN, *INPUT, "--output", "replayed", cwd=folder).returncode == 0
    run = outputs(folder / "out")
    assert all(run[stream] for stream in ("transitions", "triggers", "rejects"))
    assert outputs(folder / "replayed") == run


def test_the_streams_of_a_span_are_those_of_a_run_within_it(folder: Path) -> None:
    since, before = "2026-01-01T05:00:00Z", "2026-01-01T09:30:00Z"
    assert beckon("run", *PLAN, *INPUT, "--until", "2026-01-01T09:29:59.999Z", cwd=folder).returncode == 0
    assert beckon("replay", *PLAN, *INPUT, "--output", "replayed", "--from", since, "--to", before, cwd=folder).returncode == 0
    for stream in ("transitions", "triggers", "decisions"):
        within = [line for line in lines(folder / "out", stream) if json.loads(line)["time"] >= "2026-01-01T05:00:00.000Z"]
        assert lines(folder / "replayed", stream) == within
        assert all(json.loads(line)["time"] < "2026-01-01T09:30:00.000Z" for line in within)
    assert 0 < len(lines(folder / "replayed", "transitions")) < len(lines(folder / "out", "transitions"))
    # A reject has no time of its own, so all are there.
    assert lines(folder / "replayed", "rejects") == lines(folder / "out", "rejects")


def test_a_compressed_input_a_folder_and_standard_input_are_one_log(folder: Path, undisturbed: dict[str, bytes]) -> None:
    content = (folder / "events.jsonl").read_bytes()
    (folder / "events.gz.jsonl.gz").write_bytes(gzip.compress(content))
    (folder / "parts").mkdir()
    half = content.index(b"\n", len(content) // 2) + 1
    (folder / "parts" / "1.jsonl").write_bytes(content[:half])
    (folder / "parts" / "2.jsonl.gz").write_bytes(gzip.compress(content[half:]))
    for source in ("events.gz.jsonl.gz", "parts", "-"):
        stdin = content if source == "-" else b""
        done = beckon("replay", *PLAN, "--against", "old", "--input", source, "--output", "again", cwd=folder, stdin=stdin)
        assert done.returncode == 0, done.stderr
        assert files(folder / "again") == undisturbed


def test_json_is_the_report(folder: Path, undisturbed: dict[str, bytes]) -> None:
    done = beckon("replay", *BOTH, "--json", cwd=folder)
    assert json.loads(done.stdout) == json.loads(undisturbed["report.json"])
    assert done.stdout.count("\n") == 1
    assert not (folder / "out").exists()


def test_tables_are_for_people(folder: Path) -> None:
    alone = beckon("replay", *PLAN, *INPUT, cwd=folder).stdout
    assert "Entered" in alone
    assert "looking" in alone
    both = beckon("replay", *BOTH, "--limit", "1", cwd=folder).stdout
    assert "Against tiny" in both
    assert "\n1 of " in both
    assert both.count("since") + both.count(" to ") > 1


def test_the_output_of_a_replay_is_replaced_whole(folder: Path, undisturbed: dict[str, bytes]) -> None:
    assert beckon("replay", *PLAN, *INPUT, "--output", "undisturbed", cwd=folder).returncode == 0
    assert files(folder / "undisturbed").keys() == undisturbed.keys() - {"differences.jsonl"}


def test_the_output_of_a_run_is_never_written_over(folder: Path) -> None:
    assert beckon("run", *PLAN, *INPUT, cwd=folder).returncode == 0
    before = outputs(folder / "out")
    done = beckon("replay", *PLAN, *INPUT, "--output", "out", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "something else than the output of a replay" in done.stderr
    assert outputs(folder / "out") == before
    # The settings of the job are not those of a replay.
    assert beckon("replay", *PLAN, *INPUT, cwd=folder, BECKON_OUTPUT="out", BECKON_STATE="out/state").returncode == 0
    assert outputs(folder / "out") == before


def test_an_empty_log_has_an_empty_report(folder: Path) -> None:
    (folder / "events.jsonl").write_bytes(b"\n\n")
    done = beckon("replay", *BOTH, "--json", "--output", "again", cwd=folder)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert (report["last"], report["plan"]["numbers"]["records"], report["differences"]["persons"]) == (None, 0, 0)
    assert all(content == b"" for name, content in files(folder / "again").items() if name.endswith(".jsonl"))
    assert beckon("replay", *PLAN, *INPUT, cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*PLAN,), "no input: give --input"),
        ((*INPUT,), "no plan: give --plan"),
        (("--plan", "nowhere", *INPUT), "no plan folder nowhere"),
        ((*PLAN, *INPUT, "--against", "nowhere"), "no plan folder nowhere"),
        ((*PLAN, *INPUT, "--kafka", "b:1"), "exclude each other"),
        ((*PLAN, *INPUT, "--topic", "t"), "exclude each other"),
        ((*PLAN, *INPUT, "--from", "yesterday"), "--from must be a date or a time like 2026-01-31T12:00:00Z; got 'yesterday'"),
        ((*PLAN, *INPUT, "--to", "tomorrow"), "--to must be a date"),
        ((*PLAN, *INPUT, "--from", "2026-01-02", "--to", "2026-01-02"), "--from must be before --to"),
        ((*PLAN, *INPUT, "--scratch", "events.jsonl"), "--scratch must be a folder"),
        ((*PLAN, *INPUT, "--scratch", "plan"), "holds something else than the scratch of a replay"),
        ((*PLAN, *INPUT, "--output", "events.jsonl"), "--output must be a folder"),
        ((*PLAN, *INPUT, "--output", "plan"), "holds something else than the output of a replay"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value),
)
def test_wrong_usage_is_one_sentence_and_2(folder: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = beckon("replay", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("beckon: ")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert (folder / "plan" / "plan.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--input", "absent.jsonl"), "absent.jsonl is not there"),
        (("--input", "absent.jsonl", "--scratch", "scratch"), "absent.jsonl is not there"),
        (("--input", "plan"), "the folder plan holds no *.jsonl or *.jsonl.gz"),
    ],
)
def test_a_log_that_is_not_there_is_one_sentence_and_3(folder: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = beckon("replay", *PLAN, *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert sentence in done.stderr


def test_a_broken_plan_has_its_findings(folder: Path) -> None:
    (folder / "old" / "segments.yaml").write_text("segments:\n  looking: did('Product Viewed', within='1x')\n", encoding="utf-8")
    done = beckon("replay", *BOTH, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "old/segments.yaml:2:41" in done.stderr


def test_a_scratch_of_something_else_is_refused(folder: Path) -> None:
    scratch = ("--scratch", "scratch")
    assert beckon("replay", *BOTH, *scratch, cwd=folder).returncode == 0
    for arguments, sentence in (
        (("--plan", "old", "--against", "plan", *INPUT), "another --plan"),
        ((*PLAN, *INPUT), "another --against"),
        ((*BOTH, "--to", "2026-02-01"), "another --to"),
        ((*BOTH, "--from", "2026-01-01"), "another --from"),
    ):
        done = beckon("replay", *arguments, *scratch, cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in done.stderr
    with (folder / "events.jsonl").open("ab") as more:
        more.write(b'{"type":"track","event":"Product Viewed","userId":"new","timestamp":"2026-01-03T00:00:00Z"}\n')
    done = beckon("replay", *BOTH, *scratch, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "this one has changed since" in done.stderr


def test_a_damaged_scratch_is_refused_in_words(folder: Path) -> None:
    scratch = (*PLAN, *INPUT, "--scratch", "scratch")
    assert beckon("replay", *scratch, cwd=folder).returncode == 0
    for path in (folder / "scratch").rglob("standing.json"):
        path.write_bytes(b"{")
    done = beckon("replay", *scratch, cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert "standing.json cannot be read; give another --scratch" in done.stderr


def test_no_progress_bar_where_stderr_is_no_terminal(folder: Path) -> None:
    done = beckon("replay", *PLAN, *INPUT, cwd=folder)
    assert done.stderr.startswith("beckon: 373 events in ")
    assert done.stderr.count("\n") == 1
