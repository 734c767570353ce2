"""`/beckon.js`: the script that pages load, with what a browser needs to keep it. Its source is beckon.js, beside this file."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

MAX_AGE_S = 3600
"""So long is a browser's copy used without asking; then it asks by ETag."""


def routes() -> list[BaseRoute]:
    """The script, which is the same for all."""
    text = (files("flows.collect") / "beckon.min.js").read_bytes()
    etag = f'"{sha256(text).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": f"public, max-age={MAX_AGE_S}",
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }

    async def give(request: Request) -> Response:
        told = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
        if etag in told or "*" in told:
            return Response(None, 304, headers)
        return Response(text, 200, headers, "text/javascript; charset=utf-8")

    return [Route("/beckon.js", give, methods=["GET"])]
