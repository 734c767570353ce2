"""`Connection`: uvicorn's connection, with limits on all that is no body: so much, so fast, from so many at once, and so far ahead.

*Guarantees*: whoever sends slowly, never ends, or does not read what is answered is let go of after a time that is known, and holds no more
than a known number of bytes until then. uvicorn has none of these limits (0.54).
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flows.collect.buckets import network

HEADERS_S = 15.0
"""So long may the head of a request take, the first after the connection was made."""
REQUEST_S = 45.0
"""So long may come what is behind the head, whether or not it was answered already."""
ANSWER_S = 30.0
"""So long is a sender waited for that does not read its answers."""
MAX_HEAD_BYTES = 64 * 1024
"""So long can the head of a request be: its line and its headers. What is about its body in chunks can be as long again."""
MOST_AHEAD = 20
"""So many requests can wait for the answer to one before them on their connection (pipelining, RFC 9112, 9.3.2)."""
MOST_CONNECTIONS = 4_000
"""So many at once; a further one is told to come again."""
MOST_OF_ONE = 1_000
"""So many of them from one address, unless it is a proxy that is trusted."""

_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class TooFarAheadError(Exception):
    """A connection that sends request after request, and waits for no answer."""


class Connection(HttpToolsProtocol):
    """A connection of the edge."""

    _of_one: ClassVar[Counter[str]] = Counter()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._loose_bytes = 0  # of the request at hand, but for its body
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection, unless there are too many."""
        super().connection_made(transport)
        self._address = network(self.client[0]) if self.client else ""
        self._of_one[self._address] += 1
        of_one = 0 if self.config.proxy_headers else self._of_one[self._address]
        if len(self.connections) > MOST_CONNECTIONS or of_one > MOST_OF_ONE:
            self._refuse(_FULL)
        else:
            self._within(HEADERS_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        self._of_one[self._address] -= 1
        if not self._of_one[self._address]:
            del self._of_one[self._address]
        self._within(None)
        self._read_by(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hands on what came, unless it is more than there can be beside bodies."""
        if self.transport.is_closing():
            return
        if self._in_head:
            if self._deadline is None:
                self._within(HEADERS_S)
            if b"pgrade:" in data:
                data = without_upgrade(data)
        self._loose_bytes += len(data)
        super().data_received(data)
        if self._loose_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(_LONG if self._in_head else b"")

    def on_message_begin(self) -> None:
        """A head begins."""
        if len(self.pipeline) >= MOST_AHEAD:
            self.transport.abort()
            raise TooFarAheadError
        if self._deadline is None:
            self._within(HEADERS_S)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header. What comes behind a body is none (RFC 9110, 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is there."""
        self._in_head = False
        self._within(REQUEST_S)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a body is there, which has limits of its own."""
        self._loose_bytes = max(self._loose_bytes - len(body), 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there as a whole; what comes next is the head of another one."""
        self._in_head, self._loose_bytes = True, 0
        self._within(None)
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Answers pile up."""
        self._read_by(ANSWER_S)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Answers are read."""
        self._read_by(None)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Tells that this is no HTTP, unless nobody is there any more."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _within(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.close)

    def _read_by(self, seconds: float | None) -> None:
        if self._unread is not None:
            self._unread.cancel()
        self._unread = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)

    def _refuse(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()


def without_upgrade(data: bytes) -> bytes:
    """The beginning of a request without a wish for another protocol, which a server may pass over (RFC 9110, 7.8). Java's HttpClient
    wishes for HTTP/2 with each call, and uvicorn drops the body that comes with a wish.

    >>> without_upgrade(b"POST / HTTP/1.1\\r\\nUpgrade: h2c\\r\\nHost: e\\r\\n\\r\\nUpgrade: 1")
    b'POST / HTTP/1.1\\r\\nHost: e\\r\\n\\r\\nUpgrade: 1'
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"", head) + end + rest
