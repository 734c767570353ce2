"""`Cluster`: over how many workers and processes Bytewax runs the flow, and what a cluster of processes needs while its members find each
other.

Processes on their own, each with partitions of its own, are the usual way to scale: they are faster and fail alone. A cluster reads, fails
and stops as one.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from flows.stop import stop
from schemas.errors import UsageError

log = structlog.get_logger(__name__)

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Cluster:
    """`workers` threads in each process; `addresses` of all processes (host:port), of which this is number `process`. UsageError where that
    cannot be.

    >>> Cluster.of(1, "127.0.0.1:4001;127.0.0.1:4002", 1).addresses
    ('127.0.0.1:4001', '127.0.0.1:4002')
    """

    workers: int = 1
    addresses: tuple[str, ...] = ()
    process: int = 0

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"--workers must be at least 1; got {self.workers}")
        if wrong := [address for address in self.addresses if not _ADDRESS.fullmatch(address)]:
            raise UsageError(f"--addresses must be like 'host:4001;host:4002'; got {wrong[0]!r}")
        last = max(len(self.addresses), 1) - 1
        if not 0 <= self.process <= last:
            raise UsageError(f"--process-id must be the place of this process in --addresses, from 0 to {last}; got {self.process}")

    @classmethod
    def of(cls, workers: int, addresses: str | None, process: int | None) -> Cluster:
        """From what the command line says; `addresses` are separated by semicolons."""
        if (addresses is None) != (process is None):
            raise UsageError("a cluster needs both: --addresses of all its processes, and --process-id, the place of this one among them")
        return cls(workers, tuple(address.strip() for address in (addresses or "").split(";") if address.strip()), process or 0)


ALONE = Cluster()


@contextmanager
def joining(cluster: Cluster) -> Iterator[Callable[[], None]]:
    """While the processes of a cluster find each other and run; what is given must be called when they have found each other.

    Until then Bytewax waits without end and without looking at signals, and says so on standard output, which is not the place: both are
    mended here.
    """
    joined = threading.Event()
    if len(cluster.addresses) < 2:
        yield joined.set
        return
    with _stdout_to_stderr(), _no_panics_shown(), _leaving_on_a_signal(joined):
        log.info("waiting for the other processes of the cluster", processes=len(cluster.addresses), this=cluster.process)
        yield joined.set


@contextmanager
def _no_panics_shown() -> Iterator[None]:
    """Where a connection breaks, Bytewax shows panics by `sys.excepthook` and then raises one: what is raised says it all."""
    before = sys.excepthook
    sys.excepthook = lambda *_: None
    try:
        yield
    finally:
        sys.excepthook = before


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _leaving_on_a_signal(joined: threading.Event) -> Iterator[None]:
    """Python runs signal handlers on the main thread, which stands in Bytewax; the byte that a signal writes to a socket wakes another."""
    woken, waking = socket.socketpair()
    waking.settimeout(0)
    before = signal.set_wakeup_fd(waking.fileno())

    def leave() -> None:
        log.info("stopped before the cluster had come together")
        os._exit(0)

    def wait() -> None:
        # A signal may have come just before the socket was there.
        if stop.wait(0.1) and not joined.is_set():
            leave()
        while woken.recv(1):
            if not joined.is_set():
                leave()
            log.info("stopping; a cluster ends when all its processes have been told to")

    waiting = threading.Thread(target=wait, name="cluster-signals", daemon=True)
    waiting.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        waking.close()
        waiting.join()
        woken.close()
