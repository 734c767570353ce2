"""`beckon verify`: from addresses of a live state to events in the input, with a real name server and a real service."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.connectors.kafka_settings import KafkaSettings
from tests.command import beckon, ended, lines, plan_folder, start, until, write_lines
from tests.flows.connectors.kafka_logs import end_of
from tests.kafka_broker import Broker
from tests.name_server import Behaviour, NameServer
from tests.verifying_service import KEY, Plays, VerifyingService, zerobounce

ADDRESSES = {
    "anna": "Anna@mx.test",
    "ben": "ben@null.test",
    "cleo": "cleo@gmail,com",
    "dora": "dora@mailinator.com",
    "emil": "emil@nowhere.test",
    "finn": "finn@broken.test",
}
ACTS = (("anna", "Unsubscribed"), ("ben", "Email Marked as Spam"))
SEGMENTS = """segments:
  unreachable: latest('Email Verified', where=status == 'undeliverable')
  good: latest('Email Verified', where=status == 'deliverable')
"""


def identify(person: str, email: str, second: int = 0) -> dict[str, Any]:
    """An identify of a person with an address."""
    return {
        "type": "identify",
        "messageId": f"i-{person}-{second}",
        "userId": person,
        "timestamp": f"2026-01-01T00:00:{second:02}Z",
        "traits": {"email": email},
    }


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A name server with domains of each kind."""
    mx: Behaviour = {"MX": ("10 mail.mx.test.",)}
    with NameServer({"mx.test": mx, "null.test": {"MX": ("0 .",)}, "broken.test": "servfail"}) as server:
        yield server


@pytest.fixture(scope="module")
def any_job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan, and a job that was run over the addresses, for tests that change nothing."""
    return prepared(tmp_path_factory.mktemp("any"), ADDRESSES)


@pytest.fixture
def job(tmp_path: Path, any_job: Path) -> Path:
    """The same, for a test of its own."""
    return shutil.copytree(any_job, tmp_path / "job")


@pytest.fixture(scope="module")
def any_of_forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, over forty mailboxes of one domain, and one of a domain that takes no mail."""
    many = {f"p{number}": f"p{number}@mx.test" for number in range(40)}
    return prepared(tmp_path_factory.mktemp("forty"), many | {"ben": "ben@null.test"})


@pytest.fixture
def forty(tmp_path: Path, any_of_forty: Path) -> Path:
    """The same, for a test of its own."""
    return shutil.copytree(any_of_forty, tmp_path / "forty")


def prepared(folder: Path, addresses: dict[str, str]) -> Path:
    """The same, over other addresses."""
    plan = plan_folder(folder / "plan")
    (plan / "segments.yaml").write_text(SEGMENTS, encoding="utf-8")
    (plan / "campaigns" / "look.yaml").unlink()
    write_lines(folder / "events.jsonl", [identify(person, email) for person, email in addresses.items()])
    run(folder)
    return folder


def run(folder: Path) -> None:
    """Runs the job over what is new."""
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", cwd=folder)
    assert done.returncode == 0, done.stderr


def arguments(names: NameServer, *more: object) -> list[object]:
    """The words of the command."""
    return ["verify", "--plan", "plan", "--input", "events.jsonl", "--resolver", names.address, *more]


def called(folder: Path, words: list[object], peer: VerifyingService | None = None) -> subprocess.CompletedProcess[str]:
    """Runs it to its end, with a key for the service."""
    if peer is None:
        return beckon(*words, cwd=folder)
    return beckon(*words, cwd=folder, BECKON_ZEROBOUNCE_KEY=KEY, BECKON_ZEROBOUNCE_URL=peer.url)


def started(folder: Path, words: list[object], peer: VerifyingService) -> subprocess.Popen[bytes]:
    """Starts it."""
    return start(*words, cwd=folder, BECKON_ZEROBOUNCE_KEY=KEY, BECKON_ZEROBOUNCE_URL=peer.url)


def verify(folder: Path, names: NameServer, peer: VerifyingService | None = None) -> dict[str, Any]:
    """Runs it, with the service or without one; gives what it did."""
    done = called(folder, arguments(names, "--json", *(() if peer is None else ("--service", "zerobounce"))), peer)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def sent(folder: Path) -> list[dict[str, Any]]:
    """The events that it put into the input."""
    records = [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    return [record for record in records if record.get("event") == "Email Verified"]


def reasons(folder: Path) -> dict[str, str]:
    """Person -> why mail arrives, or does not."""
    return {record["userId"]: record["properties"]["reason"] for record in sent(folder)}


def members(folder: Path, segment: str) -> set[str]:
    """Who has entered it."""
    came = [json.loads(line) for line in lines(folder / "out", "transitions")]
    return {each["subject"] for each in came if each["data"]["segment"] == segment and each["type"].endswith("entered")}


def test_what_domains_say_arrives_as_events(job: Path, names: NameServer) -> None:
    told = verify(job, names)
    assert told["sent"] == {"deliverable": 0, "undeliverable": 3, "risky": 1, "unknown": 1}
    assert (told["persons"], told["addresses"], told["looked_up"], told["waiting"], told["left"]) == (6, 6, 5, 1, 0)
    assert reasons(job) == {
        "anna": "mx_found",
        "ben": "null_mx",
        "cleo": "invalid_email",
        "dora": "disposable",
        "emil": "invalid_domain",
    }
    [anna] = [record for record in sent(job) if record["userId"] == "anna"]
    assert anna["properties"] | {"checked_at": ""} == {
        "email": "Anna@mx.test",
        "trait": "email",
        "status": "unknown",
        "reason": "mx_found",
        "mx": True,
        "service": "mx",
        "checked_at": "",
    }
    run(job)
    assert members(job, "unreachable") == {"ben", "cleo", "emil"}


def test_what_is_known_is_not_looked_up_again(job: Path, names: NameServer) -> None:
    verify(job, names)
    asked, before = names.asked.copy(), sent(job)
    told = verify(job, names)
    assert (told["looked_up"], told["waiting"], sum(told["sent"].values())) == (0, 1, 0)
    assert (names.asked, sent(job)) == (asked, before)


def test_a_service_is_asked_only_where_nothing_else_says_that_mail_does_not_arrive(job: Path, names: NameServer) -> None:
    with VerifyingService(lambda _: zerobounce("valid")) as peer:
        told = verify(job, names, peer)
        assert told["service"] == {"name": "zerobounce", "paid": 1, "paid_this_month": 1}
        verify(job, names, peer)
    assert peer.addresses == ["Anna@mx.test"]
    assert reasons(job)["anna"] == "accepted_email"
    run(job)
    assert members(job, "good") == {"anna"}


def test_a_domain_that_takes_mail_is_no_verdict_once_a_service_is_there(job: Path, names: NameServer) -> None:
    verify(job, names)
    with VerifyingService(lambda _: zerobounce("invalid", "mailbox_not_found")) as peer:
        verify(job, names, peer)
    assert [record["properties"]["reason"] for record in sent(job) if record["userId"] == "anna"] == ["mx_found", "rejected_email"]


def test_a_mailbox_is_paid_once_for_all_its_spellings(tmp_path: Path, names: NameServer) -> None:
    prepared(tmp_path, {"anna": "anna.smith@gmail.com", "a-2": "AnnaSmith+shop@googlemail.com"})
    names.zone["googlemail.com"] = names.zone["gmail.com"]
    with VerifyingService(lambda _: zerobounce("valid")) as peer:
        told = verify(tmp_path, names, peer)
    assert len(peer.requests) == 1
    assert told["sent"]["deliverable"] == 2
    assert {record["properties"]["email"] for record in sent(tmp_path)} == {"anna.smith@gmail.com", "AnnaSmith+shop@googlemail.com"}


def test_no_service_is_told_of_who_wants_no_mail(tmp_path: Path, names: NameServer) -> None:
    prepared(tmp_path, {"anna": "anna@mx.test", "ben": "ben@mx.test", "ben-2": "Ben@mx.test"})
    act = {"type": "track", "timestamp": "2026-01-01T00:01:00Z"}
    acts = [act | {"messageId": f"a{n}", "userId": person, "event": event} for n, (person, event) in enumerate(ACTS)]
    with (tmp_path / "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(each) + "\n" for each in acts)
    run(tmp_path)
    due = called(tmp_path, arguments(names, "--service", "zerobounce", "--dry-run", "--json"))
    assert json.loads(due.stdout)["to_ask"] == 1
    with VerifyingService(lambda _: zerobounce("valid")) as peer:
        verify(tmp_path, names, peer)
        verify(tmp_path, names, peer)
    # But where somebody else has the same mailbox.
    assert peer.addresses == ["Ben@mx.test"]
    assert [(each["userId"], each["properties"]["reason"]) for each in sent(tmp_path)] == [
        ("anna", "mx_found"),
        ("ben", "accepted_email"),
        ("ben-2", "accepted_email"),
    ]


def test_beyond_the_budget_nobody_is_asked(forty: Path, names: NameServer) -> None:
    words = arguments(names, "--service", "zerobounce", "--json")
    with VerifyingService(lambda _: zerobounce("valid")) as peer:
        done = called(forty, [*words, "--budget", 4, "--month-budget", 6], peer)
        assert (done.returncode, done.stderr) == (0, "beckon: the budget is spent; 36 mailboxes left unasked\n")
        assert json.loads(done.stdout)["left"] == 36
        assert len(peer.requests) == 4
        # The month has two more.
        done = called(forty, [*words, "--budget", 4, "--month-budget", 6], peer)
        assert json.loads(done.stdout)["service"] == {"name": "zerobounce", "paid": 2, "paid_this_month": 6}
    assert len(peer.requests) == len({*peer.addresses}) == 6
    assert sorted(reasons(forty).values()) == ["accepted_email"] * 6 + ["null_mx"]


def test_a_failing_service_is_left_alone(forty: Path, names: NameServer) -> None:
    words = arguments(names, "--service", "zerobounce")
    with VerifyingService(lambda _: Plays(500, {})) as peer:
        done = called(forty, words, peer)
        assert done.returncode == 3
        assert "zerobounce has failed 5 times in a row, at last with HTTP 500; it is left alone until 20" in done.stderr
        # Five were enough; others were under way.
        assert 5 <= len(peer.requests) <= 12
        first = len(peer.requests)
        # What else was found is sent, and what may have cost a credit counts as asked.
        assert sorted(reasons(forty).values()) == ["no_answer"] * first + ["null_mx"]
        done = called(forty, words, peer)
        assert (done.returncode, len(peer.requests)) == (3, first)


def test_a_refused_key_ends_it_at_once_and_costs_nothing(forty: Path, names: NameServer) -> None:
    answers = [Plays(body={"error": "Invalid API key or your account ran out of credits"})]
    words = arguments(names, "--service", "zerobounce")
    with VerifyingService(lambda _: answers[-1]) as peer:
        done = called(forty, words, peer)
        assert done.returncode == 3
        assert "zerobounce refuses the key, or the account has no credits left" in done.stderr
        assert 1 <= len(peer.requests) <= 8
        assert reasons(forty) == {"ben": "null_mx"}
        answers.append(zerobounce("valid"))
        told = verify(forty, names, peer)
    assert told["service"] == {"name": "zerobounce", "paid": 40, "paid_this_month": 40}


def test_a_kill_between_the_question_and_the_answer_does_not_pay_twice(tmp_path: Path, names: NameServer) -> None:
    prepared(tmp_path, {"anna": "anna@mx.test"})
    answered = threading.Event()

    def late(_: object) -> Plays:
        answered.wait()
        return zerobounce("valid")

    with VerifyingService(late) as peer:
        process = started(tmp_path, arguments(names, "--service", "zerobounce"), peer)
        until(lambda: peer.requests != [], process)
        process.kill()
        ended(process)
        answered.set()
        assert sent(tmp_path) == []
        told = verify(tmp_path, names, peer)
        verify(tmp_path, names, peer)
    assert told["service"] == {"name": "zerobounce", "paid": 0, "paid_this_month": 1}
    assert len(peer.requests) == 1
    assert reasons(tmp_path) == {"anna": "no_answer"}
    assert len(sent(tmp_path)) == 1


def test_a_stop_finishes_what_is_under_way_and_sends_it(tmp_path: Path, names: NameServer) -> None:
    prepared(tmp_path, {f"p{number}": f"p{number}@mx.test" for number in range(100)})
    go = threading.Event()

    def late(_: object) -> Plays:
        go.wait()
        return zerobounce("valid")

    with VerifyingService(late) as peer:
        process = started(tmp_path, arguments(names, "--service", "zerobounce"), peer)
        until(lambda: len(peer.requests) == 8, process)
        process.send_signal(signal.SIGTERM)
        go.set()
        done = ended(process)
    assert done.returncode == 0, done.stderr
    assert "stopped: what was found is sent" in done.stderr
    assert len(sent(tmp_path)) == len(peer.requests) < 100
    # The rest is looked up by the next run, and nobody twice.
    with VerifyingService(lambda _: zerobounce("valid")) as other:
        verify(tmp_path, names, other)
    assert len({*peer.addresses, *other.addresses}) == len(peer.requests) + len(other.requests) == 100


def test_the_ledger_and_what_is_said_have_no_address_and_no_key(job: Path, names: NameServer) -> None:
    with VerifyingService(lambda _: Plays(500, {"error": KEY})) as peer:
        done = called(job, arguments(names, "--service", "zerobounce"), peer)
    kept = b"".join(path.read_bytes() for path in (job / "out" / "state").glob("verify.sqlite*"))
    assert b"zerobounce" in kept
    for secret in (KEY, *ADDRESSES.values(), *ADDRESSES, "mx.test", "null.test", "mailinator"):
        assert secret.encode().lower() not in kept.lower(), secret
        assert secret.lower() not in f"{done.stdout}{done.stderr}".lower().replace("mailbox", ""), secret


def own_files(job: Path) -> dict[Path, bytes]:
    """All files but those of the lanes, which a reader of a live state touches."""
    return {path: path.read_bytes() for path in job.rglob("*") if path.is_file() and not path.parent.name.startswith("lane-")}


def test_a_dry_run_asks_nobody_and_writes_nothing(job: Path, names: NameServer) -> None:
    before = own_files(job)
    done = beckon("verify", "--plan", "plan", "--service", "zerobounce", "--dry-run", "--json", cwd=job)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"persons": 6, "addresses": 6, "by_themselves": 2, "domains": 4, "to_ask": 4, "to_tell": 0}
    assert own_files(job) == before
    verify(job, names)
    done = beckon("verify", "--plan", "plan", "--dry-run", "--json", cwd=job)
    assert json.loads(done.stdout) == {"persons": 6, "addresses": 1, "by_themselves": 0, "domains": 0, "to_ask": 0, "to_tell": 0}


def test_a_changed_address_is_looked_up_and_one_that_is_back_is_told_again(tmp_path: Path, names: NameServer) -> None:
    prepared(tmp_path, {"anna": "anna@mx.test"})
    for second, email in enumerate(("anna@null.test", "anna@mx.test"), 1):
        verify(tmp_path, names)
        with (tmp_path / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(identify("anna", email, second)) + "\n")
        run(tmp_path)
    asked = names.asked.copy()
    verify(tmp_path, names)
    told = sent(tmp_path)
    assert [record["properties"]["reason"] for record in told] == ["mx_found", "null_mx", "mx_found"]
    assert len({record["messageId"] for record in told}) == 3
    assert told[0]["timestamp"] < told[1]["timestamp"] < told[2]["timestamp"]
    # It is the first look-up, told again.
    assert told[0]["properties"] == told[2]["properties"]
    assert names.asked == asked


def test_what_the_job_was_told_is_not_paid_again_where_the_ledger_is_gone(tmp_path: Path, names: NameServer) -> None:
    prepared(tmp_path, {"anna": "anna@mx.test", "cleo": "cleo@gmail,com"})
    with VerifyingService(lambda _: zerobounce("do_not_mail", "toxic")) as peer:
        verify(tmp_path, names, peer)
        run(tmp_path)
        (tmp_path / "out" / "state" / "verify.sqlite").unlink()
        before = sent(tmp_path)
        due = called(tmp_path, arguments(names, "--service", "zerobounce", "--dry-run", "--json"))
        assert json.loads(due.stdout) == {"persons": 2, "addresses": 0, "by_themselves": 0, "domains": 0, "to_ask": 0, "to_tell": 0}
        told = verify(tmp_path, names, peer)
    assert (told["looked_up"], len(peer.requests), sent(tmp_path)) == (0, 1, before)


def rows(ledger: Path) -> dict[str, int]:
    """How many rows each table has."""
    with closing(sqlite3.connect(ledger)) as db:
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("answers", "domains", "told")}  # noqa: S608


def test_who_is_erased_leaves_the_ledger(tmp_path: Path, names: NameServer) -> None:
    prepared(tmp_path, {"anna": "Anna+shop@gmail.com", "cleo": "cleo@gmail,com", "ben": "ben@mx.test"})
    verify(tmp_path, names)
    run(tmp_path)
    ledger = tmp_path / "out" / "state" / "verify.sqlite"
    before = ledger.read_bytes()
    assert rows(ledger) == {"answers": 3, "domains": 2, "told": 3}
    with closing(sqlite3.connect(ledger)) as db:
        kept = {row[0] for row in db.execute("SELECT mailbox FROM answers UNION SELECT person FROM told UNION SELECT domain FROM domains")}
    for person in ("anna", "cleo"):
        done = beckon("person", "erase", person, "--yes", "--input", "events.jsonl", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert rows(ledger) == {"answers": 1, "domains": 1, "told": 1}
    after = ledger.read_bytes()
    assert len(kept) == 8
    assert all(hash in before for hash in kept)
    # Not in free pages either.
    assert sum(hash in after for hash in kept) == 3
    run(tmp_path)
    assert sum(verify(tmp_path, names)["sent"].values()) == 0


def test_who_cannot_leave_the_ledger_is_not_erased(job: Path, names: NameServer) -> None:
    verify(job, names)
    with closing(sqlite3.connect(job / "out" / "state" / "verify.sqlite")) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = beckon("person", "erase", "anna", "--yes", "--input", "events.jsonl", cwd=job)
    assert done.returncode == 3
    assert "verify.sqlite is in use by another `beckon verify`; wait for it to end" in done.stderr
    assert "erase" not in (job / "events.jsonl").read_text(encoding="utf-8")


def test_two_at_a_time_are_one_too_many(job: Path, names: NameServer) -> None:
    verify(job, names)
    other = sqlite3.connect(job / "out" / "state" / "verify.sqlite")
    other.execute("BEGIN EXCLUSIVE")
    done = beckon(*arguments(names), cwd=job)
    other.close()
    assert done.returncode == 3
    assert "is in use by another `beckon verify`" in done.stderr


def test_events_go_to_a_topic(job: Path, names: NameServer, broker: Broker, plan_name: str) -> None:
    broker.create_topic(f"{plan_name}.events", 1)
    words = ["verify", "--plan", "plan", "--kafka", broker.address, "--topic", f"{plan_name}.events", "--resolver", names.address, "--json"]
    done = beckon(*words, cwd=job)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["to"] == f"{plan_name}.events"
    # Beside the events, the end of the transaction has an offset.
    assert end_of(KafkaSettings(brokers=broker.address), f"{plan_name}.events") == 6


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "no input: give --input"),
        (("--input", "events.jsonl", "--kafka", "localhost:1"), 2, "and not both"),
        (("--input", "nowhere.jsonl"), 2, "there is no input nowhere.jsonl"),
        (("--input", "events.jsonl", "--service", "best"), 2, "--service must be one of zerobounce, neverbounce; got 'best'"),
        (("--input", "events.jsonl", "--service", "zerobounce"), 2, "zerobounce must have a key: set BECKON_ZEROBOUNCE_KEY"),
        (("--input", "events.jsonl", "--max-age", "soon"), 2, "--max-age: a duration must be like"),
        (("--input", "events.jsonl", "--max-age", "0s"), 2, "--max-age must be more than 0"),
        (("--input", "events.jsonl", "--resolver", "dns.test"), 2, "--resolver must be the address of a name server"),
        (("--input", "events.jsonl", "--state", "nowhere"), 3, "there is no state in nowhere"),
        (("--input", "events.jsonl", "--ledger", "plan/plan.yaml"), 3, "is broken or no ledger"),
    ],
)
def test_what_cannot_be_done(any_job: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = beckon("verify", "--plan", "plan", *words, cwd=any_job)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert sent(any_job) == []
