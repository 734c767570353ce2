"""`beckon person export` and `erase`: over the command line, from a live state into the input of a job that runs on."""

from __future__ import annotations

import json
import signal
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from flows.collect.forms.memory import open_memory
from tests.command import beckon, ended, plan_folder, start, until, write_lines
from tests.crash.stream import Feed, Sent
from tests.kafka_broker import Broker

MAIL = "Annegret.Bergdorfer+tag@Gmail.com"
ODD = 'a "quote", a \\ and \u0000 and \U0001f600'
PLAIN = ("anna-user", "visitor-one", "annegret", "bergdorfer", "secret-sku", "m-anna")


def record(n: int, **fields: Any) -> dict[str, Any]:
    """A record of the n-th second."""
    told = {"type": "track", "event": "Product Viewed", "messageId": f"m{n}", "timestamp": f"2026-01-01T00:00:{n:02}Z"}
    return told | fields


ANNA = [
    record(1, messageId="m-anna-1", anonymousId="visitor-one", properties={"sku": "secret-sku", "odd": ODD}),
    record(
        2,
        messageId="m-anna-2",
        type="identify",
        userId="anna-user",
        anonymousId="visitor-one",
        traits={"email": MAIL, "firstName": "Annegret", "lastName": "Bergdorfer", "birthday": "1985-03-02", "huge": 10**30},
    ),
    record(
        3,
        messageId="m-anna-3",
        userId="anna-user",
        event="Consent Given",
        properties={"topic": "news", "text_version": "v2"},
        context={"library": {"name": "forms"}},
    ),
]
OTHERS = [record(n, userId=f"user-{n % 3}") for n in range(4, 30)]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A plan, and an input."""
    plan = plan_folder(tmp_path / "plan")
    (plan / "plan.yaml").write_text("name: tiny\nduplicate_persons: review\n", encoding="utf-8")
    write_lines(tmp_path / "events.jsonl", [*ANNA, *OTHERS])
    return tmp_path


def run(folder: Path, *more: str, key: str = "") -> dict[str, Any]:
    """Runs the job over what is new."""
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", "--json", *more, cwd=folder, BECKON_SUPPRESSION_KEY=key)
    assert done.returncode == 0, done.stderr
    did: dict[str, Any] = json.loads(done.stdout)
    return did


def export(folder: Path, person: str) -> dict[str, Any]:
    done = beckon("person", "export", person, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def in_files(folder: Path, plain: Iterable[str] = PLAIN) -> dict[str, list[str]]:
    """Which of these stand in a file of a folder."""
    found: dict[str, list[str]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes().lower()
        there = [each for each in plain if each.encode() in content]
        if there:
            found[path.name] = there
    return found


@pytest.mark.parametrize("person", ["anna-user", "visitor-one", "annegretbergdorfer@gmail.com", MAIL])
def test_an_export_has_all_that_is_kept(job: Path, person: str) -> None:
    run(job)
    found = export(job, person)
    assert (found["person"], set(found["identifiers"])) == ("anna-user", {"anna-user", "visitor-one", "annegretbergdorfer@gmail.com"})
    [lane] = found["lanes"]
    assert (lane["partition"], lane["person"], lane["events"]) == (0, "anna-user", 3)
    assert [(each["message_id"], each["time"]) for each in lane["history"]] == [
        (f"m-anna-{n}", f"2026-01-01T00:00:0{n}.000Z") for n in (1, 2, 3)
    ]
    assert lane["history"][0]["properties"] == {"sku": "secret-sku", "odd": ODD}
    assert lane["traits"]["huge"] == {"value": 1e30, "time": "2026-01-01T00:00:02.000Z"}
    assert [(each["type"], each["message_id"]) for each in lane["identifiers"]] == [
        ("user_id", None),
        ("email", "m-anna-2"),
        ("anonymous_id", "m-anna-1"),
    ]
    assert lane["compared"]["anna-user"]["family"] == "bergdorfer"
    [consent] = lane["consents"]
    assert (consent["topic"], consent["given"], consent["proof"]["text_version"], lane["suppressions"]) == ("news", True, "v2", [])
    assert lane["state"]["count"] == 3
    assert json.dumps(found) == json.dumps(export(job, person))


def test_who_is_not_known_has_no_export(job: Path) -> None:
    done = beckon("person", "export", "anna-user", cwd=job)
    assert (done.returncode, done.stderr) == (3, "beckon: there is no state in out/state; give the --state of the job\n")
    run(job)
    for command in (("export", "nobody"), ("erase", "nobody", "--yes", "--input", "events.jsonl")):
        done = beckon("person", *command, cwd=job)
        said = "beckon: nothing is kept of such a person in out/state; give an identifier just as the events have it\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_nobody_is_erased_unasked(job: Path) -> None:
    run(job)
    before = (job / "events.jsonl").read_bytes()
    done = beckon("person", "erase", "anna-user", "--input", "events.jsonl", cwd=job)
    assert (done.returncode, done.stderr) == (2, "beckon: erasing cannot be undone, and there is nobody to ask; give --yes\n")
    done = beckon("person", "erase", "anna-user", "--yes", cwd=job)
    assert (done.returncode, done.stderr.split(":")[1]) == (2, " no input")
    assert (job / "events.jsonl").read_bytes() == before


def test_a_running_job_forgets_a_person_and_all_its_files_do(job: Path) -> None:
    running = start("run", "--plan", "plan", "--input", "events.jsonl", "--follow", cwd=job)
    out = job / "out"
    until(lambda: (out / "transitions.jsonl").exists() and b"user-2" in (out / "transitions.jsonl").read_bytes(), running)
    until(lambda: beckon("person", "export", "user-2", cwd=job).returncode == 0, running)
    assert {each for there in in_files(out / "state").values() for each in there} >= {"anna-user", "visitor-one", "secret-sku"}
    done = beckon("person", "erase", "visitor-one", "--yes", "--input", "events.jsonl", "--json", cwd=job)
    sent = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert sent["record"]["userId"] == "anna-user"
    assert set(sent["record"]["properties"]["identifiers"]) == {"annegretbergdorfer@gmail.com", "visitor-one"}
    until(lambda: b"beckon.erased" in (out / "transitions.jsonl").read_bytes(), running)
    until(lambda: in_files(out / "state") == {}, running)
    assert beckon("person", "export", "anna-user", cwd=job).returncode == 1
    assert export(job, "user-2")["lanes"][0]["events"] > 0
    running.send_signal(signal.SIGTERM)
    done_run = ended(running)
    assert done_run.returncode == 0, done_run.stderr
    assert in_files(out / "state") == {}
    did = run(job)
    assert (did["records"], in_files(out / "state")) == (0, {})
    # A later record of the same user is of somebody new.
    with (job / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record(40, userId="anna-user")) + "\n")
    run(job)
    assert export(job, "anna-user")["lanes"][0]["events"] == 1


def test_what_forms_asked_is_forgotten_while_the_edge_runs(job: Path) -> None:
    run(job)
    memory = open_memory(job / "edge" / "forms.sqlite")
    memory.note([MAIL, "visitor-one"], ["birthday"], 1)
    memory.note(["user-2"], ["birthday"], 1)
    erase = ("person", "erase", "anna-user", "--yes", "--input", "events.jsonl", "--data")
    assert beckon(*erase, "edge", cwd=job).returncode == 0
    assert (*memory.asked("visitor-one"), *memory.asked(MAIL)) == ()
    assert memory.asked("user-2") == {"birthday"}
    memory.close()
    done = beckon(*erase, "plan", cwd=job)
    assert (done.returncode, done.stderr) == (3, "beckon: there is no forms.sqlite in plan; give the --data of `beckon collect`\n")


def test_a_replay_forgets_too(job: Path) -> None:
    run(job)
    assert beckon("person", "erase", "anna-user", "--yes", "--input", "events.jsonl", cwd=job).returncode == 0
    did = run(job, "--output", "again")
    assert (did["erased"], did["events"]) == (1, len(ANNA) + len(OTHERS) + 1)
    assert in_files(job / "again" / "state") == {}
    assert beckon("replay", "--plan", "plan", "--input", "events.jsonl", cwd=job).returncode == 0


def test_the_key_of_the_list_stays_the_same(job: Path) -> None:
    run(job)
    path = job / "out" / "state" / "suppression.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = path.read_text(encoding="ascii").strip()
    assert len(bytes.fromhex(key)) == 32
    assert beckon("person", "erase", "anna-user", "--yes", "--input", "events.jsonl", cwd=job).returncode == 0
    run(job, key=key)
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", cwd=job, BECKON_SUPPRESSION_KEY="another key of 20 signs")
    assert done.returncode == 3
    assert "partition 0: the suppression list was made with the key " in done.stderr
    assert "another key" not in done.stderr
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", cwd=job, BECKON_SUPPRESSION_KEY="short")
    assert done.returncode == 2
    assert "BECKON_SUPPRESSION_KEY: must have at least 16 characters" in done.stderr


def test_a_shared_device_is_no_name_of_one_of_several_users(tmp_path: Path) -> None:
    """In lanes of their own, users of one device know nothing of each other."""
    plan_folder(tmp_path / "plan")
    for lane, user in enumerate(("anna-user", "bob")):
        write_lines(tmp_path / f"{lane}.jsonl", [record(1, userId=user, anonymousId="tablet"), record(2, anonymousId=f"old-{lane}")])
        done = beckon("run", "--plan", "plan", "--input", f"{lane}.jsonl", "--output", f"out-{lane}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (tmp_path / f"out-{lane}" / "state" / "lane-0").rename(tmp_path / f"lane-{lane}")
    done = beckon("person", "export", "tablet", "--state", ".", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "beckon: this is an identifier of several users, each in a lane of its own; give a userId\n",
    )
    done = beckon("person", "export", "bob", "--state", ".", cwd=tmp_path)
    assert [lane["person"] for lane in json.loads(done.stdout)["lanes"]] == ["bob"]


def test_a_visitor_in_another_lane_is_the_user_s(tmp_path: Path) -> None:
    plan_folder(tmp_path / "plan")
    streams = [[record(1, userId="anna-user", anonymousId="visitor")], [record(1, anonymousId="visitor"), record(2, userId="bob")]]
    for lane, lines in enumerate(streams):
        write_lines(tmp_path / f"{lane}.jsonl", lines)
        done = beckon("run", "--plan", "plan", "--input", f"{lane}.jsonl", "--output", f"out-{lane}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (tmp_path / f"out-{lane}" / "state" / "lane-0").rename(tmp_path / f"lane-{lane}")
    done = beckon("person", "export", "anna-user", "--state", ".", cwd=tmp_path)
    assert [lane["person"] for lane in json.loads(done.stdout)["lanes"]] == ["anna-user", "visitor"]


def test_over_kafka_each_partition_is_told(job: Path, broker: Broker, plan_name: str) -> None:
    (job / "plan" / "plan.yaml").write_text(f"name: {plan_name}\n", encoding="utf-8")
    topic = broker.create_topic(f"{plan_name}.events", 3)
    Feed(broker, topic).send(Sent(line.get("userId") or line["anonymousId"], json.dumps(line).encode()) for line in [*ANNA, *OTHERS])
    options = ("--plan", "plan", "--kafka", broker.address, "--state", "state", "--create-topics", "--until", "2026-12-31", "--json")
    done = beckon("run", *options, cwd=job)
    assert (done.returncode, json.loads(done.stdout)["events"]) == (0, len(ANNA) + len(OTHERS))
    found = json.loads(beckon("person", "export", "anna-user", "--state", "state", cwd=job).stdout)
    assert sum(lane["events"] for lane in found["lanes"]) == 3
    erase = ("person", "erase", "anna-user", "--yes", "--kafka", broker.address, "--plan", "plan", "--state", "state")
    assert beckon(*erase, cwd=job).returncode == 0
    done = beckon("run", *options, cwd=job)
    did = json.loads(done.stdout)
    assert (done.returncode, did["records"], did["events"], did["erased"]) == (0, 3, 3, len(found["lanes"]))
    assert in_files(job / "state") == {}
    assert beckon("person", "export", "anna-user", "--state", "state", cwd=job).returncode == 1
