"""CRMs, as a test needs them: real HTTP servers. `Hubspot` answers by the models that HubSpot's own client makes of its description."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from hubspot.crm import contacts as models

KEY = "pat-eu1-0123456789abcdef"
CONTACTS = "/crm/v3/objects/contacts"
MOST_RESULTS = 10_000


class Request(NamedTuple):
    """What came."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: Any

    def one(self, name: str) -> str | None:
        """The first value of a parameter."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True)
class Plays:
    """An answer. `hang_up` closes the connection instead, once the request was read."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False


class CrmServer:
    """Answers each request with what `plays` gives for it. `requests` are those that came; `now_ms` is its clock."""

    def __init__(self, plays: Callable[[Request], Plays]) -> None:
        self.requests: list[Request] = []
        self.plays = plays
        self.now_ms = 1_767_700_000_000
        own = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                own._answer(self)

            def do_POST(self) -> None:
                own._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Says nothing of clients that have gone."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(handler.command, parts.path, query, dict(handler.headers.items()), json.loads(raw) if raw else None)
        self.requests.append(request)
        played = self.plays(request)
        if played.hang_up:
            handler.close_connection = True
            return
        body = played.body if isinstance(played.body, bytes) else json.dumps(played.body).encode()
        handler.send_response_only(played.status)
        for name, value in {
            "Date": formatdate(self.now_ms / 1000, usegmt=True),
            "Content-Length": str(len(body)),
            **played.headers,
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        try:
            handler.wfile.write(body)
        except OSError:
            # Whoever asked has gone.
            handler.close_connection = True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Hubspot(CrmServer):
    """Contacts of HubSpot, by id: their properties, when they changed and, of archived ones, when they were archived, in ms.

    It lists and searches them within the limits that HubSpot has: pages of 100 and 200, 10,000 results of a search. `faults` are answered
    first, one a request.
    """

    def __init__(self) -> None:
        super().__init__(self._play)
        self.contacts: dict[int, dict[str, str | None]] = {}
        self.changed: dict[int, int] = {}
        self.archived: dict[int, int] = {}
        self.faults: list[Plays] = []
        self._client = models.ApiClient()

    def put(self, number: int, ms: int, **properties: str | None) -> None:
        """A contact changes."""
        self.contacts[number] = {**self.contacts.get(number, {}), **properties}
        self.changed[number] = ms

    def client(self) -> models.ApiClient:
        """HubSpot's own client, that asks here."""
        how = models.Configuration(host=self.url)
        how.access_token = KEY
        return models.ApiClient(how)

    def _play(self, request: Request) -> Plays:
        if self.faults:
            return self.faults.pop(0)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return self._error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if (request.method, request.path) == ("GET", CONTACTS):
            return self._list(request)
        if (request.method, request.path) == ("POST", f"{CONTACTS}/search"):
            return self._search(request.body)
        return self._error(404, "OBJECT_NOT_FOUND", "no such resource")

    def _list(self, request: Request) -> Plays:
        limit, archived = int(request.one("limit") or 10), (request.one("archived") or "").lower() == "true"
        if limit > 100:
            return self._error(400, "VALIDATION_ERROR", "limit must be at most 100")
        properties = [value for name, value in request.query if name == "properties"]
        ids = sorted(each for each in self.contacts if (each in self.archived) == archived and each > int(request.one("after") or -1))
        page = [self._contact(each, properties, models.SimplePublicObjectWithAssociations) for each in ids[:limit]]
        paging = models.ForwardPaging(next=models.NextPage(after=str(ids[limit - 1]), link="?")) if len(ids) > limit else None
        return self._said(models.CollectionResponseSimplePublicObjectWithAssociationsForwardPaging(results=page, paging=paging))

    def _search(self, body: Any) -> Plays:
        found = [each for each in self.contacts if each not in self.archived and all(self._fits(each, one) for one in filters_of(body))]
        (sort,) = body["sorts"]
        assert (sort["propertyName"], sort["direction"]) == ("hs_object_id", "ASCENDING")
        start, limit = int(body.get("after") or 0), body["limit"]
        if limit > 200 or start + limit > MOST_RESULTS:
            return self._error(400, "VALIDATION_ERROR", "There was a problem with the request.")
        page = sorted(found)[start : start + limit]
        contacts = [self._contact(each, body["properties"], models.SimplePublicObject) for each in page]
        paging = models.ForwardPaging(next=models.NextPage(after=str(start + limit))) if len(found) > start + limit else None
        return self._said(
            models.CollectionResponseWithTotalSimplePublicObjectForwardPaging(results=contacts, paging=paging, total=len(found))
        )

    def _fits(self, number: int, one: Mapping[str, str]) -> bool:
        value = self.changed[number] if one["propertyName"] == "lastmodifieddate" else number
        return value >= int(one["value"]) if one["operator"] == "GTE" else value > int(one["value"])

    def _contact(self, number: int, properties: list[str], model: Any) -> Any:
        changed = instant(self.changed[number])
        kept = {**self.contacts[number], "lastmodifieddate": changed.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        known = {name: kept.get(name) for name in (*properties, "lastmodifieddate")}
        archived = self.archived.get(number)
        return model(
            id=str(number),
            properties={**known, "hs_object_id": str(number)},
            created_at=instant(0),
            updated_at=changed,
            archived=archived is not None,
            archived_at=None if archived is None else instant(archived),
        )

    def _said(self, model: Any) -> Plays:
        return Plays(self._client.sanitize_for_serialization(model))

    def _error(self, status: int, category: str, message: str) -> Plays:
        error = models.Error(message=message, category=category, correlation_id="aeb5f871-7f07-4993-9211-075dc63e7cbf")
        return Plays(self._client.sanitize_for_serialization(error), status)


def filters_of(body: Any) -> list[dict[str, str]]:
    """The filters of a search, all of which must hold."""
    (group,) = body["filterGroups"]
    return list(group["filters"])


def instant(ms: int) -> datetime:
    """An instant as the client has it."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
