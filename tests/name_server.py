"""A name server of a test, on a UDP port of this machine: it answers what its zone says of a domain."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from types import TracebackType
from typing import Literal, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.rdatatype import RdataType

Records = dict[str, tuple[str, ...]]
"""Kind of record -> its values."""
Behaviour = Records | Literal["servfail", "silent"]

GMAIL: dict[str, Behaviour] = {"gmail.com": {"MX": ("5 gmail-smtp-in.l.google.com.",)}}
"""A zone that is to be trusted knows it."""
NEGATIVE_S = 900
"""What the zone says of how long a missing domain is missing."""


class NameServer:
    """Domains that are not in `zone` do not exist. `asked` counts the questions for MX by domain, those that get no answer too."""

    def __init__(self, zone: dict[str, Behaviour], ttl_s: int = 300) -> None:
        self.zone, self.asked = GMAIL | zone, Counter[str]()
        self._ttl_s = ttl_s
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # An empty datagram ends the thread.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(4096)
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), sender)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        [question] = query.question
        domain = question.name.to_text(omit_final_dot=True)
        if question.rdtype == RdataType.MX:
            self.asked[domain] += 1
        answer, behaviour = dns.message.make_response(query), self.zone.get(domain)
        answer.flags |= dns.flags.RA
        if behaviour == "silent":
            return None
        if behaviour == "servfail":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif behaviour is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            soa = f"ns.{domain}. admin.{domain}. 1 7200 3600 1209600 {NEGATIVE_S}"
            answer.authority.append(dns.rrset.from_text(question.name, 3600, "IN", "SOA", soa))
        elif values := behaviour.get(RdataType(question.rdtype).name):
            answer.answer.append(dns.rrset.from_text(question.name, self._ttl_s, "IN", RdataType(question.rdtype).name, *values))
        return answer
