"""A service that verifies addresses, as a test needs it: a real HTTP server that plays what the vendors document, from a table."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

KEY = "secret_0123456789abcdef"


class Request(NamedTuple):
    """What came: the path, and the query by name."""

    path: str
    query: dict[str, str]


class Plays(NamedTuple):
    """An answer: an HTTP status with a body, and where else to ask (`location`); `hang_up` closes the connection instead, once the request
    was read."""

    status: int = 200
    body: Any = None
    hang_up: bool = False
    location: str | None = None


class VerifyingService:
    """Answers each request with what `plays` gives for it, in the order of arrival (`requests`)."""

    def __init__(self, plays: Callable[[Request], Plays]) -> None:
        self.requests: list[Request] = []
        own = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                request = Request(parts.path, {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()})
                own.requests.append(request)
                answer = plays(request)
                if answer.hang_up:
                    self.close_connection = True
                    return
                body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                if answer.location is not None:
                    self.send_header("Location", answer.location)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def addresses(self) -> list[str]:
        """The addresses that were asked for."""
        return [request.query["email"] for request in self.requests]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def zerobounce(status: str, sub_status: str = "") -> Plays:
    """An outcome as ZeroBounce documents it."""
    return Plays(
        body={
            "address": "somebody@example.com",
            "status": status,
            "sub_status": sub_status,
            "free_email": False,
            "did_you_mean": None,
            "account": "somebody",
            "domain": "example.com",
            "domain_age_days": "9692",
            "smtp_provider": "example",
            "mx_found": "true",
            "mx_record": "mx.example.com",
            "firstname": "zero",
            "lastname": "bounce",
            "gender": "male",
            "country": None,
            "region": None,
            "city": None,
            "zipcode": None,
            "processed_at": "2026-08-01 17:06:48.000",
        }
    )


def neverbounce(result: str | int, *flags: str) -> Plays:
    """An outcome as NeverBounce documents it."""
    return Plays(
        body={
            "status": "success",
            "result": result,
            "flags": ["has_dns", "has_dns_mx", *flags],
            "suggested_correction": "",
            "execution_time": 499,
        }
    )


def neverbounce_error(status: str) -> Plays:
    """An error of NeverBounce: HTTP 200 too."""
    return Plays(body={"status": status, "message": "something", "execution_time": 5})
