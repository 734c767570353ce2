"""`FormsSite`: an edge with forms, served from a port for a browser; its log is in memory, and nobody is too fast for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn

from flows.collect.app import application
from flows.collect.door import Door
from flows.collect.edge import Edge
from flows.collect.forms.routes import open_forms, routes
from flows.collect.keys import Keys
from flows.collect.serve import listen, url_of
from operators.plan.read import read_plan
from tests.asgi import ListLog


class FormsSite:
    """The forms of a plan, given as the texts of its files."""

    def __init__(self, files: Mapping[str, str], data: Path) -> None:
        plan = read_plan(files)
        self._socket = listen("127.0.0.1", 0)
        self.url, self.log = url_of(self._socket), ListLog()
        edge = Edge(plan, self.log, lambda: time.time_ns() // 1_000_000)
        self._forms = open_forms(edge, data, self.url, least_fill_ms=0)
        door = Door((*plan.collect.origins, self.url), Keys(plan.collect, {}), edge.clock)
        config = uvicorn.Config(application(edge, door, routes(self._forms, door)), log_config=None, lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    def told(self, *names: str) -> list[Any]:
        """The records in the log: identifies, and events of these names."""
        return [record for record in self.log.records if record.get("event", "identify") in names]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._forms.close()
