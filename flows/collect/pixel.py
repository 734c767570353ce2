"""`/v1/pixel.gif`: page views, mail opens and other events by GET, where no script runs; the answer is a transparent pixel.

    /v1/pixel.gif?writeKey=wk_web&name=Home                                     a page view
    /v1/pixel.gif?writeKey=wk_web&e=open&email=anna@example.com&messageId=m-1   a mail was opened
    /v1/pixel.gif?writeKey=wk_web&event=Video+Played&properties={"seconds":30}  another event

*Guarantees*: the pixel is the answer only once the event is in the log, or where nothing is recorded because the visitor does not want it.
Otherwise the answer is that of all routes, in JSON: 401 to a key that is none, 503 where the log takes no more.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flows.collect.body import parse
from flows.collect.door import Door
from flows.collect.edge import Edge
from flows.collect.machines import tag
from flows.collect.refusal import Refusal
from flows.collect.segment import read
from flows.collect.visitor import id_cookie, known_id, may_follow
from operators.consent import ACTS, address_key

GIF = base64.b64decode("R0lGODlhAQABAPAAAAAAAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
"""One transparent pixel."""
HEADERS = {
    # A page view that a cache answers is none.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Mails and pages of any site show it.
    "Cross-Origin-Resource-Policy": "cross-origin",
}
LIBRARY = "beckon-pixel"


class Seen(NamedTuple):
    """What a pixel tells: a call of Segment's, and its fields. It has no id where nobody is named."""

    call: str
    fields: dict[str, Any]


def routes(edge: Edge, door: Door, public_url: str) -> list[BaseRoute]:
    """The pixel, as it is reached at `public_url`. A HEAD looks whether it is there, and records nothing."""
    secure = public_url.startswith("https://")

    async def show(request: Request) -> Response:
        key = door.enter(request, request.query_params.get("writeKey", ""))
        if not key.browser:
            raise Refusal(403, "a pixel must have a browser key: what stands in a page or a mail is no secret")
        if request.method == "HEAD" or not may_follow(request, request.query_params.get("consent")):
            return Response(GIF, 200, HEADERS, "image/gif")
        seen = read_query(request.query_params, request.headers.get("referer"))
        headers = HEADERS | _identified(seen, request, secure=secure)
        sent = read(seen.call, tag({"type": seen.call, **seen.fields}, request.headers.get("user-agent", "")), browser=True)
        for _, refused in sent.refused:
            raise Refusal(403, refused.detail)
        await edge.collect(sent.records, key.name)
        return Response(GIF, 200, headers, "image/gif")

    return [Route("/v1/pixel.gif", show, methods=["GET"])]


def _identified(seen: Seen, request: Request, *, secure: bool) -> dict[str, str]:
    """Gives what is seen the id of the visitor where it names nobody, a new one where need be; the headers that the answer then has."""
    if "userId" in seen.fields or "anonymousId" in seen.fields:
        return {}
    known = known_id(request)
    seen.fields["anonymousId"] = known or secrets.token_hex(16)
    return {} if known else {"Set-Cookie": id_cookie(seen.fields["anonymousId"], secure=secure)}


def read_query(query: Mapping[str, str], referer: str | None = None) -> Seen:
    """What a query tells; a `Refusal` where it cannot be meant. What it has beside is not looked at: mail services add parameters.

    >>> read_query({"e": "open", "userId": "u1", "messageId": "m-1"}).fields["event"]
    'Email Opened'
    """
    properties = _properties(query.get("properties"))
    fields: dict[str, Any] = {name: query[name] for name in ("userId", "anonymousId", "messageId") if query.get(name)}
    fields |= {"properties": properties, "context": {"library": {"name": LIBRARY}}}
    if query.get("email") and "userId" not in fields:
        fields["anonymousId"] = _person(query["email"])
    kind, event = query.get("e") or ("track" if query.get("event") else "page"), query.get("event")
    if kind == "open":
        if "userId" not in fields and "anonymousId" not in fields:
            raise Refusal(400, "an open must say whose it is: by `userId`, `anonymousId` or `email`")
        return Seen("track", {**fields, "event": "Email Opened"})
    if kind == "track" and event:
        if event in ACTS:
            raise Refusal(400, "a pixel cannot tell of this event: what fetches pictures is often a machine")
        return Seen("track", {**fields, "event": event})
    if kind != "page":
        raise Refusal(400, "`e` must be 'page', 'open' or 'track'; what is to be tracked stands in `event`")
    return Seen("page", {**fields, **_page(query, properties, referer)})


def _page(query: Mapping[str, str], properties: dict[str, Any], referer: str | None) -> dict[str, Any]:
    """The fields of a page view: a browser says which page shows the pixel, if it is allowed to."""
    url = query.get("url") or referer
    name = {"name": query["name"]} if query.get("name") else {}
    return {**name, "properties": {**({"url": url} if url else {}), **properties}}


def _properties(told: str | None) -> dict[str, Any]:
    try:
        return parse(told.encode()) if told else {}
    except Refusal:
        raise Refusal(400, "`properties` must be a JSON object") from None


def _person(address: str) -> str:
    """By what the person of an address is found, where nothing else is known of it."""
    key = address_key(address)
    if key is None:
        raise Refusal(400, "`email` must be an e-mail address")
    return key
