"""Passes over a live state at instants of a test's own: what is fresh, what waits, what is paid, and what a crash leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from flows.connectors.neverbounce import NeverBounce
from flows.plan_folder import open_plan
from flows.verify.judge import AGAIN_S, MOST_TRIES, SHORTEST_S, UNKNOWN_MS
from flows.verify.paid import FAILURES, PAUSE_S, REST_MS, Budget
from flows.verify.session import Ended, Session, verify
from flows.verify.target import FilesTarget, Keyed
from operators.instants import parse_instant
from schemas.errors import UnavailableError
from tests.command import beckon, plan_folder, write_lines
from tests.name_server import Behaviour, NameServer
from tests.verifying_service import KEY, Plays, VerifyingService, neverbounce, neverbounce_error

START_MS = 1_798_000_000_000
DAY_MS = 86_400_000
MX: Behaviour = {"MX": ("10 mail.mx.test.",)}


class Passes:
    """The job of one person, anna@mx.test, and passes over it. `now` is the instant of all of them, `pauses` how long was waited."""

    def __init__(self, state: Path, folder: Path) -> None:
        self.now, self.pauses = START_MS, list[float]()
        self.input = write_lines(folder / "events.jsonl", [])
        self._session = Session(open_plan(state / "plan"), [state / "out" / "state"], folder / "ledger.sqlite", 90 * DAY_MS, asking=True)
        self._free = Session(self._session.plan, self._session.states, self._session.ledger, self._session.age_ms, asking=False)

    def free(self, names: NameServer, target: FilesTarget | None = None) -> Ended:
        """A pass without a service."""
        return verify(self._free, target or FilesTarget(self.input), [names.address], None, Budget(), clock=lambda: self.now)

    def paid(self, names: NameServer, url: str, budget: Budget = Budget()) -> Ended:
        """A pass with a service."""
        service = NeverBounce(SecretStr(KEY), url)
        return verify(self._session, FilesTarget(self.input), [names.address], service, budget, clock=lambda: self.now, pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def sent(self) -> list[dict[str, Any]]:
        """The records in the input."""
        return [json.loads(line) for line in self.input.read_text(encoding="utf-8").splitlines()]

    def reasons(self) -> list[str]:
        """What they say."""
        return [record["properties"]["reason"] for record in self.sent()]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job that was run over one person."""
    folder = tmp_path_factory.mktemp("job")
    plan_folder(folder / "plan")
    identify = {"type": "identify", "messageId": "i", "userId": "anna", "timestamp": "2026-01-01T00:00:00Z"}
    write_lines(folder / "events.jsonl", [identify | {"traits": {"email": "anna@mx.test"}}])
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def passes(state: Path, tmp_path: Path) -> Passes:
    """Passes over it, with a ledger and an input of their own."""
    return Passes(state, tmp_path)


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A name server that knows mx.test."""
    with NameServer({"mx.test": MX}, ttl_s=30) as server:
        yield server


def playing(*plays: Plays) -> VerifyingService:
    """A service that gives these answers, in order; more questions are an error of the test."""
    answers = iter(plays)
    return VerifyingService(lambda _: next(answers))


def test_a_verdict_is_fresh_for_its_age(passes: Passes, names: NameServer) -> None:
    with playing(neverbounce("valid"), neverbounce("invalid")) as peer:
        for days in (0, 1, 89, 90, 91):
            passes.now = START_MS + days * DAY_MS
            passes.paid(names, peer.url)
    assert passes.reasons() == ["accepted_email", "rejected_email"]
    assert [record["timestamp"] for record in passes.sent()] == ["2026-12-23T04:26:40.000Z", "2027-03-23T04:26:40.000Z"]
    assert len({record["messageId"] for record in passes.sent()}) == 2


def test_what_nobody_could_find_out_is_asked_again_sooner(passes: Passes, names: NameServer) -> None:
    with playing(neverbounce("unknown"), neverbounce("valid")) as peer:
        for ms in (0, UNKNOWN_MS - 1, UNKNOWN_MS):
            passes.now = START_MS + ms
            passes.paid(names, peer.url)
    assert passes.reasons() == ["not_determined", "accepted_email"]


def test_a_domain_that_does_not_answer_is_asked_again_later_and_not_without_end(passes: Passes, names: NameServer) -> None:
    names.zone["mx.test"] = "servfail"
    times, asked = [], 0
    for minute in range(0, 24 * 60, 15):
        passes.now = START_MS + minute * 60_000
        passes.free(names)
        if names.asked["mx.test"] > asked:
            asked = names.asked["mx.test"]
            times.append(minute)
    waits = [AGAIN_S // 60 * 2**number for number in range(MOST_TRIES - 1)]
    assert times == [sum(waits[:number]) for number in range(MOST_TRIES)]
    assert passes.reasons() == ["dns_failure"]
    # One that answers again is as any other.
    names.zone["mx.test"] = MX
    passes.now += UNKNOWN_MS
    passes.free(names)
    assert passes.reasons() == ["dns_failure", "mx_found"]


def test_what_a_domain_said_holds_a_while(passes: Passes, names: NameServer) -> None:
    with playing(*(Plays(400, {}) for _ in range(4))) as peer:
        for seconds in (0, SHORTEST_S - 1, SHORTEST_S):
            passes.now = START_MS + seconds * 1000
            assert passes.paid(names, peer.url).done.mailboxes["left"] == 1
    assert names.asked["mx.test"] == 2


def test_a_throttled_request_is_sent_again_after_a_pause_and_costs_once(passes: Passes, names: NameServer) -> None:
    throttled = neverbounce_error("throttle_triggered")
    with playing(throttled, throttled, throttled, neverbounce("valid")) as peer:
        ended = passes.paid(names, peer.url)
    assert passes.pauses == [PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S]
    assert (ended.closed, ended.done.asked, ended.spent) == (None, 1, 1)
    assert passes.reasons() == ["accepted_email"]


def test_a_service_that_throttles_on_and_on_is_left_alone(passes: Passes, names: NameServer) -> None:
    throttled = neverbounce_error("throttle_triggered")
    with playing(*[throttled] * (FAILURES + 1), neverbounce("valid")) as peer:
        ended = passes.paid(names, peer.url)
        assert ended.closed is not None
        assert "takes no more requests for now; it is left alone until 2026-12-23T04:41:40.000Z" in ended.closed
        assert (len(peer.requests), ended.done.asked, ended.spent) == (FAILURES, 0, 0)
        passes.now += REST_MS - 1
        assert passes.paid(names, peer.url).closed is not None
        assert len(peer.requests) == FAILURES
        passes.now += 1
        assert passes.paid(names, peer.url).closed is not None
        assert len(peer.requests) == FAILURES + 1
        passes.now += REST_MS
        assert passes.paid(names, peer.url).closed is None
    assert passes.reasons() == ["accepted_email"]


@pytest.mark.parametrize("plays", [Plays(503, {}), Plays(hang_up=True), Plays(body=b"?"), neverbounce_error("temp_unavail")], ids=str)
def test_what_may_have_cost_a_credit_counts_as_paid_and_is_not_sent_again(passes: Passes, names: NameServer, plays: Plays) -> None:
    with playing(plays, neverbounce("valid")) as peer:
        ended = passes.paid(names, peer.url)
        assert (ended.done.asked, ended.spent, passes.reasons()) == (1, 1, ["no_answer"])
        passes.now += UNKNOWN_MS - 1
        passes.paid(names, peer.url)
        assert len(peer.requests) == 1
        passes.now += 1
        passes.paid(names, peer.url)
    assert passes.reasons() == ["no_answer", "accepted_email"]


@pytest.mark.parametrize("plays", [Plays(400, {}), Plays(401, {}), neverbounce_error("auth_failure")], ids=str)
def test_what_was_refused_has_cost_nothing_and_can_be_asked_again(passes: Passes, names: NameServer, plays: Plays) -> None:
    with playing(plays, neverbounce("valid")) as peer:
        ended = passes.paid(names, peer.url)
        assert (ended.done.asked, ended.spent, passes.reasons()) == (0, 0, [])
        passes.paid(names, peer.url)
    assert passes.reasons() == ["accepted_email"]


def test_a_service_out_of_reach_has_cost_nothing(passes: Passes, names: NameServer) -> None:
    with playing() as peer:
        url = peer.url
    for _ in range(FAILURES):
        ended = passes.paid(names, url)
        assert ended.spent == 0
    assert ended.closed is not None
    assert ended.closed.startswith("cannot be reached; it is left alone until")


def test_a_month_has_its_own_budget(passes: Passes, names: NameServer) -> None:
    budget = Budget(month=1)
    with playing(neverbounce("unknown"), neverbounce("unknown")) as peer:
        spans = ("2026-12-01", "2026-12-31T23:59:59Z", "2027-01-01", "2027-01-31")
        for day in spans:
            passes.now = parse_instant(day if "T" in day else f"{day}T00:00:00Z")
            passes.paid(names, peer.url, budget)
    assert [record["timestamp"][:10] for record in passes.sent()] == ["2026-12-01", "2027-01-01"]
    assert len(peer.requests) == 2


class CrashingTarget(FilesTarget):
    """An input that takes the records, and whose writer then is no more."""

    def send(self, records: Sequence[Keyed]) -> None:
        super().send(records)
        raise UnavailableError("gone")


def test_what_a_crash_kept_from_being_surely_sent_goes_again_as_the_same(passes: Passes, names: NameServer) -> None:
    with pytest.raises(UnavailableError, match="gone"):
        passes.free(names, CrashingTarget(passes.input))
    passes.now += DAY_MS
    passes.free(names)
    passes.free(names)
    first, again = passes.input.read_bytes().splitlines()
    assert first == again


def test_what_could_not_be_sent_is_not_looked_up_again(passes: Passes, names: NameServer, tmp_path: Path) -> None:
    class Nowhere(FilesTarget):
        def send(self, records: Sequence[Keyed]) -> None:
            raise UnavailableError("no disk")

    with pytest.raises(UnavailableError, match="no disk"):
        passes.free(names, Nowhere(passes.input))
    asked = names.asked.copy()
    passes.free(names)
    assert (names.asked, passes.reasons()) == (asked, ["mx_found"])


def test_the_job_counts_what_came_twice_once(state: Path, passes: Passes, names: NameServer, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="gone"):
        passes.free(names, CrashingTarget(passes.input))
    passes.free(names)
    done = beckon("run", "--plan", state / "plan", "--input", passes.input, "--output", tmp_path / "out", cwd=tmp_path)
    assert "1 event in" in done.stderr
    assert ", 1 duplicate\n" in done.stderr
