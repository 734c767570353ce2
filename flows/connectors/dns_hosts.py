"""`DnsHosts`: whether a domain takes mail, by its MX records, else by its addresses (RFC 5321, 5.1; RFC 7505).

*Guarantees*: nothing is said of any domain by name servers that do not know the mail hosts of `KNOWN`: those of a closed network deny
every domain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import dns.asyncresolver
import dns.exception
import dns.inet
import dns.message
import dns.name
import dns.nameserver
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.SOA import SOA

from flows.verify.hosts import Domain
from schemas.errors import UnavailableError, UsageError

KNOWN = "gmail.com"
"""Takes mail, as everybody knows."""
TRY_S, MOST_S = 2.0, 6.0
"""So long one server is waited for, and all of them together."""
_PORT = 53
_MISSING_S = 3600
"""So long a domain is taken for missing where its zone says nothing."""


class DnsHosts:
    """Asks these name servers, else those of the system; `MOST_S` a record at most."""

    def __init__(self, servers: Sequence[str] = (), *, try_s: float = TRY_S, most_s: float = MOST_S) -> None:
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            raise UnavailableError("this machine names no name servers; give one with --resolver") from None
        if servers:
            addresses = [server_of(server) for server in servers]
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in addresses]
        self._resolver.timeout, self._resolver.lifetime = try_s, most_s
        self._resolver.cache = None
        self._trusted: asyncio.Task[None] | None = None

    async def look_up(self, domain: str) -> Domain:
        """What the domain says of itself. UnavailableError where the servers are not to be trusted; nothing else that they do is raised."""
        if self._trusted is None:
            self._trusted = asyncio.create_task(self._trust())
        await self._trusted
        return await self._ask(domain)

    async def _trust(self) -> None:
        if (await self._ask(KNOWN)).finding != "mx":
            raise UnavailableError(
                f"the name servers do not know the mail hosts of {KNOWN}, so nothing that they say can be taken; "
                "see to the network, or give other servers with --resolver"
            )

    async def _ask(self, domain: str) -> Domain:
        try:
            for kind in ("MX", "A", "AAAA"):
                found = await self._records(domain, kind)
                if found is not None:
                    return found
        except dns.resolver.NXDOMAIN as error:
            return Domain("no_domain", _negative_s(error.kwargs["responses"].values()))
        except dns.exception.DNSException:
            return Domain("failed", 0)
        return Domain("no_host", _MISSING_S)

    async def _records(self, domain: str, kind: str) -> Domain | None:
        """What the records of a kind say; None where there are none."""
        answer = await self._resolver.resolve(f"{domain}.", kind, raise_on_no_answer=False, search=False)
        if answer.rrset is None:
            return None
        if kind != "MX":
            return Domain("implicit_mx", answer.rrset.ttl)
        hosts = [record.exchange for record in answer.rrset if isinstance(record, MX)]
        return Domain("null_mx" if all(host == dns.name.root for host in hosts) else "mx", answer.rrset.ttl)


def _negative_s(responses: Iterable[dns.message.Message]) -> int:
    """How long a domain may be taken for missing (RFC 2308): what its zone says, else an hour."""
    said = [min(rrset.ttl, soa.minimum) for each in responses for rrset in each.authority for soa in rrset if isinstance(soa, SOA)]
    return min(said, default=_MISSING_S)


def server_of(text: str) -> tuple[str, int]:
    """Address and port of a name server.

    >>> server_of("127.0.0.1:5353"), server_of("[::1]:53"), server_of("9.9.9.9")
    (('127.0.0.1', 5353), ('::1', 53), ('9.9.9.9', 53))
    """
    host, _, port = text.rpartition(":") if text.count(":") == 1 or text.startswith("[") else (text, "", "")
    if not port:
        host, port = text, str(_PORT)
    host = host.strip("[]")
    if not dns.inet.is_address(host) or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"--resolver must be the address of a name server, like 9.9.9.9 or 127.0.0.1:5353; got {text!r}")
    return host, int(port)
