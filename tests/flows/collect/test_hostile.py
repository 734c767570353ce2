"""10,000 hostile requests with honest events in between: nothing breaks, nothing leaks, and what was accepted of the honest is in the log,
each once.
"""

from __future__ import annotations

import json
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from operators.decode import decode
from schemas.output import Reject
from tests.bench.measure import memory_kb
from tests.command import beckon, lines
from tests.edge import BACKEND, PATIENCE_S, RunningEdge, edge_plan, running_edge
from tests.flows.collect.hostile import Attack, attack
from tests.flows.collect.hostile_parts import FORM, HOOKS, SECRETS
from tests.flows.collect.hostile_request import FIELDS, MARK, VALUES, call

ROUNDS, EACH, WORKERS = 5, 2_000, 4
HONEST = 25
"""After so many hostile requests comes an honest event."""
ALLOWED_KB = 24 * 1024
"""So much may the memory grow from the second round to the last: what allocators keep between blocks."""
PEAK_KB = 64 * 1024
"""So much above that may it have been: what is under way at a time."""
SLOW = 40


@dataclass
class Attackers:
    """Threads that send each their share of a round, and what came of it."""

    edge: RunningEdge
    faults: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    honest: list[str] = field(default_factory=list)

    def round(self, number: int) -> None:
        """All of a round; comes back when each has its answer."""
        threads = [threading.Thread(target=self._share, args=(number, worker), daemon=True) for worker in range(WORKERS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def _share(self, number: int, worker: int) -> None:
        for place in range(worker, EACH, WORKERS):
            seed = number * EACH + place
            made = attack(seed)
            try:
                self._judge(seed, made, exchange(self.edge.port, made))
            except TimeoutError:
                self.faults.append(f"{seed} {made.kind}: no answer, {made.request[:200]!r}")
            except OSError as error:
                self.faults.append(f"{seed} {made.kind}: {error}")
            if place // WORKERS % HONEST == 0:
                self._honest(f"honest-{seed}")

    def _judge(self, seed: int, made: Attack, answer: bytes) -> None:
        statuses = re.findall(rb"HTTP/1\.1 (\d{3})", answer)
        self.statuses.update(f"{made.kind} {status.decode()}" for status in statuses)
        wrong = [status for status in statuses if status.startswith(b"5") and not (status == b"503" and b"retry-after:" in answer.lower())]
        told = [each for each in (b"Traceback", b'.py", line', BACKEND.encode()) if each in answer]
        if wrong or told:
            self.faults.append(f"{seed} {made.kind}: {wrong} {told} of {made.request[:200]!r}: {answer[:300]!r}")

    def _honest(self, id: str) -> None:
        answer = self.edge.post("/v1/track", {"messageId": id, "userId": f"h{hash(id) % 9}", "event": "Product Viewed"})
        if (answer.status, answer.body) == (200, b'{"success":true}') or (answer.status == 200 and answer.json == {"success": True}):
            self.honest.append(id)
        else:
            self.faults.append(f"{id}: {answer}")


def exchange(port: int, made: Attack) -> bytes:
    """What the edge answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as link:
        try:
            link.sendall(made.request)
            if made.then == "reset":
                # Closing with unsent lingering off is a reset (RFC 9293, 3.10.4 ABORT).
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if made.then in ("reset", "leave"):
                return b""
            if made.then == "half":
                link.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: link.recv(65536), b""))
        except TimeoutError:
            raise
        except OSError:
            # It refuses what is too much while that still comes in.
            return b""


class Slow:
    """Connections that begin a request and say no more."""

    def __init__(self, edge: RunningEdge) -> None:
        begun = (
            b"",
            b"POST",
            b"POST /v1/track HTTP/1.1\r\nHost: edge\r\nContent-",
            b"POST /v1/track HTTP/1.1\r\nHost: edge\r\nContent-Length: 9\r\n\r\n{",
        )
        self.links = [socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_S) for _ in range(SLOW)]
        for number, link in enumerate(self.links):
            link.sendall(begun[number % len(begun)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for link in self.links:
            link.close()

    def ended(self) -> list[bytes]:
        """What each was told before the edge closed it; TimeoutError where it does not."""
        return [b"".join(iter(partial(link.recv, 65536), b"")) for link in self.links]


def test_ten_thousand_hostile_requests_break_nothing(tmp_path: Path) -> None:
    with full_edge(tmp_path) as edge:
        sockets, attackers, memory = edge.sockets(), Attackers(edge), []
        with Slow(edge) as slow:
            for number in range(ROUNDS):
                attackers.round(number)
                memory.append(memory_kb(edge.pid)[0])
            assert not attackers.faults, "\n".join(attackers.faults)
            # Those that began and said no more were in the way of nobody, and are sent away; who had asked something is told so.
            assert [each[:13] for each in slow.ended()] == [b"", b"", b"", b"HTTP/1.1 408 "] * (SLOW // 4)
        print(memory, sorted(attackers.statuses.items()))
        assert memory[-1] - memory[1] < ALLOWED_KB, memory
        # Nothing was unpacked that is more than may come.
        assert memory_kb(edge.pid)[1] - memory[-1] < PEAK_KB
        until_no_more(edge, sockets)
        honest_once(edge, attackers.honest)
        assert edge.ask("GET", "/healthz").status == 200
        said = edge.said
    assert [each for each in (BACKEND, MARK, "Traceback", "Exception", *SECRETS.values()) if each in said] == []
    assert len(said) < 20_000, "a flood of requests is a flood of lines"
    applied(edge, tmp_path, attackers.honest)


@contextmanager
def full_edge(folder: Path) -> Iterator[RunningEdge]:
    """An edge with a form and webhooks."""
    plan = edge_plan(folder / "plan")
    told = json.loads((plan / "collect.yaml").read_text(encoding="utf-8"))
    told["webhooks"] = {name: {} for name in HOOKS if name != "none"}
    (plan / "collect.yaml").write_text(json.dumps(told), encoding="utf-8")
    (plan / "forms").mkdir()
    (plan / "forms" / "news.yaml").write_text(json.dumps(FORM), encoding="utf-8")
    with RunningEdge(plan, folder, env=SECRETS) as edge:
        yield edge
        assert edge.stop() == 0, edge.said


def until_no_more(edge: RunningEdge, sockets: int) -> None:
    """Waits until the edge has no more sockets than at the start."""
    deadline = time.monotonic() + PATIENCE_S
    while edge.sockets() > sockets:
        assert time.monotonic() < deadline, f"{edge.sockets()} sockets are open, {sockets} were at the start"
        time.sleep(0.05)


def honest_once(edge: RunningEdge, honest: list[str]) -> None:
    """Each line of the log is JSON; each honest event stands there once, and none that only the operator may send."""
    records = edge.logged()
    found = Counter(str(record.get("messageId")) for record in records)
    assert not [record for record in records if record.get("type") in ("erase", "unmerge")]
    assert len(honest) == ROUNDS * EACH // HONEST
    assert [id for id in honest if found[id] != 1] == []


def applied(edge: RunningEdge, folder: Path, honest: list[str]) -> None:
    """The job takes the log, whatever is in it."""
    done = beckon("run", "--plan", edge.plan, "--input", edge.log, "--output", folder / "out", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    rejects = [json.loads(line) for line in lines(folder / "out", "rejects")]
    assert not [each for each in rejects if '"messageId": "honest' in json.dumps(each)]
    assert len(honest)


def test_the_edge_tells_of_the_same_rejects_as_the_job(tmp_path: Path) -> None:
    rng = random.Random(7)
    told: list[tuple[int, str]] = []
    sent = 0
    with running_edge(tmp_path) as edge:
        for _ in range(60):
            items = [strange(rng) for _ in range(50)]
            answer = edge.post("/v1/batch", {"batch": items})
            assert answer.status == 200, (answer, items)
            told += [(sent + each["index"], each["reason"]) for each in answer.json.get("rejected", ())]
            sent += len(items)
        logged = edge.lines()
    assert len(logged) == sent
    found = [(place, event.reason) for place, event in enumerate(map(decode, logged)) if isinstance(event, Reject)]
    assert told == found
    done = beckon("run", "--plan", edge.plan, "--input", edge.log, "--output", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rejects = [json.loads(line)["data"] for line in lines(tmp_path / "out", "rejects")]
    # Which ids stand for nobody the plan says, and the job that has read it.
    assert [(each["source"]["offset"], each["reason"]) for each in rejects if each["reason"] != "blocked_id"] == told
    assert len(told) > sent // 4


def strange(rng: random.Random) -> dict[str, object]:
    """An item with some fields of another kind."""
    item = call(rng)
    for _ in range(rng.randrange(3)):
        name = rng.choice(FIELDS)
        value = rng.choice(VALUES)
        # A lone surrogate or a number like that makes the whole batch no JSON.
        if name not in ("batch", "writeKey") and not (isinstance(value, str) and re.search("[\ud800-\udfff]", value)) and value != 10**400:
            item[name] = value
    return item
