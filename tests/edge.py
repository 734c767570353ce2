"""The HTTP edge as a test needs it: `beckon collect` in a process of its own, asked over real sockets, stopped or killed; and its log."""

from __future__ import annotations

import base64
import http.client
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.command import ROOT, environment, words

WEB, BACKEND = "wk_shop_pages_1", "backend-secret-4711"
"""The write keys of `edge_plan`: one that stands in pages, one of a server."""
ORIGIN = "https://shop.example.com"
PATIENCE_S = 60
"""After so long what has not come to pass will not."""
WIDE = {"rate": 1_000_000, "burst": 10_000_000}
"""A bucket that nobody empties."""


@dataclass(frozen=True)
class Answer:
    """What came back: names of headers are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class RunningEdge:
    """`beckon collect` on this plan, into `log`, a folder, or into the plan's topic at `brokers`.

    `start` comes back when it listens; after `stop` or `kill` the next one listens at the same port and goes on with the same log.
    """

    def __init__(self, plan: Path, work: Path, *, brokers: str | None = None, env: Mapping[str, str] | None = None) -> None:
        self.plan, self.log, self.brokers, self.env = plan, work / "log", brokers, dict(env or {})
        self.port = 0
        self._said = work / "collect.stderr"
        self._from = 0
        self._popen: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._popen is not None:
            self.kill()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._popen is not None
        return self._popen.pid

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process itself, to be waited with."""
        assert self._popen is not None
        return self._popen

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def said(self) -> str:
        """All that it has written to its standard output and error, from its first start on."""
        return self._said.read_text(errors="replace") if self._said.exists() else ""

    def start(self, *prefix: str) -> None:
        """Starts it, behind the words of `prefix` (such as `taskset -c 0`); AssertionError with what it said where it does not come up."""
        assert self._popen is None, "this edge runs already"
        self._from = len(self.said)
        where = ["--kafka", self.brokers, "--data", self.log.with_name("data")] if self.brokers else ["--output", self.log]
        command = words("collect", "--plan", self.plan, *where, "--host", "127.0.0.1", "--port", self.port)
        with self._said.open("ab") as said:
            self._popen = subprocess.Popen(
                [*prefix, *command],
                cwd=ROOT,
                env=environment(BECKON_WRITE_KEYS=f"backend={BACKEND}", **self.env),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self.port = self._address()

    def _address(self) -> int:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said[self._from :])
            if found:
                return int(found[1])
            assert self.running, f"the edge ended before it listened:\n{self.said[self._from :]}"
            time.sleep(0.01)
        raise AssertionError(f"the edge did not listen within {PATIENCE_S} s:\n{self.said[self._from :]}")

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """Its exit code after SIGKILL."""
        return self._end(signal.SIGKILL)

    def _end(self, by: signal.Signals) -> int:
        assert self._popen is not None
        self._popen.send_signal(by)
        code = self._popen.wait(PATIENCE_S)
        self._popen = None
        return code

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body=body or None, headers=dict(headers or {}))
            came = connection.getresponse()
            return Answer(came.status, {name.lower(): value for name, value in came.getheaders()}, came.read())
        finally:
            connection.close()

    def post(self, path: str, value: Any, key: str | None = BACKEND, **headers: str) -> Answer:
        """The answer to a value sent as JSON (bytes as they are), with the write key in the header, or with None without one. In names of
        headers `_` stands for `-`."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        sent = {"Content-Type": "application/json", **({} if key is None else basic(key))}
        return self.ask("POST", path, body, sent | {name.replace("_", "-"): text for name, text in headers.items()})

    def raw(self, request: bytes, wait_s: float = PATIENCE_S) -> bytes:
        """All that comes back for these bytes until the edge closes the connection, or says nothing for so long."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait_s) as link:
            try:
                link.sendall(request)
                link.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: link.recv(65536), b""))
            except (ConnectionError, TimeoutError):
                # It refuses what is too much while that still comes in.
                return b""

    def logged(self) -> list[dict[str, Any]]:
        """The records of the folder that are objects, in the order of its files and lines; all must be JSON."""
        return [record for record in map(json.loads, self.lines()) if isinstance(record, dict)]

    def lines(self) -> list[bytes]:
        """The lines of the folder."""
        return [line for file in sorted(self.log.rglob("*.jsonl")) for line in file.read_bytes().splitlines()]

    def sockets(self) -> int:
        """How many sockets its process has open."""
        return sum(link.startswith("socket:") for link in links(self.pid))


def links(pid: int) -> Iterator[str]:
    """What the open files of a process are."""
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield str(each.readlink())
        except FileNotFoundError:
            # Closed in between.
            continue


def basic(key: str, password: str = "") -> dict[str, str]:
    """The header of a write key, as Segment's libraries send it: the user of the basic scheme (RFC 7617), without a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:{password}".encode()).decode()}


def edge_plan(folder: Path, limits: Mapping[str, float] = WIDE, name: str = "edge") -> Path:
    """A plan that takes from a shop's pages (`WEB`) and from its server (`BACKEND`): who viewed, who ordered; profiles are put out."""
    folder.mkdir(parents=True)
    keys = {"web": {"kind": "browser", "key": WEB, **limits}, "backend": {"kind": "server", **limits}}
    files = {
        "plan.yaml": {"name": name, "lateness": "10s", "profiles": "on"},
        "segments.yaml": {"segments": {"viewers": "did('Product Viewed')", "buyers": "did('Order Completed')"}},
        "collect.yaml": {"origins": [ORIGIN], "keys": keys},
    }
    for file, content in files.items():
        (folder / file).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


@contextmanager
def running_edge(work: Path, limits: Mapping[str, float] = WIDE) -> Iterator[RunningEdge]:
    """An edge on `edge_plan` and a folder; nothing that it says is a traceback."""
    work.mkdir(parents=True, exist_ok=True)
    with RunningEdge(edge_plan(work / "plan", limits), work) as edge:
        yield edge
        assert edge.running, edge.said
        assert edge.stop() == 0, edge.said
    assert "Traceback" not in edge.said, edge.said


def profiles(output: Path) -> dict[str, dict[str, Any]]:
    """The last profile of each person that a job on files has put out."""
    found: dict[str, dict[str, Any]] = {}
    for line in (output / "profiles.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["data"] is None:
            found.pop(record["subject"], None)
        else:
            found[record["subject"]] = record["data"]
    return found
