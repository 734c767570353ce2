"""`Connection`: uvicorn's connection, with limits on what comes before there is a request: so much, so fast, from so many at once.

uvicorn has none of these (0.54): headers could come for ever, byte by byte or without end.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_S = 15.0
"""So long may the head of a request take, the first after the connection was made."""
MAX_HEAD_BYTES = 64 * 1024
"""So long can the head of a request be: its line and its headers."""
MOST_CONNECTIONS = 4_000
"""So many at once; a further one is told to come again."""

_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Connection(HttpToolsProtocol):
    """A connection of the edge."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse(_FULL)
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hands on what came, unless it is more of a head than there can be."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if b"pgrade:" in data:
                data = without_upgrade(data)
        super().data_received(data)
        # What is left of the data after the head is body, and bounded by the size of what is read at once.
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(_LONG)

    def on_message_begin(self) -> None:
        """A head begins."""
        if self._deadline is None:
            self._wait_for_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is there."""
        self._head_is_there()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is there as a whole; what comes next is the head of another one."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def _wait_for_head(self) -> None:
        self._in_head = True
        self._deadline = self.loop.call_later(HEADERS_S, self._give_up)

    def _head_is_there(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.close()

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
