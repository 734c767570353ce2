"""`Walk`: the way over the pages of a system, page by page; `JsonWalk` that of any that answers with JSON.

A position says all of the request to come, as plain JSON: it is stored, and the way goes on from it after a crash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from flows.collect.crm.ask import Answer, Ask
from operators.instants import format_instant
from operators.plan.checked import CrmSource, Updated
from operators.rows.event import Row, cell
from operators.rows.values import instant_in

Position = dict[str, Any]


class WrongAnswerError(Exception):
    """The answer is not what it must be: one sentence, with nothing of the answer in it."""


class Walk(Protocol):
    """The way over pages."""

    overlap_ms: int

    def begin(self, since_ms: int | None) -> Position:
        """The first position; only what has changed since is asked for, where that is told."""

    def ask(self, position: Position) -> Ask:
        """The request at a position."""

    def rows(self, position: Position, answer: Answer) -> list[Row]:
        """The rows of the answer. WrongAnswerError where it has none."""

    def follow(self, position: Position, answer: Answer, rows: list[Row]) -> Position | None:
        """The next position; None behind the last."""

    def changed_ms(self, row: Row) -> int | None:
        """Since when a row is as it is; None where it does not say."""


class JsonWalk:
    """The way that a plan describes."""

    def __init__(self, source: CrmSource) -> None:
        self._source = source
        self.overlap_ms = 0 if source.updated is None else source.updated.overlap_ms

    def begin(self, since_ms: int | None) -> Position:
        """Without a parameter for it the rows that have not changed are left out here."""
        paging, updated = self._source.paging, self._source.updated
        position: Position = {"query": {}, "body": {}, "since": since_ms, "number": 0}
        if updated is not None and updated.parameter is not None and since_ms is not None:
            _say(position, updated.parameter, written(since_ms, updated), in_body=updated.in_body)
        if paging is not None and paging.kind == "page":
            position["number"] = paging.start
            _say(position, paging.parameter, paging.start, in_body=paging.in_body)
        return position

    def ask(self, position: Position) -> Ask:
        """What the plan says of each request, and what the position adds to it."""
        source = self._source
        if position.get("url"):
            return Ask(source.method, position["url"], (), source.body)
        query = {**dict(source.query), **{name: _text(value) for name, value in position["query"].items()}}
        body = None if source.method == "GET" else {**(source.body or {}), **position["body"]}
        return Ask(source.method, source.url, tuple(query.items()), body)

    def rows(self, position: Position, answer: Answer) -> list[Row]:
        """The list at its place."""
        found = at(answer.value, self._source.rows)
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            where = f"at {'.'.join(self._source.rows)}" if self._source.rows else "as a whole"
            raise WrongAnswerError(f"the answer must have a list of objects {where}")
        updated = self._source.updated
        if updated is None or updated.parameter is not None or position["since"] is None:
            return found
        return [row for row in found if (changed := self.changed_ms(row)) is None or changed >= position["since"]]

    def follow(self, position: Position, answer: Answer, rows: list[Row]) -> Position | None:
        """By the kind of paging."""
        paging = self._source.paging
        if paging is None:
            return None
        # Rows that were left out here are on the page all the same.
        number = len(at(answer.value, self._source.rows))
        if paging.kind in ("page", "offset"):
            if not number:
                return None
            reached = position["number"] + (1 if paging.kind == "page" else number)
            return _said(position | {"number": reached}, paging.parameter, reached, in_body=paging.in_body)
        told = next_link(answer.link) if paging.kind == "link" else at(answer.value, paging.at)
        if told is None or told is False or told == "":
            return None
        if isinstance(told, bool) or not isinstance(told, str | int):
            raise WrongAnswerError(f"the answer must have a text or number at {'.'.join(paging.at)}")
        if paging.kind == "cursor":
            following = _said(position, paging.parameter, told, in_body=paging.in_body)
        else:
            following = position | {"url": beside(self._source.url, position.get("url") or self._source.url, str(told))}
        if following == position:
            raise WrongAnswerError("the answer names the same page again as the next")
        return following

    def changed_ms(self, row: Row) -> int | None:
        """The instant in its column."""
        updated = self._source.updated
        found = cell(row, updated.column) if updated is not None else None
        if found is None or updated is None:
            return None
        try:
            return instant_in(found, updated.column.format, updated.column.zone)
        except ValueError:
            return None


def at(value: Any, path: tuple[str, ...]) -> Any:
    """What lies in a value at the end of a way; None where there is nothing.

    >>> at({"a": {"b": [1]}}, ("a", "b")), at({"a": 1}, ("a", "b"))
    ([1], None)
    """
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def written(ms: int, updated: Updated) -> str | int:
    """An instant as the column is written."""
    form = updated.column.format
    if form in ("ms", "s"):
        return ms if form == "ms" else ms // 1000
    if form is None:
        return format_instant(ms)
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(updated.column.zone).strftime(form)


_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[A-Za-z0-9*_-]+\s*(?:=\s*(?:"[^"]*"|[^\s",;]+))?)*)')
_REL = re.compile(r'rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))', re.IGNORECASE)


def next_link(header: str | None) -> str | None:
    """The URL with the relation `next` in a header Link (RFC 8288, 3).

    >>> next_link('<https://a.example.com/1>; rel="prev", <?page=3>; title="a, b"; rel=next')
    '?page=3'
    """
    for target, parameters in _LINK.findall(header or ""):
        relation = _REL.search(parameters)
        if relation is not None and "next" in (relation[1] or relation[2]).lower().split():
            return str(target)
    return None


def beside(own: str, page: str, link: str) -> str:
    """The URL of a link on a page; WrongAnswerError where it leads to another host than `own`, which must not get the key.

    >>> beside("https://a.example.com/rows", "https://a.example.com/rows", "?page=2")
    'https://a.example.com/rows?page=2'
    """
    try:
        url = urljoin(page, link)
        parts, known = urlsplit(url), urlsplit(own)
        same = (parts.scheme, parts.hostname, parts.port) == (known.scheme, known.hostname, known.port) and "@" not in parts.netloc
    except ValueError:
        same = False
    if not same:
        raise WrongAnswerError("the next page must be at the same host as the first")
    return url


def _say(position: Position, parameter: str, value: str | int, *, in_body: bool) -> None:
    position["body" if in_body else "query"][parameter] = value


def _said(position: Position, parameter: str, value: str | int, *, in_body: bool) -> Position:
    part = "body" if in_body else "query"
    inner: Mapping[str, Any] = position[part]
    return {**position, part: {**inner, parameter: value}}


def _text(value: str | int) -> str:
    return str(value)
