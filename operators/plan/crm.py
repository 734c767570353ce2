"""`read_crm`: the section `crm` of collect.yaml to checked sources."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from operators.language.durations import parse_duration, shortened
from operators.plan.checked import CrmSource, Paging, Updated
from operators.plan.yaml_tree import Path
from operators.rows.checked import Column, RowMap
from operators.rows.read import check_source, column_of, read_rows
from schemas.crm import DEFAULT_EVERY, DEFAULT_OVERLAP, HUBSPOT_URL, CrmFile
from schemas.plan import NAME

Find = Callable[[Path, str], None]
"""Notes what must be otherwise at a place of the file."""

LEAST_EVERY_MS = 10_000
_URL = re.compile(
    r"(?:https://(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])|http://(?:127\.0\.0\.1|localhost|\[::1\]))(?::[0-9]{1,5})?(?:[/?][^\s#]*)?"
)
"""In the clear only within the machine."""
_JSON_ALONE = ("method", "headers", "query", "body", "auth", "rows", "paging", "updated")
"""What HubSpot has a way of its own for."""
_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
HUBSPOT_TIME = "updatedAt"
_DEFAULTS = {name: field.default for name, field in CrmFile.model_fields.items()}


def read_crm(raw: Any, find: Find) -> tuple[CrmSource, ...]:
    """The sources, whose shape was looked at before; what is wrong is left out, and noted."""
    entries = raw.items() if isinstance(raw, dict) else ()
    return tuple(_source(name, entry, _within(("crm", name), find)) for name, entry in entries if isinstance(entry, dict))


def _within(place: Path, find: Find) -> Find:
    return lambda path, text: find((*place, *path), text)


def _source(name: str, entry: dict[str, Any], find: Find) -> CrmSource:
    if not re.fullmatch(NAME[1:-1], name):
        find((), "the name of a CRM must be like 'erp' (a-z, 0-9, _, -); got another one")
    hubspot = entry.get("kind") == "hubspot"
    for key in _JSON_ALONE if hubspot else ("archived",):
        if key in entry:
            find(
                (key,),
                f"`{key}` must stand with `kind: {'json' if hubspot else 'hubspot'}`; got it with {'hubspot' if hubspot else 'json'}",
            )
    source = entry.get("source", name)
    if isinstance(source, str):
        check_source(source, ("source",) if "source" in entry else (), find)
    updated = None if hubspot else _updated(entry.get("updated"), find)
    auth = entry.get("auth")
    kind: Any = "bearer" if hubspot else auth if isinstance(auth, str) else _get(auth, "kind")
    _check(entry, kind, find)
    return CrmSource(
        name=name,
        hubspot=hubspot,
        url=_url(entry.get("url", HUBSPOT_URL if hubspot else None), find),
        method=entry.get("method", "GET"),
        headers=tuple((_mapping(entry, "headers")).items()),
        query=tuple((key, _text(value)) for key, value in _mapping(entry, "query").items()),
        body=entry.get("body") if isinstance(entry.get("body"), dict) else None,
        auth=kind,
        auth_name=_get(auth, "name") or "",
        rows=tuple(entry["rows"].split(".")) if isinstance(entry.get("rows"), str) else (),
        paging=_paging(entry.get("paging"), find),
        updated=updated,
        archived=entry.get("archived") is True,
        every_ms=_duration(entry.get("every", DEFAULT_EVERY), ("every",), LEAST_EVERY_MS, find),
        rate=entry.get("rate", _DEFAULTS["rate"]),
        map=_map(entry, source if isinstance(source, str) else name, find, hubspot=hubspot),
    )


def _map(entry: dict[str, Any], source: str, find: Find, *, hubspot: bool) -> RowMap:
    raw = _mapping(entry, "map")
    timed = _timed(entry, hubspot=hubspot, find=find)

    def find_in_map(path: Path, text: str) -> None:
        # A time that was put in is looked at where it is written.
        if "time" in raw or path[:1] != ("time",):
            find(("map", *path), text)

    return read_rows(timed, source, find_in_map)


def _timed(entry: dict[str, Any], *, hubspot: bool, find: Find) -> dict[str, Any]:
    """The map, with the time of the row where it names none: that of the file would be when it was asked."""
    raw = _mapping(entry, "map")
    if "time" in raw or not raw:
        return raw
    updated = _mapping(entry, "updated")
    if hubspot:
        return raw | {"time": HUBSPOT_TIME}
    if not updated:
        find(("map",), "a map of rows that are asked for must have a `time`, or the source `updated`; got neither")
        return raw | {"time": "-"}
    return raw | {"time": {key: updated[key] for key in ("column", "format", "zone") if key in updated}}


def _check(entry: dict[str, Any], auth: Any, find: Find) -> None:
    if "body" in entry and entry.get("method") != "POST":
        find(("body",), "`body` must stand with `method: POST`; got it without")
    if auth in ("header", "query") and not _get(entry.get("auth"), "name"):
        find(("auth",), f"`auth` must have the `name` of the {auth}{' parameter' if auth == 'query' else ''}; got none")
    for name in _mapping(entry, "headers"):
        if name.lower() in _SECRET_HEADERS:
            find(("headers", name), "what is secret must be in the environment, in BECKON_CRM_KEYS, and named by `auth`; got it here")
        elif not _HEADER.fullmatch(name):
            find(("headers", name), f"the name of a header must be a word such as Accept (RFC 9110, 5.1); got {shortened(name)}")
    for key in ("paging", "updated"):
        part = _mapping(entry, key)
        if part.get("inside") == "body" and entry.get("method") != "POST":
            find((key, "inside"), "`inside: body` must stand with `method: POST`; got it without")


def _url(url: Any, find: Find) -> str:
    if not isinstance(url, str):
        find((), "`url` must be there; got none")
        return ""
    if "@" in url.partition("://")[2].partition("/")[0]:
        find(("url",), "a password must be in the environment, in BECKON_CRM_KEYS, and `auth` be basic; got it in the URL")
    elif not _URL.fullmatch(url):
        find(("url",), f"`url` must begin with https:// and a host, so that nobody reads along; got {shortened(url.partition('?')[0])}")
    return url


def _updated(raw: Any, find: Find) -> Updated | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("column"), str):
        return None
    told = {key: raw[key] for key in ("column", "format", "zone") if key in raw}
    column = column_of(told, ("updated",), find, time=True)
    overlap = _duration(raw.get("overlap", DEFAULT_OVERLAP), ("updated", "overlap"), 0, find)
    return Updated(column or Column("", ()), raw.get("parameter"), raw.get("inside") == "body", overlap)


_NEEDS = {"cursor": ("at", "parameter"), "next": ("at",), "page": ("parameter",), "offset": ("parameter",), "link": ()}


def _paging(raw: Any, find: Find) -> Paging | None:
    if not isinstance(raw, dict) or raw.get("kind") not in _NEEDS:
        return None
    kind = raw["kind"]
    for key in _NEEDS[kind]:
        if key not in raw:
            find(("paging",), f"paging by {kind} must have `{key}`; got none")
    at = raw.get("at")
    way = tuple(at.split(".")) if isinstance(at, str) else ()
    start = raw.get("start", 1)
    return Paging(kind, way, raw.get("parameter") or "", raw.get("inside") == "body", start if isinstance(start, int) else 1)


def _duration(text: Any, path: Path, least: int, find: Find) -> int:
    if not isinstance(text, str):
        return least
    try:
        ms = parse_duration(text)
    except ValueError:
        # That it is none is found by the model.
        return least
    if ms < least:
        find(path, f"`{path[-1]}` must be at least {least // 1000}s; got {shortened(text)}")
    return ms


def _mapping(raw: dict[str, Any], key: str) -> dict[str, Any]:
    inner = raw.get(key)
    return inner if isinstance(inner, dict) else {}


def _get(raw: Any, key: str) -> Any:
    return raw.get(key) if isinstance(raw, dict) else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
