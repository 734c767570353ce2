"""`storefront`: the pages of a small shop, as routes beside those of the edge.

It speaks to a Tag Manager's dataLayer in GA4's words, as most shops do, and to beckon.js where these have none.

*Guarantees*: the pages load nothing from elsewhere, and no script stands in them: their policy says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

EACH = 3
"""So many products of a category are on offer."""
CATEGORIES = 4
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'"
KINDS = {"shop.html": "text/html", "shop.css": "text/css", "shop.js": "text/javascript"}


def storefront(catalog: Iterable[bytes], key: str, form: str | None) -> list[BaseRoute]:
    """The shop at `/`. `catalog` are the lines of catalog.jsonl, `key` is the write key of browsers, `form` the form that it links to."""
    texts = {name: (files(__package__ or "") / name).read_bytes() for name in KINDS}
    texts["shop.html"] = texts["shop.html"].replace(b"{key}", key.encode()).replace(b"{form}", f"/f/{form}".encode() if form else b"#/")
    offered = orjson.dumps(offer([orjson.loads(line) for line in catalog if line.strip()]))

    def route(path: str, text: bytes, kind: str) -> Route:
        async def give(_: Request) -> Response:
            return Response(text, 200, {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}, f"{kind}; charset=utf-8")

        return Route(path, give, methods=["GET"])

    pages = [route("/" if name == "shop.html" else f"/{name}", texts[name], kind) for name, kind in KINDS.items()]
    return [*pages, route("/catalog.json", offered, "application/json")]


def offer(products: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The products on offer: some of some categories.

    >>> [product["product_id"] for product in offer([{"product_id": n, "category": "A"} for n in range(9)])]
    [0, 1, 2]
    """
    chosen: dict[Any, list[dict[str, Any]]] = {}
    for product in products:
        of = chosen.setdefault(product.get("category"), [])
        if len(of) < EACH:
            of.append(product)
    return [product for of in list(chosen.values())[:CATEGORIES] for product in of]
