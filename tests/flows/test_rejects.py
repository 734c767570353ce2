"""`beckon rejects`: from the rejects of a job to mended records that change what they would have changed, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.command import beckon, lines, outputs, plan_folder, write_lines
from tests.kafka_broker import Broker

VIEW = {"type": "track", "event": "Product Viewed", "timestamp": "2026-01-05T10:00:00Z"}
ORDER = {"type": "track", "event": "Order Completed", "timestamp": "2026-01-05T10:30:00Z"}
EVENTS: list[dict[str, Any]] = [
    {**VIEW, "messageId": "1", "userId": "anna"},
    {**ORDER, "messageId": "2"},
    {**VIEW, "messageId": "3", "userId": "ben"},
    {**VIEW, "userId": "carl", "timestamp": "yesterday"},
    {**VIEW, "messageId": "5", "userId": "dora", "timestamp": "2026-01-05T14:00:00Z"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plan, events of which two cannot be used, and the output of a run over them."""
    plan_folder(tmp_path / "plan")
    write_lines(tmp_path / "events.jsonl", EVENTS)
    run(tmp_path)
    return tmp_path


def run(folder: Path, *more: str, input: str = "events.jsonl") -> None:
    done = beckon("run", "--plan", "plan", "--input", input, *more, cwd=folder)
    assert done.returncode == 0, done.stderr


def exported(folder: Path, *options: str) -> list[dict[str, Any]]:
    done = beckon("rejects", "ls", *options, "--export", "rejects.jsonl", cwd=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "rejects.jsonl").read_bytes().splitlines()]


def mended(folder: Path, *options: str) -> Path:
    """The rejects with what is wrong in them mended: the order was Anna's, and Carl looked at 9."""
    found = exported(folder, *options)
    for line in found:
        line["record"] |= {"userId": "anna"} if line["reason"] == "no_id" else {"timestamp": "2026-01-05T09:00:00Z"}
    return write_lines(folder / "mended.jsonl", found)


def retry(folder: Path, *more: str, input: str = "events.jsonl") -> tuple[int, Any]:
    done = beckon("rejects", "retry", "mended.jsonl", "--plan", "plan", "--input", input, "--json", *more, cwd=folder)
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 else done.stdout + done.stderr


def test_ls_and_show(folder: Path) -> None:
    told = json.loads(beckon("rejects", "ls", "--json", cwd=folder).stdout)
    assert (told["rejects"], [group["reason"] for group in told["groups"]]) == (2, ["bad_time", "no_id"])
    printed = beckon("rejects", "ls", "--reason", "no_id", cwd=folder).stdout
    assert "0:1  neither userId nor anonymousId is given" in printed
    assert "Order Completed" not in printed
    assert "Order Completed" in beckon("rejects", "ls", "--values", cwd=folder).stdout
    (line,) = exported(folder, "--reason", "no_id")
    for given in ("0:1", line["mends"], line["mends"][:6]):
        shown = beckon("rejects", "show", given, cwd=folder).stdout
        assert line["mends"] in shown
        assert '"event": "Order Completed"' in shown
        assert json.loads(beckon("rejects", "show", given, "--json", cwd=folder).stdout) == line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ls", "--reason", "no_idea"), "--reason must be one of"),
        (("ls", "--since", "soon"), "--since must be a date"),
        (("ls", "--output", "out", "--kafka", "b:9092"), "exclude each other"),
        (("show", "0:9"), "got '0:9', which is none"),
        (("show", "0"), "at least 4 digits"),
        (("retry", "mended.jsonl", "--plan", "plan"), "no input"),
        (("retry", "mended.jsonl", "--plan", "plan", "--input", "a", "--kafka", "b:9092"), "and not both"),
        (("retry", "mended.jsonl", "--input", "events.jsonl"), "no plan"),
        (("retry", "mended.jsonl", "--plan", "plan", "--input", "gone.jsonl"), "there is no input gone.jsonl"),
    ],
    ids=str,
)
def test_wrong_usage_is_one_sentence_and_2(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    mended(folder)
    done = beckon("rejects", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_output_is_one_sentence_and_3(folder: Path) -> None:
    done = beckon("rejects", "ls", "--output", "elsewhere", cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert "there is no elsewhere/rejects.jsonl; give the --output of the job" in done.stderr


def test_what_is_not_mended_is_told_and_nothing_is_sent(folder: Path) -> None:
    exported(folder)
    before = (folder / "events.jsonl").read_bytes()
    done = beckon("rejects", "retry", "rejects.jsonl", "--plan", "plan", "--input", "events.jsonl", cwd=folder)
    assert done.returncode == 1
    assert [line.split(": ")[0] for line in done.stdout.splitlines()] == ["rejects.jsonl:1:1", "rejects.jsonl:2:1"]
    assert "nothing was sent" in done.stderr
    assert (folder / "events.jsonl").read_bytes() == before
    assert not (folder / "out" / "retries.jsonl").exists()


def entries(folder: Path, output: str = "out") -> list[tuple[str, ...]]:
    """Person, kind, segment and time of each transition, by person and time."""
    found = [json.loads(line) for line in lines(folder / output, "transitions")]
    return sorted((each["subject"], each["time"], each["type"].rpartition(".")[2], each["data"]["segment"]) for each in found)


@pytest.mark.parametrize("where", ["file", "folder"])
def test_mended_records_change_what_is_told_and_do_so_once(folder: Path, where: str) -> None:
    input, output = "events.jsonl", "out"
    if where == "folder":
        (folder / "in").mkdir()
        (folder / "events.jsonl").rename(folder / "in" / "events.jsonl")
        input, output = "in", "other"
        run(folder, "--output", "other", input=input)
    options = ("--output", output)
    mended(folder, *options)
    code, told = retry(folder, *options, input=input)
    assert code == 0, told
    changes = told["changes"]
    assert len(told["sent"]) == 2
    assert "2" in told["sent"]
    assert {each["id"]: (each["entries_only_new"], each["exits"]) for each in changes["segments"]} == {"looking": (1, 0), "buyers": (1, 0)}
    assert changes["persons"] == 2
    run(folder, *options, input=input)
    now = entries(folder, output)
    # The order comes late: it counts from its own time on, and is evaluated behind what was out before.
    assert [each[1:] for each in now if each[0] == "anna"][-1] == ("2026-01-05T11:00:00.000Z", "exited", "looking")
    assert ("anna", "2026-01-05T11:00:00.000Z", "entered", "buyers") in now
    assert {each[0] for each in now if each[2:] == ("entered", "looking")} == {"anna", "ben", "carl", "dora"}
    # Again: the ledger knows them, and without it their messageIds do.
    assert retry(folder, *options, input=input)[1] == {"sent": [], "sent_before": 2, "to": input, "changes": None}
    (folder / output / "retries.jsonl").unlink()
    assert len(retry(folder, *options, input=input)[1]["sent"]) == 2
    before = outputs(folder / output)
    run(folder, *options, input=input)
    assert outputs(folder / output) == before


def test_the_changes_are_the_difference_of_two_runs(folder: Path) -> None:
    mended(folder)
    told = retry(folder)[1]["changes"]
    run(folder, "--output", "with", "--state", "fresh")
    new, old = set(entries(folder, "with")), set(entries(folder, "out"))
    changed = {each[3] for each in new ^ old}
    assert changed == {each["id"] for each in told["segments"]}
    assert {each[0] for each in new ^ old} == {"anna", "carl"}


def test_records_that_change_nothing_are_told_so(folder: Path) -> None:
    found = exported(folder, "--reason", "no_id")
    found[0]["record"] |= {"userId": "zoe", "event": "Nothing", "messageId": None}
    write_lines(folder / "mended.jsonl", found)
    done = beckon("rejects", "retry", "mended.jsonl", "--plan", "plan", "--input", "events.jsonl", cwd=folder)
    assert done.stdout == "They change no segment and no campaign.\n"
    assert "1 record sent to events.jsonl" in done.stderr
    sent = json.loads((folder / "events.jsonl").read_bytes().splitlines()[-1])
    assert sent["messageId"] == f"retry-{found[0]['mends']}"
    assert exported(folder, "--reason", "no_id") == []
    assert len(exported(folder, "--reason", "no_id", "--all")) == 1
    assert f"as retry-{found[0]['mends']}" in beckon("rejects", "show", "0:1", cwd=folder).stdout


def test_on_kafka(tmp_path: Path, broker: Broker, plan_name: str) -> None:
    plan_folder(tmp_path / "plan", plan_name)
    run = ("run", "--plan", "plan", "--kafka", broker.address, "--until", "2026-01-06", "--json")
    done = beckon(*run, "--create-topics", "--topic-partitions", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    producer = Producer({"bootstrap.servers": broker.address, "partitioner": "murmur2_random"})
    stampless = {**VIEW, "messageId": "6", "timestamp": None}
    for number, event in enumerate([*EVENTS, stampless]):
        producer.produce(f"{plan_name}.events", json.dumps(event), event.get("userId"), timestamp=1_767_607_200_000 + number)
    assert producer.flush(60) == 0
    assert json.loads(beckon(*run, cwd=tmp_path).stdout)["rejects"] == {"bad_time": 1, "no_id": 2}
    kafka = ("--kafka", broker.address, "--plan", "plan")
    found = exported(tmp_path, *kafka)
    for line in found:
        line["record"] |= {"userId": "anna"} if line["reason"] == "no_id" else {"timestamp": "2026-01-05T09:00:00Z"}
    write_lines(tmp_path / "mended.jsonl", found)
    for sent in (3, 0):
        done = beckon("rejects", "retry", "mended.jsonl", *kafka, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (len(told["sent"]), told["sent_before"], told["to"]) == (sent, 3 - sent, f"{plan_name}.events")
        if sent:
            assert {each["id"] for each in told["changes"]["segments"]} == {"looking", "buyers"}
    counts = json.loads(beckon(*run, cwd=tmp_path).stdout)
    assert (counts["events"], counts["rejects"], counts["duplicates"]) == (3, {}, 0)
    told = json.loads(beckon("rejects", "ls", *kafka, "--json", cwd=tmp_path).stdout)
    assert told == {"rejects": 0, "groups": []}
    profile = json.loads(beckon("profile", "show", "anna", "--state", "beckon-state", "--json", cwd=tmp_path).stdout)
    times = {event["message_id"]: event["time"] for event in profile["recent"]}
    # The time of its first log, not that of its second.
    assert times["6"] == "2026-01-05T10:00:00.005Z"
