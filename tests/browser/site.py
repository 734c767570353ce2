"""`Site`: the web site of a marketer, for a browser to look at: pages of a test, served from a port of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
NODE_MODULES = ROOT / ".cache" / "npm" / "node_modules"
"""What `make npm` fetched."""
Visitor = Callable[..., Page]
"""Opens a page of somebody who was never there: `visitor(width=PHONE, gpc=True)`; see `tests/browser/conftest.py`."""
PHONE, DESKTOP = 390, 1280

AXE = NODE_MODULES / "axe-core" / "axe.min.js"


class Site:
    """Serves `pages`, HTML by path; each can have headers of its own. Its `url` is also its origin."""

    def __init__(self, pages: Mapping[str, str], headers: Mapping[str, str] | None = None) -> None:
        self.pages, self.headers = dict(pages), dict(headers or {})
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                page = site.pages.get(path, "" if path == "/favicon.ico" else None)
                body = (page or "").encode()
                self.send_response(404 if page is None else 200)
                for name, value in {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), **site.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
