"""`beckon duplicates`: from two profiles in the input to a decision in it, over the command line and a live state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from operators.duplicates.find import REVIEW_AT
from tests.command import beckon, plan_folder, write_lines
from tests.kafka_broker import Broker

ANNA = {"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02", "phone": "0171 5550142"}
HANS = {"firstName": "Hans", "lastName": "Kern", "birthday": "1979-11-20", "phone": "0171 5550142"}


def identify(person: str, traits: dict[str, Any], second: int) -> dict[str, Any]:
    """An identify of a person."""
    return {
        "type": "identify",
        "messageId": f"m{second}",
        "userId": person,
        "timestamp": f"2026-01-01T00:00:{second:02}Z",
        "traits": traits,
    }


EVENTS = [identify("anna", ANNA, 1), identify("hans", HANS, 2), identify("anna-2", ANNA | {"firstName": "Ana"}, 3)]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A plan that looks for duplicates, and a folder of events that was run over."""
    plan = plan_folder(tmp_path / "plan")
    (plan / "plan.yaml").write_text("name: tiny\nduplicate_persons: review\n", encoding="utf-8")
    (tmp_path / "events").mkdir()
    write_lines(tmp_path / "events" / "0.jsonl", EVENTS)
    run(tmp_path)
    return tmp_path


def run(folder: Path) -> None:
    """Runs the job over what is new."""
    done = beckon("run", "--plan", "plan", "--input", "events", cwd=folder)
    assert done.returncode == 0, done.stderr


def ls(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """The pairs."""
    done = beckon("duplicates", "ls", "--json", *arguments, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    pairs: list[dict[str, Any]] = json.loads(done.stdout)
    return pairs


def added(folder: Path) -> dict[str, Any]:
    """The one record that a decision added."""
    [path] = [path for path in (folder / "events").iterdir() if path.name != "0.jsonl"]
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def test_who_is_up_for_review_and_why(job: Path) -> None:
    [pair] = ls(job)
    assert (pair["person"], pair["other"], pair["state"], pair["message_id"]) == ("anna", "anna-2", "open", "m3")
    assert pair["chance"] >= REVIEW_AT
    weights = {each["field"]: each["weight"] for each in pair["evidence"]}
    assert sum(weights.values()) == pytest.approx(pair["bits"])
    assert {"persons", "given", "family", "birthday", "phone"} <= weights.keys()
    table = beckon("duplicates", "ls", cwd=job).stdout
    assert "anna-2" in table
    assert "birthday equal +14.3" in " ".join(table.split())
    shown = beckon("duplicates", "show", "anna-2", "anna", cwd=job).stdout
    assert "ana" in shown
    assert "19850302" in shown
    told = json.loads(beckon("duplicates", "show", "anna", "anna-2", "--json", cwd=job).stdout)
    assert [each["given"] for each in told["compared"]] == ["anna", "ana"]


def test_what_is_refused_is_not_put_up_again(job: Path) -> None:
    done = beckon("duplicates", "refuse", "anna-2", "anna", "--input", "events", cwd=job)
    assert done.returncode == 0, done.stderr
    run(job)
    assert ls(job) == []
    write_lines(job / "events" / "z.jsonl", [identify("anna-2", ANNA, 9)])
    run(job)
    assert ls(job) == []
    assert [pair["state"] for pair in ls(job, "--all")] == ["refused"]
    again = beckon("duplicates", "refuse", "anna", "anna-2", "--input", "events", cwd=job)
    assert (again.returncode, again.stderr) == (2, "beckon: the pair must be up for review; it is refused\n")


def test_what_is_accepted_goes_into_the_input_as_an_alias_with_the_evidence(job: Path) -> None:
    [pair] = ls(job)
    done = beckon("duplicates", "accept", "anna", "anna-2", "--input", "events", cwd=job)
    assert done.returncode == 0, done.stderr
    record = added(job)
    assert (record["type"], record["userId"], record["previousId"]) == ("alias", "anna", "anna-2")
    assert record["properties"]["kind"] == "duplicate"
    assert record["properties"]["evidence"] == pair["evidence"]
    run(job)
    assert ls(job) == []
    profile = json.loads(beckon("profile", "show", "anna-2", "--json", cwd=job).stdout)
    assert profile["person"] == "anna"
    [merge] = profile["merges"]
    assert (merge["kind"], merge["previous"], merge["evidence"]["evidence"]) == ("duplicate", "anna-2", pair["evidence"])
    assert [each["state"] for each in ls(job, "--all")] == ["merged"]
    parted = {"type": "unmerge", "userId": "anna", "previousId": "anna-2", "messageId": "p", "timestamp": "2026-01-01T00:01:00Z"}
    write_lines(job / "events" / "z.jsonl", [parted, identify("anna-2", ANNA, 9)])
    run(job)
    assert ls(job) == []
    assert [each["state"] for each in ls(job, "--all")] == ["parted"]


@pytest.mark.parametrize("decision", ["accept", "refuse"])
def test_the_same_decision_before_the_job_has_read_it_changes_nothing(job: Path, decision: str) -> None:
    for _ in range(2):
        done = beckon("duplicates", decision, "anna", "anna-2", "--input", "events", cwd=job)
        assert done.returncode == 0, done.stderr
    decided = [json.loads(path.read_text(encoding="utf-8")) for path in (job / "events").iterdir() if path.name != "0.jsonl"]
    assert [each["messageId"] for each in decided] == [decided[0]["messageId"]] * 2
    run(job)
    profile = json.loads(beckon("profile", "show", "anna", "--json", cwd=job).stdout)
    assert (profile["events"], len(profile["merges"])) == ((3, 1) if decision == "accept" else (2, 0))
    assert [each["state"] for each in ls(job, "--all")] == ["merged" if decision == "accept" else "refused"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("accept", "anna", "hans", "--input", "events"), "these two are no pair that was put up for review"),
        (("refuse", "anna", "anna-2"), "no input: give --input"),
        (("accept", "anna", "anna-2", "--input", "nowhere.jsonl"), "there is no input nowhere.jsonl"),
    ],
)
def test_what_cannot_be_done(job: Path, arguments: tuple[str, ...], said: str) -> None:
    done = beckon("duplicates", *arguments, cwd=job)
    assert done.returncode == 2
    assert said in done.stderr
    assert [path.name for path in (job / "events").iterdir()] == ["0.jsonl"]


def test_without_a_state(tmp_path: Path) -> None:
    assert beckon("duplicates", "ls", cwd=tmp_path).returncode == 3


def test_a_decision_goes_to_a_topic(job: Path, broker: Broker, plan_name: str) -> None:
    broker.create_topic(f"{plan_name}.events", 1)
    where = ("--kafka", broker.address, "--topic", f"{plan_name}.events")
    done = beckon("duplicates", "accept", "anna", "anna-2", *where, "--plan", "plan", "--json", cwd=job)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["to"] == f"{plan_name}.events"
