"""Segment's HTTP API at the edge: what is taken, what is refused and with which status, and how each call stands in the log.

Source of the calls: Segment, "HTTP API Source" and "Spec: Common Fields".
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.edge import BACKEND, ORIGIN, WEB, RunningEdge, basic, running_edge

KINDS = ("track", "identify", "page", "screen", "group", "alias")
CALLS: dict[str, dict[str, Any]] = {
    "track": {"event": "Product Viewed", "properties": {"product_id": "p1", "price": 9.5}},
    "identify": {"traits": {"email": "ann@example.com", "tier": "gold"}},
    "page": {"name": "Home", "category": "Docs", "properties": {"url": "https://shop.example.com/"}},
    "screen": {"name": "Cart"},
    "group": {"groupId": "g1", "traits": {"name": "Initech"}},
    "alias": {"previousId": "a1"},
}
DEEP = 20
LARGE = 512 * 1024
STAMP = "2026-03-01T10:00:00.000Z"


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEdge]:
    with running_edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture
def id(request: pytest.FixtureRequest) -> str:
    """A messageId that no other test has."""
    return str(request.node.name)[:200]


def of(edge: RunningEdge, id: str) -> list[dict[str, Any]]:
    """What the log has by this messageId."""
    return [record for record in edge.logged() if record.get("messageId") == id]


def one(edge: RunningEdge, id: str) -> dict[str, Any]:
    found = of(edge, id)
    assert len(found) == 1
    return found[0]


def track(id: str, **more: Any) -> dict[str, Any]:
    return {"messageId": id, "userId": "u1", "event": "Product Viewed", **more}


def batch(*items: Any, **more: Any) -> dict[str, Any]:
    return {"batch": [{"type": "track", **item} if isinstance(item, dict) else item for item in items], **more}


def nested(depth: int) -> Any:
    """An object in objects, so many deep."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def age_s(stamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_is_in_the_log_as_it_was_sent_with_its_kind_and_the_time_of_receipt(edge: RunningEdge, id: str, kind: str) -> None:
    call = {"messageId": id, "userId": "u1", **CALLS[kind], "timestamp": STAMP, "context": {"ip": "192.0.2.1"}}
    answer = edge.post(f"/v1/{kind}", call)
    assert (answer.status, answer.json) == (200, {"success": True})
    assert answer.headers["content-type"].startswith("application/json")
    record = one(edge, id)
    assert -60 < age_s(record.pop("receivedAt")) < 60
    assert {"type": kind, **call} == record


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import"])
def test_the_items_of_a_batch_stand_in_their_order_each_with_what_the_batch_says_of_all(edge: RunningEdge, id: str, path: str) -> None:
    items = [{"type": kind, "messageId": f"{id}-{kind}", "userId": "u1", **CALLS[kind], "timestamp": STAMP} for kind in KINDS]
    items[1]["context"] = {"locale": "de-DE", "library": {"name": "own"}}
    whole = {"batch": items, "context": {"ip": "192.0.2.7", "library": {"name": "shared"}}, "integrations": {"All": True}}
    assert edge.post(path, whole).json == {"success": True}
    records = [record for record in edge.logged() if str(record.get("messageId")).startswith(f"{id}-")]
    assert list(KINDS) == [record["type"] for record in records]
    contexts = [record["context"] for record in records]
    assert contexts[0] == {"ip": "192.0.2.7", "library": {"name": "shared"}}
    assert contexts[1] == {"ip": "192.0.2.7", "locale": "de-DE", "library": {"name": "own"}}


def test_the_clock_of_the_sender_is_set_right_by_sent_at(edge: RunningEdge, id: str) -> None:
    sender = {"timestamp": "2030-01-01T00:00:00.000Z", "sentAt": "2030-01-01T00:00:30.000Z"}
    single = track(f"{id}-single", **sender)
    item = track(f"{id}-item", timestamp=sender["timestamp"])
    assert edge.post("/v1/track", single).status == edge.post("/v1/batch", batch(item, sentAt=sender["sentAt"])).status == 200
    for each in ("single", "item"):
        record = one(edge, f"{id}-{each}")
        assert (sender["timestamp"], sender["sentAt"]) == (record["originalTimestamp"], record["sentAt"])


def test_a_stamp_without_sent_at_is_taken_as_it_is(edge: RunningEdge, id: str) -> None:
    edge.post("/v1/track", track(id, timestamp=STAMP))
    record = one(edge, id)
    assert record["timestamp"] == STAMP
    assert "originalTimestamp" not in record


def test_no_sender_says_when_a_record_was_received(edge: RunningEdge, id: str) -> None:
    edge.post("/v1/batch", batch(track(id, receivedAt="2001-01-01T00:00:00Z"), receivedAt="2001-01-01T00:00:00Z"))
    assert age_s(one(edge, id)["receivedAt"]) < 60


def test_two_calls_that_look_alike_stay_two(edge: RunningEdge) -> None:
    call = {"userId": "looks-alike", "event": "Product Viewed"}
    assert [edge.post("/v1/track", call).status for _ in range(2)] == [200, 200]
    assert len({record["messageId"] for record in edge.logged() if record.get("userId") == "looks-alike"}) == 2


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        pytest.param(basic(BACKEND), None, id="basic"),
        pytest.param(basic(BACKEND, "ignored"), None, id="basic-with-password"),
        pytest.param({"Authorization": basic(BACKEND)["Authorization"].replace("Basic", "bAsIc")}, None, id="scheme-in-any-case"),
        pytest.param({}, BACKEND, id="body"),
        pytest.param(basic(BACKEND), BACKEND, id="both-as-the-libraries-send"),
        pytest.param({}, WEB, id="browser-key-from-no-page"),
        pytest.param({"Origin": ORIGIN}, WEB, id="browser-key-from-its-page"),
        pytest.param(basic(WEB) | {"Origin": ORIGIN}, None, id="browser-key-basic"),
    ],
)
def test_a_write_key_lets_in_and_does_not_stay_in_the_log(edge: RunningEdge, id: str, headers: dict[str, str], key: str | None) -> None:
    bodies = {f"{id}-1": "/v1/track", f"{id}-2": "/v1/batch"}
    for each, path in bodies.items():
        value = track(each) if path == "/v1/track" else batch(track(each, writeKey=key))
        answer = edge.post(path, value | ({} if key is None else {"writeKey": key}), None, **headers)
        assert answer.status == 200, answer.body
        assert one(edge, each)["type"] == "track"
    log = b"\n".join(edge.lines())
    assert not [secret for secret in (BACKEND, basic(BACKEND)["Authorization"]) if secret.encode() in log]
    assert b"writeKey" not in log
    assert BACKEND not in edge.said


NOBODY = [
    pytest.param({}, {}, id="none"),
    pytest.param(basic("wk_unknown_key_1"), {}, id="unknown"),
    pytest.param({}, {"writeKey": "wk_unknown_key_1"}, id="unknown-in-body"),
    pytest.param({}, {"writeKey": ""}, id="empty"),
    pytest.param({}, {"writeKey": None}, id="null"),
    pytest.param({}, {"writeKey": 7}, id="number"),
    pytest.param({}, {"writeKey": [BACKEND]}, id="list"),
    pytest.param({}, {"writeKey": BACKEND + " "}, id="with-a-space"),
    pytest.param({}, {"writeKey": BACKEND.upper()}, id="other-case"),
    pytest.param({}, {"writeKey": BACKEND[:-1]}, id="shorter"),
    pytest.param({}, {"writeKey": "backend"}, id="its-name"),
    pytest.param({"Authorization": "Basic"}, {}, id="no-credentials"),
    pytest.param({"Authorization": "Basic !!!"}, {}, id="not-base64"),
    pytest.param({"Authorization": "Basic /////w=="}, {}, id="not-utf8"),
    pytest.param({"Authorization": f"Bearer {BACKEND}"}, {}, id="another-scheme"),
    pytest.param(basic("wk_unknown_key_1"), {"writeKey": 7}, id="unknown-and-number"),
]


@pytest.mark.parametrize(("headers", "more"), NOBODY)
def test_without_a_known_write_key_nothing_is_taken(edge: RunningEdge, id: str, headers: dict[str, str], more: dict[str, Any]) -> None:
    for path, value in (("/v1/track", track(id)), ("/v1/batch", batch(track(id)))):
        answer = edge.post(path, value | more, None, **headers)
        assert answer.status == 401, answer.body
        assert_sentence(answer.json)
    assert of(edge, id) == []


def assert_sentence(told: Any) -> None:
    """One sentence, which repeats nothing of the request."""
    assert told["success"] is False
    assert isinstance(told["error"], str)
    assert told["error"]
    assert "\n" not in told["error"]
    assert not [each for each in (BACKEND, "ann@example.com", "Product Viewed") if each in told["error"]]


GOOD = json.dumps(track("never")).encode()
REFUSED: list[Any] = [
    pytest.param(b"", 400, {}, id="empty"),
    pytest.param(b"nothing", 400, {}, id="not-json"),
    pytest.param(b'{"userId":"u1","event":"E"', 400, {}, id="cut"),
    pytest.param(GOOD + b"{}", 400, {}, id="two-values"),
    pytest.param(b"[]", 400, {}, id="list"),
    pytest.param(b"[" + GOOD + b"]", 400, {}, id="list-of-calls"),
    pytest.param(b"null", 400, {}, id="null"),
    pytest.param(b'"x"', 400, {}, id="text"),
    pytest.param(b"7", 400, {}, id="number"),
    pytest.param(b'{"userId":"u1","event":"E","properties":{"n":NaN}}', 400, {}, id="nan"),
    pytest.param(b'{"userId":"u1","event":"E","properties":{"n":Infinity}}', 400, {}, id="infinity"),
    pytest.param(b'{"userId":"u1","event":"\xff"}', 400, {}, id="broken-utf8"),
    pytest.param(b'{"userId":"u1","event":"\xed\xa0\x80"}', 400, {}, id="surrogate-in-utf8"),
    pytest.param(json.dumps(track("never")).encode("utf-16"), 400, {}, id="utf-16"),
    pytest.param(b"[" * 100_000, 400, {}, id="deep-and-open"),
    pytest.param(GOOD[:-1] + b',"properties":' + b'{"a":' * 1000 + b"1" + b"}" * 1001, 400, {}, id="deep"),
    pytest.param(json.dumps(track("never", properties=nested(DEEP))).encode(), 400, {}, id="one-too-deep"),
    pytest.param(b" " * (LARGE + 1), 413, {}, id="large-and-empty"),
    pytest.param(GOOD + b" " * LARGE, 413, {}, id="large"),
    pytest.param(gzip.compress(GOOD + b" " * LARGE), 413, {"Content-Encoding": "gzip"}, id="large-in-gzip"),
    pytest.param(gzip.compress(b" " * (64 << 20)), 413, {"Content-Encoding": "gzip"}, id="bomb"),
    pytest.param(gzip.compress(GOOD)[:-9], 400, {"Content-Encoding": "gzip"}, id="cut-gzip"),
    pytest.param(GOOD, 400, {"Content-Encoding": "gzip"}, id="no-gzip"),
    pytest.param(gzip.compress(GOOD[:9]) + gzip.compress(GOOD[9:]), 400, {"Content-Encoding": "gzip"}, id="gzip-of-two-members"),
    pytest.param(gzip.compress(GOOD)[:-8] + bytes(8), 400, {"Content-Encoding": "gzip"}, id="gzip-with-a-wrong-sum"),
    pytest.param(zlib.compress(GOOD), 415, {"Content-Encoding": "deflate"}, id="deflate"),
    pytest.param(GOOD, 415, {"Content-Encoding": "br"}, id="brotli"),
    pytest.param(gzip.compress(gzip.compress(GOOD)), 415, {"Content-Encoding": "gzip, gzip"}, id="gzip-twice"),
]


@pytest.mark.parametrize(("body", "status", "headers"), REFUSED)
def test_a_body_that_cannot_be_taken_is_refused_in_one_sentence(
    edge: RunningEdge, body: bytes, status: int, headers: dict[str, str]
) -> None:
    before = len(edge.lines())
    for path in ("/v1/track", "/v1/batch", "/v1/import"):
        answer = edge.post(path, body, **headers)
        assert status == answer.status, answer.body[:300]
        assert_sentence(answer.json)
    assert before == len(edge.lines())


TAKEN: list[Any] = [
    pytest.param({}, lambda body: body, id="plain"),
    pytest.param({"Content-Encoding": "gzip"}, gzip.compress, id="gzip"),
    pytest.param({"Content-Encoding": "GZIP"}, gzip.compress, id="gzip-in-capitals"),
    pytest.param({"Content-Encoding": "identity"}, lambda body: body, id="identity"),
    pytest.param({"Content-Type": "text/plain"}, lambda body: body, id="text-as-a-beacon-sends"),
    pytest.param({"Content-Type": "application/json; charset=utf-8"}, lambda body: body, id="charset"),
    pytest.param({"X-Retry-Count": "3"}, lambda body: body, id="a-retry"),
    pytest.param({"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}, lambda body: body, id="java"),
    pytest.param({"Transfer-Encoding": "chunked"}, lambda body: b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), id="chunked"),
    pytest.param({}, lambda body: b" \n" + body + b"\n ", id="white-space"),
    pytest.param({}, lambda body: body + b" " * (LARGE - len(body)), id="exactly-as-large-as-may-be"),
]


@pytest.mark.parametrize(("headers", "packed"), TAKEN)
def test_a_body_is_taken(edge: RunningEdge, id: str, headers: dict[str, str], packed: Any) -> None:
    answer = edge.post("/v1/track", packed(json.dumps(track(id, properties=nested(DEEP - 2))).encode()), **headers)
    assert answer.status == 200, answer.body
    assert one(edge, id)["event"] == "Product Viewed"


def test_a_batch_holds_at_most_500(edge: RunningEdge, id: str) -> None:
    items = [track(f"{id}-{number}") for number in range(501)]
    before = len(edge.lines())
    answer = edge.post("/v1/batch", batch(*items))
    assert answer.status == 400
    assert_sentence(answer.json)
    assert before == len(edge.lines())
    assert edge.post("/v1/batch", batch(*items[:500])).json == {"success": True}
    assert before + 500 == len(edge.lines())


@pytest.mark.parametrize("shared", [{"context": {"x": "y" * 3000}}, {"sentAt": "y" * 3000}], ids=lambda shared: next(iter(shared)))
def test_what_a_batch_says_of_all_may_not_make_it_many_times_as_large(edge: RunningEdge, id: str, shared: dict[str, Any]) -> None:
    before = len(edge.lines())
    answer = edge.post("/v1/batch", batch(*[track(id)] * 500, **shared))
    assert answer.status == 413, answer.body
    assert_sentence(answer.json)
    assert before == len(edge.lines())


@pytest.mark.parametrize("value", [{}, {"batch": None}, {"batch": {}}, {"batch": "x"}, {"batch": 7}], ids=json.dumps)
def test_a_batch_without_a_list_is_refused(edge: RunningEdge, value: dict[str, Any]) -> None:
    answer = edge.post("/v1/batch", value)
    assert answer.status == 400
    assert_sentence(answer.json)


def test_an_empty_batch_is_fine(edge: RunningEdge) -> None:
    assert edge.post("/v1/batch", {"batch": []}).json == {"success": True}


REJECTED: list[Any] = [
    pytest.param({"event": "E"}, "no_id", id="no-id"),
    pytest.param({"userId": "", "event": "E"}, "no_id", id="empty-id"),
    pytest.param({"userId": 7, "event": "E"}, "wrong_type", id="number-as-id"),
    pytest.param({"userId": "u1"}, "no_name", id="track-without-a-name"),
    pytest.param({"userId": "u1", "event": "E", "timestamp": "tomorrow"}, "bad_time", id="bad-time"),
    pytest.param({"userId": "u" * 1025, "event": "E"}, "too_large", id="long-id"),
    pytest.param({"userId": "u1", "event": "E", "properties": []}, "wrong_type", id="properties-of-a-list"),
    pytest.param({"userId": "u1", "event": "E", "type": "trick"}, "unknown_type", id="unknown-type"),
]


@pytest.mark.parametrize(("item", "reason"), REJECTED)
def test_what_the_job_will_reject_is_named_and_is_in_the_log(edge: RunningEdge, id: str, item: dict[str, Any], reason: str) -> None:
    answer = edge.post("/v1/batch", batch(track(f"{id}-good"), {"messageId": id, **item}))
    assert answer.status == 200, answer.body
    told = answer.json
    assert told["success"] is True
    assert [(1, reason)] == [(each["index"], each["reason"]) for each in told["rejected"]]
    assert all(isinstance(each["detail"], str) and each["detail"] for each in told["rejected"])
    assert len(of(edge, id)) == len(of(edge, f"{id}-good")) == 1


@pytest.mark.parametrize("item", [7, "x", None, [], True], ids=json.dumps)
def test_an_item_that_is_no_object_harms_no_other(edge: RunningEdge, id: str, item: Any) -> None:
    answer = edge.post("/v1/batch", batch(item, track(id)))
    assert answer.status == 200, answer.body
    assert [each["index"] for each in answer.json["rejected"]] == [0]
    assert one(edge, id)["type"] == "track"


@pytest.mark.parametrize("kind", ["erase", "unmerge"])
@pytest.mark.parametrize("key", [WEB, BACKEND], ids=["browser", "server"])
def test_what_only_the_operator_may_say_is_never_in_the_log(edge: RunningEdge, id: str, kind: str, key: str) -> None:
    told = {"messageId": id, "userId": "u1", "previousId": "u2", "event": "E", "properties": {"identifiers": ["u1"]}}
    body = json.dumps(told)[1:-1]
    tricks = [
        ("/v1/batch", json.dumps(batch({**told, "type": kind}))),
        ("/v1/import", json.dumps(batch({**told, "type": kind}))),
        ("/v1/track", json.dumps({**told, "type": kind})),
        ("/v1/track", f'{{"type":"track",{body},"type":"{kind}"}}'),
        ("/v1/track", f'{{{body},"t\\u0079pe":"{kind}"}}'),
        ("/v1/batch", f'{{"batch":[{{"type":"track",{body},"type":"{kind}"}}]}}'),
        ("/v1/batch", f'{{"type":"{kind}","batch":[{{{body}}}]}}'),
        ("/v1/batch", f'{{"batch":[{{{body},"type":"{kind.upper()}"}}]}}'),
        (f"/v1/{kind}", json.dumps({**told, "type": kind})),
        ("/v1/batch", f'{{"batch":[{{{body},"type":["{kind}"]}}]}}'),
    ]
    for path, text in tricks:
        assert edge.post(path, text.encode(), key).status in (200, 400, 404, 405)
    assert [record for record in of(edge, id) if record.get("type") in ("erase", "unmerge")] == []
    assert not [line for line in edge.lines() if f'"type":"{kind}"'.encode() in line]


FOREIGN = ["https://evil.example.com", "http://shop.example.com", f"{ORIGIN}.evil.com", f"{ORIGIN}:8443", "null", "https://SHOP.example.com.",
           "https://example.com", "file://", ORIGIN + "/"]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_elsewhere_is_refused_with_a_browser_key(edge: RunningEdge, id: str, origin: str) -> None:
    answer = edge.post("/v1/track", track(id), WEB, Origin=origin)
    assert answer.status == 403, answer.body
    assert_sentence(answer.json)
    assert "access-control-allow-origin" not in answer.headers
    assert of(edge, id) == []


def test_a_page_of_the_plan_may_read_the_answer_and_no_other(edge: RunningEdge, id: str) -> None:
    answer = edge.post("/v1/track", track(id), WEB, Origin=ORIGIN)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "origin" in answer.headers.get("vary", "").lower()
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    before = edge.ask("OPTIONS", "/v1/batch", headers={"Origin": ORIGIN, **asked})
    assert before.status in (200, 204)
    assert before.headers["access-control-allow-origin"] == ORIGIN
    assert "content-type" in before.headers["access-control-allow-headers"].lower()
    for origin in FOREIGN:
        foreign = edge.ask("OPTIONS", "/v1/batch", headers={"Origin": origin, **asked})
        assert foreign.status == 403
        assert "access-control-allow-origin" not in foreign.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/track", 405),
        ("PUT", "/v1/track", 405),
        ("DELETE", "/v1/batch", 405),
        ("POST", "/v1/tracks", 404),
        ("POST", "/v1/", 404),
        ("POST", "/", 404),
        ("POST", "/V1/track", 404),
        ("POST", "/v1/track/../batch", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/v1/%2e%2e/healthz", 404),
        ("GET", "//healthz", 404),
        ("POST", "/healthz", 405),
    ],
)
def test_other_methods_and_paths_are_none(edge: RunningEdge, method: str, path: str, status: int) -> None:
    sentences = {404: "there is nothing at this path", 405: "this path must be asked by another method, one of Allow"}
    answer = edge.ask(method, path, GOOD, basic(BACKEND))
    assert (status, {"success": False, "error": sentences[status]}) == (answer.status, answer.json)
    assert ("allow" in answer.headers) == (status == 405)


def test_it_says_that_it_is_well(edge: RunningEdge) -> None:
    assert edge.ask("GET", "/healthz").status == 200


def test_no_answer_says_what_server_it_is(edge: RunningEdge) -> None:
    for answer in (edge.ask("GET", "/healthz"), edge.ask("GET", "/nowhere"), edge.post("/v1/track", b"x")):
        assert "server" not in answer.headers


def test_what_came_first_is_the_first_of_its_person(edge: RunningEdge, id: str) -> None:
    for number in range(50):
        edge.post("/v1/track", track(f"{id}-{number}", userId=id))
    assert [f"{id}-{number}" for number in range(50)] == [each["messageId"] for each in edge.logged() if each.get("userId") == id]


CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("key", "own", "agent"),
    [
        (WEB, None, "Googlebot"),
        # That of a server is not that of its visitor.
        (BACKEND, None, None),
        (BACKEND, CRAWLER, "Googlebot"),
    ],
)
@pytest.mark.parametrize("path", ["track", "batch"])
def test_what_a_machine_brings_is_marked(edge: RunningEdge, id: str, path: str, key: str, own: str | None, agent: str | None) -> None:
    event = {"type": "track", "event": "Product Viewed", "userId": id, "messageId": id, "context": {"userAgent": own} if own else {}}
    answer = edge.post(f"/v1/{path}", event if path == "track" else {"batch": [event]}, key, User_Agent=CRAWLER)
    assert answer.status == 200
    (record,) = [record for record in edge.logged() if record.get("messageId") == id]
    assert record.get("properties") == ({"agent": agent, "machine": True} if agent else None)
