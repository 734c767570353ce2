"""`application`: the routes of the edge, and the answers that are the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.collect.body import parse, read_body
from flows.collect.door import Door
from flows.collect.edge import Edge
from flows.collect.keys import told_key
from flows.collect.machines import tag
from flows.collect.metrics import CollectMetrics
from flows.collect.refusal import Refusal
from flows.collect.segment import BATCHES, CALLS, MAX_BATCH, SHORT, read

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]
JSON = "application/json"
UNROUTED = {404: "there is nothing at this path", 405: "this path must be asked by another method, one of Allow"}
"""What is said where no route is meant, by status."""


def application(edge: Edge, door: Door, more: Sequence[BaseRoute] = (), lifespan: Lifespan | None = None) -> Starlette:
    """The edge as an ASGI application: Segment's API, and the routes of other parts."""
    routes = [*segment_routes(edge, door), Route("/healthz", _healthy, methods=["GET"]), *more]

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return told({"success": False, "error": error.sentence}, error.status, {**door.cors(request), **error.headers})

    async def unrouted(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        sentence = UNROUTED.get(error.status_code, error.detail)
        return told({"success": False, "error": sentence}, error.status_code, {**door.cors(request), **(error.headers or {})})

    handlers = {Refusal: refused, HTTPException: unrouted}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers, middleware=[Middleware(_Counted, edge.metrics)])
    app.router.redirect_slashes = False
    return app


class _Counted:
    """Counts answers by their status."""

    def __init__(self, app: ASGIApp, metrics: CollectMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.count("beckon_collect_requests", 1, str(message["status"]))
            await send(message)

        await self._app(scope, receive, counted if scope["type"] == "http" else send)


def told(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(orjson.dumps(value), status, headers, JSON)


def segment_routes(edge: Edge, door: Door) -> list[BaseRoute]:
    """Segment's API: a POST for each call, and the question that a browser asks before it."""

    def route(path: str, call: str) -> Route:
        async def take(request: Request) -> Response:
            if request.method == "OPTIONS":
                return Response(None, 204, door.preflight(request))
            return await _taken(edge, door, request, call)

        return Route(f"/v1/{path}", take, methods=["POST", "OPTIONS"])

    return [*(route(call, call) for call in (*CALLS, *BATCHES)), *(route(path, call) for path, call in SHORT.items())]


async def _taken(edge: Edge, door: Door, request: Request, call: str) -> Response:
    body = parse(await read_body(request))
    items = body.get("batch") if call in BATCHES else None
    number = min(len(items), MAX_BATCH) if isinstance(items, list) and items else 1
    key = door.enter(request, told_key(request, body), number)
    sent = read(call, body, browser=key.browser)
    agent = request.headers.get("user-agent") if key.browser else None
    records = [tag(record, agent) if type(record) is dict else record for record in sent.records]
    rejected = [(sent.places[place], reject.reason, reject.detail) for place, reject in await edge.collect(records, key.name)]
    unused = sorted([*rejected, *((place, *refused) for place, refused in sent.refused)])
    answer: dict[str, object] = {"success": True}
    if unused:
        answer["rejected"] = [{"index": place, "reason": reason, "detail": detail} for place, reason, detail in unused]
    return told(answer, headers=door.cors(request))


async def _healthy(_: Request) -> Response:
    return told({"success": True})
