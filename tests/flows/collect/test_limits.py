"""The limits of the edge: a token bucket for each key and address, a log that is full, and how it stops."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.edge import BACKEND, ORIGIN, WEB, RunningEdge, basic, edge_plan, running_edge

EVENT = {"type": "track", "userId": "u1", "event": "Product Viewed"}


def test_who_sends_too_much_is_told_when_to_come_back(tmp_path: Path) -> None:
    with running_edge(tmp_path, {"rate": 1, "burst": 5}) as edge:
        answers = [edge.post("/v1/track", EVENT) for _ in range(10)]
        assert [answer.status for answer in answers[:5]] == [200] * 5
        late = answers[-1]
        assert late.status == 429
        assert int(late.headers["retry-after"]) >= 1
        assert late.json["success"] is False
        # The other key has a bucket of its own.
        assert edge.post("/v1/track", EVENT, WEB, Origin=ORIGIN).status == 200
        taken = sum(answer.status == 200 for answer in answers) + 1
        assert taken == len(edge.lines())


def test_a_batch_costs_as_many_as_it_holds_and_is_taken_whole_or_not(tmp_path: Path) -> None:
    with running_edge(tmp_path, {"rate": 0.001, "burst": 10}) as edge:
        # The second is taken on credit, and nothing more before that is paid off.
        assert [edge.post("/v1/batch", {"batch": [EVENT] * 8}).status for _ in range(3)] == [200, 200, 429]
        late = edge.post("/v1/track", EVENT)
        assert late.status == 429
        assert int(late.headers["retry-after"]) > 6000
        assert len(edge.lines()) == 16


def test_who_guesses_keys_is_sent_away_and_who_knows_one_is_not(tmp_path: Path) -> None:
    with running_edge(tmp_path) as edge:
        statuses = [edge.post("/v1/track", EVENT, f"wk_guess_{number}").status for number in range(200)]
        assert set(statuses) == {401, 429}
        assert statuses[:50] == [401] * 50
        assert edge.post("/v1/track", EVENT).status == 200


def test_the_bucket_is_of_the_address_that_connects_whatever_a_header_says(tmp_path: Path) -> None:
    with running_edge(tmp_path, {"rate": 0.001, "burst": 3}) as edge:
        statuses = [edge.post("/v1/track", EVENT, X_Forwarded_For=f"192.0.2.{number}").status for number in range(6)]
        assert statuses == [200] * 3 + [429] * 3


def test_what_was_asked_before_it_stops_is_answered(tmp_path: Path) -> None:
    body = json.dumps(EVENT).encode()
    head = f"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\nAuthorization: "
    with running_edge(tmp_path) as edge:
        with socket.create_connection(("127.0.0.1", edge.port), timeout=60) as link:
            link.sendall(head.encode() + basic(BACKEND)["Authorization"].encode() + b"\r\n\r\n" + body)
            assert edge.stop() == 0
            answer = b"".join(iter(lambda: link.recv(65536), b""))
        taken = answer.startswith(b"HTTP/1.1 200")
        # Or nothing at all was answered, where the stop was the faster one.
        assert (len(edge.lines()) >= 1) if taken else answer == b""
        edge.start()
        assert edge.post("/v1/track", EVENT).status == 200


def test_a_folder_that_takes_no_more_is_told_to_the_sender_and_keeps_what_it_took(tmp_path: Path) -> None:
    plan, taken = edge_plan(tmp_path / "plan"), 0
    with RunningEdge(plan, tmp_path) as edge:
        assert edge.stop() == 0
        # A file of so many bytes grows no more, as on a disk that is full.
        edge.start("prlimit", "--fsize=20000")
        while (answer := edge.post("/v1/track", {**EVENT, "messageId": f"m{taken}"})).status == 200:
            taken += 1
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json["success"] is False
        assert edge.post("/v1/track", EVENT).status == 503
        assert edge.stop() == 0
        edge.start()
        assert edge.post("/v1/track", {**EVENT, "messageId": "after"}).status == 200
        assert edge.stop() == 0
    whole = [json.loads(line)["messageId"] for line in edge.lines() if line.endswith(b"}")]
    assert [*(f"m{number}" for number in range(taken)), "after"] == [id for id in whole if id in {"after"} or int(id[1:]) < taken]
    assert "Traceback" not in edge.said, edge.said
