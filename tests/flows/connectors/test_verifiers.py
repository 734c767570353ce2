"""The services that verify addresses, against a real HTTP server that plays what each vendor documents: one contract for all."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from flows.connectors import neverbounce, zerobounce
from flows.connectors.lookup import checked_url
from flows.settings import Settings
from flows.verify.services import SERVICES, verifier_of
from flows.verify.verdict import REASONS, Reason
from flows.verify.verifier import Answered, Lost, Refused, Reply
from schemas.errors import UsageError
from tests.verifying_service import KEY, Plays, Request, VerifyingService
from tests.verifying_service import neverbounce as never
from tests.verifying_service import neverbounce_error as never_error
from tests.verifying_service import zerobounce as zero

ADDRESS = "anna+shop@example.com"

ZERO: dict[tuple[str, str], Reason] = {
    **{
        ("valid", sub): "accepted_email" for sub in ("", "alias_address", "leading_period_removed", "alternate", "gold", "ai_agent_mailbox")
    },
    **{("valid", sub): "catch_all" for sub in ("accept_all", "role_based_accept_all")},
    **{("invalid", sub): "rejected_email" for sub in ("mailbox_not_found", "does_not_accept_mail", "possible_typo")},
    ("invalid", "failed_syntax_check"): "invalid_email",
    **{("invalid", sub): "invalid_domain" for sub in ("no_dns_entries", "unroutable_ip_address")},
    ("invalid", "mailbox_quota_exceeded"): "mailbox_full",
    ("catch-all", ""): "catch_all",
    ("catch-all", "ai_agent_mailbox"): "catch_all",
    ("spamtrap", ""): "spam_trap",
    ("abuse", ""): "complainer",
    **{("do_not_mail", sub): "role" for sub in ("role_based", "role_based_catch_all")},
    ("do_not_mail", "disposable"): "disposable",
    ("do_not_mail", "possible_trap"): "spam_trap",
    **{("do_not_mail", sub): "low_quality" for sub in ("mx_forward", "global_suppression", "toxic")},
    **{
        ("unknown", sub): "not_determined"
        for sub in (
            "antispam_system",
            "exception_occurred",
            "failed_smtp_connection",
            "forcible_disconnect",
            "greylisted",
            "mail_server_did_not_respond",
            "mail_server_temporary_error",
            "timeout_exceeded",
        )
    },
}
"""The 7 statuses with their sub-statuses, as the vendor's page of status codes has them."""

NEVER: dict[tuple[str | int, tuple[str, ...]], tuple[Reason, str]] = {
    ("valid", ()): ("accepted_email", "valid"),
    ("valid", ("smtp_connectable", "free_email_host")): ("accepted_email", "valid"),
    ("valid", ("spamtrap_network",)): ("spam_trap", "valid spamtrap_network"),
    ("invalid", ()): ("rejected_email", "invalid"),
    ("invalid", ("bad_syntax",)): ("invalid_email", "invalid bad_syntax"),
    ("invalid", ("bad_dns",)): ("invalid_domain", "invalid bad_dns"),
    ("disposable", ("disposable_email",)): ("disposable", "disposable"),
    ("catchall", ("accepts_all",)): ("catch_all", "catchall"),
    ("unknown", ("connect_fails",)): ("not_determined", "unknown"),
    (0, ()): ("accepted_email", "valid"),
    (1, ()): ("rejected_email", "invalid"),
    (2, ()): ("disposable", "disposable"),
    (3, ()): ("catch_all", "catchall"),
    (4, ()): ("not_determined", "unknown"),
}
"""The 5 results, by name and by number, with flags that say more; the reason, and the words that are kept."""


class Case(NamedTuple):
    """A service, what it plays, and the reply that this is."""

    service: str
    plays: Plays
    expected: Reply | type[Lost]


CASES = [
    *(Case("zerobounce", zero(*said), Answered(reason, " ".join(said).strip())) for said, reason in ZERO.items()),
    Case("zerobounce", Plays(body={"error": "Invalid API Key or your account ran out of credits"}), Refused("key")),
    Case("zerobounce", zero("a status of tomorrow"), Lost),
    # A sub-status that is not known says no more than the status.
    Case("zerobounce", zero("invalid", "of_tomorrow"), Answered("rejected_email", "invalid of_tomorrow")),
    # An address in the place of a word goes nowhere.
    Case("zerobounce", zero("invalid", ADDRESS), Answered("rejected_email", "invalid")),
    *(Case("neverbounce", never(said, *flags), Answered(reason, word)) for (said, flags), (reason, word) in NEVER.items()),
    Case("neverbounce", never_error("auth_failure"), Refused("key")),
    Case("neverbounce", never_error("bad_referrer"), Refused("key")),
    Case("neverbounce", never_error("throttle_triggered"), Refused("throttled")),
    Case("neverbounce", never_error("general_failure"), Refused("request")),
    Case("neverbounce", never_error("temp_unavail"), Lost),
    Case("neverbounce", never("a result of tomorrow"), Lost),
    Case("neverbounce", never(7), Lost),
    Case("neverbounce", Plays(body={"result": "valid"}), Lost),
]
EVERYWHERE: list[tuple[Plays, Reply | type[Lost]]] = [
    *((Plays(status, {"error": "something"}), Refused("request")) for status in (400, 404, 405)),
    # A key goes nowhere else.
    *((Plays(status, {}, location="/elsewhere"), Refused("request")) for status in (301, 302, 307)),
    *((Plays(status, {}), Refused("key")) for status in (401, 402)),
    *((Plays(status, {}), Refused("throttled")) for status in (403, 429)),
    *((Plays(status, b"<html>"), Lost) for status in (500, 502, 503, 520, 524)),
    (Plays(body=b"<html>"), Lost),
    (Plays(body=[]), Lost),
    (Plays(body={}), Lost),
    (Plays(hang_up=True), Lost),
]
"""What any service can do on the way."""


def settings(url: str) -> Settings:
    """The environment of a user who has both keys."""
    key = SecretStr(KEY)
    return Settings(zerobounce_key=key, zerobounce_url=url, neverbounce_key=key, neverbounce_url=url)


def ask(service: str, url: str, times: int = 1) -> list[Reply]:
    """Asks, once a time."""

    async def asked() -> list[Reply]:
        verifier = verifier_of(service, settings(url))
        try:
            return [await verifier.verify(ADDRESS) for _ in range(times)]
        finally:
            await verifier.close()

    return asyncio.run(asked())


def is_as(reply: Reply, expected: Reply | type[Lost]) -> bool:
    """Whether a reply is the expected one; what a lost one says is for people."""
    return reply == expected or (isinstance(expected, type) and isinstance(reply, expected))


@pytest.mark.parametrize("service", SERVICES)
def test_a_reply_is_what_the_service_says_and_each_is_asked_once(service: str) -> None:
    cases = [case for case in CASES if case.service == service] + [Case(service, *each) for each in EVERYWHERE]
    plays = iter(cases)
    with VerifyingService(lambda _: next(plays).plays) as peer:
        replies = ask(service, peer.url, len(cases))
    assert [(case, reply) for case, reply in zip(cases, replies, strict=True) if not is_as(reply, case.expected)] == []
    assert len(peer.requests) == len(cases)


def test_the_tables_name_what_the_vendors_document() -> None:
    assert {status for status, _ in ZERO} == set(zerobounce.STATUSES)
    assert set(zerobounce.SUB_STATUSES) - {("do_not_mail", "possible_traps")} <= set(ZERO)
    reasons = chain(
        zerobounce.STATUSES.values(), zerobounce.SUB_STATUSES.values(), neverbounce.RESULTS.values(), neverbounce.FLAGS.values()
    )
    assert set(reasons) <= set(REASONS)


@pytest.mark.parametrize(
    ("service", "request_"),
    [
        ("zerobounce", Request("/v2/validate", {"api_key": KEY, "email": ADDRESS, "ip_address": "", "timeout": "30"})),
        ("neverbounce", Request("/v4/single/check", {"key": KEY, "email": ADDRESS, "timeout": "30"})),
    ],
)
def test_what_is_asked(service: str, request_: Request) -> None:
    with VerifyingService(lambda _: Plays(body={})) as peer:
        ask(service, peer.url)
    assert peer.requests == [request_]


@pytest.mark.parametrize("service", SERVICES)
def test_what_does_not_come_in_time_is_lost(service: str) -> None:
    over = threading.Event()

    def late(_: Request) -> Plays:
        over.wait()
        return Plays(body={})

    made: dict[str, Callable[..., Any]] = {"zerobounce": zerobounce.ZeroBounce, "neverbounce": neverbounce.NeverBounce}

    async def asked(url: str) -> Reply:
        verifier = made[service](SecretStr(KEY), url, read_s=0.2)
        reply: Reply = await verifier.verify(ADDRESS)
        await verifier.close()
        return reply

    with VerifyingService(late) as peer:
        reply = asyncio.run(asked(peer.url))
        over.set()
    assert reply == Lost("no answer in time")
    assert len(peer.requests) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_who_cannot_be_reached_was_not_asked(service: str) -> None:
    with VerifyingService(lambda _: Plays()) as peer:
        url = peer.url
    assert ask(service, url) == [Refused("unreachable")]


@pytest.mark.parametrize("service", SERVICES)
def test_no_log_has_a_key_or_an_address(service: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.INFO)
    with VerifyingService(lambda _: Plays(500, {})) as peer:
        replies = ask(service, peer.url)
    said = " ".join((caplog.text, *capfd.readouterr(), str(replies)))
    assert KEY not in said
    assert "anna" not in said


@pytest.mark.parametrize("url", ["http://api.zerobounce.net", "ftp://127.0.0.1", "127.0.0.1", "", "https://"])
def test_no_key_goes_over_the_network_in_the_clear(url: str) -> None:
    with pytest.raises(UsageError, match="must begin with https://"):
        checked_url(url)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_needs_its_key(service: str) -> None:
    with pytest.raises(UsageError, match=f"set BECKON_{service.upper()}_KEY"):
        verifier_of(service, Settings())
