"""`Asker`: who asks for a form, as far as the request tells."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request

from flows.collect.machines import machine_of
from operators.forms.visit import address_of

ID_COOKIE, SAID_COOKIE = "beckon_id", "beckon_consent"
"""The cookies of `/beckon.js`: the visitor's id, and whether it agreed to be known."""
ID_PARAMETER, NEW_PARAMETER, EMBED_PARAMETER = "anonymousId", "new", "embed"
YEAR_S = 31_536_000
MOST_AGENT = 512
_ID = re.compile(r"[A-Za-z0-9_-]{8,100}")
"""No address, no userId of most: nobody can pass for somebody else by them."""


class Asker(NamedTuple):
    """A visitor. `came_back` is false for one that has just got its `anonymous_id`; `says_no` for one that wants to leave no trace (GPC,
    DNT, or asked on the site) is true, `looks_ahead` for a browser that fetches what nobody may ever see."""

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
    says_no = headers.get("sec-gpc") == "1" or headers.get("dnt") == "1" or request.cookies.get(SAID_COOKIE) == "no"
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
    told = query.get(ID_PARAMETER) or ("" if says_no else request.cookies.get(ID_COOKIE, ""))
    return told if _ID.fullmatch(told) else None


def cookie_of(asker: Asker, public_url: str) -> str | None:
    """The Set-Cookie by which a browser is known again; None where it wants not to be, or the site knows it by an id of its own."""
    if asker.says_no or asker.machine is not None or asker.looks_ahead or ID_PARAMETER in asker.query:
        return None
    secure = "; Secure" if public_url.startswith("https://") else ""
    return f"{ID_COOKIE}={asker.anonymous_id}; Path=/; Max-Age={YEAR_S}; SameSite=Lax{secure}"
