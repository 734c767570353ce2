"""`serve`: runs the edge until it is to stop.

*Guarantees*: when it returns, every request that was taken was answered, and the log has what was answered 200.
"""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from contextlib import nullcontext

from starlette.applications import Starlette
from uvicorn import Config, Server

from flows.collect.connection import ANSWER_S, MOST_CONNECTIONS, Connection
from flows.stop import stop
from schemas.errors import UnavailableError

STOP_S = 20
"""So long may requests at hand take when it is to stop."""


class _Server(Server):
    """uvicorn, which ends as all our commands do; it would take the signals for itself."""

    capture_signals = nullcontext  # type: ignore[assignment]

    def __init__(self, config: Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen, and says so."""
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Whether it is to stop."""
        return await super().on_tick(counter) or stop.is_set()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at host and port, a free one where 0 is asked for. UnavailableError where that cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(found[0])
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Whoever reads nothing of what it is answered is let go of by the system as well, also while it is hung up on (RFC 5482).
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(ANSWER_S * 1000))
        listening.bind(found[4])
        listening.listen(2048)
    except OSError as error:
        raise UnavailableError(f"cannot listen at {host}:{port}: {error.strerror}; give another --host or --port") from error
    return listening


def url_of(listening: socket.socket) -> str:
    """Where it is reached.

    >>> with listen("127.0.0.1", 0) as listening: url_of(listening).rpartition(":")[0]
    'http://127.0.0.1'
    """
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: Starlette, listening: socket.socket, ready: Callable[[], None], trusted: str = "") -> None:
    """Serves until `flows.stop.stop` is set. `ready` is called once requests are taken. `trusted` are the addresses of proxies, whose
    X-Forwarded-For is believed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
    config = Config(
        app,
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        # Each broken request would be a line otherwise.
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted or None,
        timeout_graceful_shutdown=STOP_S,
        timeout_keep_alive=30,
    )
    server = _Server(config, ready)
    server.run(sockets=[listening])
