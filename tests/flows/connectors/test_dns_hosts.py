"""Whether domains take mail, asked of a real name server."""

from __future__ import annotations

import asyncio

import pytest

from flows.connectors.dns_hosts import DnsHosts, server_of
from flows.verify.hosts import Domain
from schemas.errors import UnavailableError, UsageError
from tests.name_server import NEGATIVE_S, Behaviour, NameServer

TTL_S = 1234
CASES: dict[str, tuple[Behaviour | None, Domain]] = {
    "mx.test": ({"MX": ("10 a.mx.test.", "20 b.mx.test.")}, Domain("mx", TTL_S)),
    "only-a.test": ({"A": ("192.0.2.1",)}, Domain("implicit_mx", TTL_S)),
    "only-aaaa.test": ({"AAAA": ("2001:db8::1",)}, Domain("implicit_mx", TTL_S)),
    # RFC 7505: one MX record of the root; addresses beside it do not count.
    "null.test": ({"MX": ("0 .",), "A": ("192.0.2.1",)}, Domain("null_mx", TTL_S)),
    # Not a null MX, for there is another one.
    "half-null.test": ({"MX": ("0 .", "10 a.mx.test.")}, Domain("mx", TTL_S)),
    "empty.test": ({"TXT": ("nothing",)}, Domain("no_host", 3600)),
    "nowhere.test": (None, Domain("no_domain", NEGATIVE_S)),
    "broken.test": ("servfail", Domain("failed", 0)),
    "silent.test": ("silent", Domain("failed", 0)),
}


def look_up(server: NameServer, *domains: str) -> list[Domain]:
    """What the domains say."""

    async def asked() -> list[Domain]:
        hosts = DnsHosts([server.address], try_s=1, most_s=1)
        return [await hosts.look_up(domain) for domain in domains]

    return asyncio.run(asked())


@pytest.mark.parametrize("domain", CASES)
def test_what_a_domain_says_of_itself(domain: str) -> None:
    behaviour, expected = CASES[domain]
    with NameServer({} if behaviour is None else {domain: behaviour}, TTL_S) as server:
        assert look_up(server, domain) == [expected]
        assert server.asked[domain] >= 1


def test_servers_that_deny_what_everybody_knows_are_not_believed() -> None:
    with NameServer({"mx.test": {"MX": ("10 a.mx.test.",)}}) as server:
        del server.zone["gmail.com"]
        with pytest.raises(UnavailableError, match="do not know the mail hosts"):
            look_up(server, "mx.test")


def test_whether_servers_are_believed_is_asked_once() -> None:
    with NameServer({}) as server:
        look_up(server, "a.test", "b.test", "c.test")
        assert server.asked == {"gmail.com": 1, "a.test": 1, "b.test": 1, "c.test": 1}


@pytest.mark.parametrize("text", ["dns.example.com", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999", "1.2.3", ""])
def test_what_is_no_address_of_a_name_server(text: str) -> None:
    with pytest.raises(UsageError, match="--resolver must be the address"):
        server_of(text)
