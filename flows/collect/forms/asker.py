"""`Asker`: who asks for a form, as far as the request tells."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request

from flows.collect.machines import machine_of
from flows.collect.visitor import id_cookie, known_id, may_follow
from operators.forms.visit import address_of

ID_PARAMETER, NEW_PARAMETER, EMBED_PARAMETER = "anonymousId", "new", "embed"
MOST_AGENT = 512
_ID = re.compile(r"[A-Za-z0-9_-]{8,100}")
"""No address, no userId of most: nobody can pass for somebody else by them."""


class Asker(NamedTuple):
    """A visitor. `came_back` is false for one that has just got its `anonymous_id`; `says_no` is true for one that wants to leave no trace,
    `looks_ahead` for a browser that fetches what nobody may ever see."""

    anonymous_id: str
    came_back: bool
    says_no: bool
    looks_ahead: bool
    embedded: bool
    agent: str
    machine: str | None
    url: str
    referrer: str
    query: Mapping[str, str]


def asker_of(request: Request, public_url: str) -> Asker:
    """Who asks for a page of this host. In a page of another site it is that one which is meant by its `url`."""
    query, headers = dict(request.query_params), request.headers
    embedded = EMBED_PARAMETER in query
    referrer = address_of(headers.get("referer", ""))
    own = address_of(f"{public_url}{request.url.path}{'?' if request.url.query else ''}{request.url.query}")
    agent = headers.get("user-agent", "")[:MOST_AGENT]
    says_no = not may_follow(request)
    known = _known_id(request, query, says_no=says_no)
    return Asker(
        anonymous_id=known or secrets.token_hex(16),
        came_back=known is not None,
        says_no=says_no,
        looks_ahead=any("prefetch" in headers.get(name, "") for name in ("sec-purpose", "purpose")),
        embedded=embedded,
        agent=agent,
        machine=machine_of(agent),
        url=referrer if embedded else own,
        referrer="" if embedded else referrer,
        query=query,
    )


def caller_of(request: Request) -> Asker:
    """Who asks by a script of another site: `url` and `referrer` are what it says of its page."""
    asker = asker_of(request, "")
    told = {name: address_of(asker.query.get(name, "")) for name in ("url", "referrer")}
    return asker._replace(url=told["url"] or asker.referrer, referrer=told["referrer"])


def _known_id(request: Request, query: Mapping[str, str], *, says_no: bool) -> str | None:
    """The id that the site hands over, else that of the cookie."""
    if NEW_PARAMETER in query:
        return None
    told = query.get(ID_PARAMETER, "")
    if told:
        return told if _ID.fullmatch(told) else None
    return None if says_no else known_id(request)


def cookie_of(asker: Asker, public_url: str) -> str | None:
    """The Set-Cookie by which a browser is known again; None where it wants not to be, or the site knows it by an id of its own."""
    if asker.says_no or asker.machine is not None or asker.looks_ahead or ID_PARAMETER in asker.query:
        return None
    return id_cookie(asker.anonymous_id, secure=public_url.startswith("https://"))
