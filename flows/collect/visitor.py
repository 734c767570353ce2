"""What a browser says of its visitor beside the request: who it was before, and whether it may be followed at all.

Somebody who says no (`Sec-GPC: 1`, Global Privacy Control; `DNT: 1`, W3C Tracking Preference Expression) is neither recorded nor given a
cookie, unless it consented to this site by name. The cookies are those of beckon.js: one of the site's own domain is seen by both.
"""

from __future__ import annotations

import re

from starlette.requests import Request

ID_COOKIE = "beckon_id"
"""The anonymous id: a cookie of the first party."""
CONSENT_COOKIE = "beckon_consent"
"""What the visitor said to this site: `yes` or `no`."""
COOKIE_S = 31_536_000
"""A year."""

_ID = re.compile(r"[A-Za-z0-9_-]{8,100}")


def may_follow(request: Request, said: str | None = None) -> bool:
    """Whether the visitor may be recorded; `said` is what it says in this very request, `yes` or `no`."""
    told = said or request.cookies.get(CONSENT_COOKIE)
    if told is not None:
        return told == "yes"
    return request.headers.get("sec-gpc") != "1" and request.headers.get("dnt") != "1"


def known_id(request: Request) -> str | None:
    """The anonymous id that the visitor was given before."""
    told = request.cookies.get(ID_COOKIE, "")
    return told if _ID.fullmatch(told) else None


def id_cookie(anonymous_id: str, *, secure: bool) -> str:
    """The header `Set-Cookie` that gives a visitor its id. It is sent from pages of the same site alone, and scripts of the domain read it.

    >>> id_cookie("b3f1", secure=True)
    'beckon_id=b3f1; Max-Age=31536000; Path=/; SameSite=Lax; Secure'
    """
    return f"{ID_COOKIE}={anonymous_id}; Max-Age={COOKIE_S}; Path=/; SameSite=Lax{'; Secure' if secure else ''}"
