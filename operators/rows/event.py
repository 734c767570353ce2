"""`event_of`: a row as an event of the Segment envelope, or the reason why it cannot be one.

The messageId is a hash of source, ids, content and time of the event: the same row makes the same event, a changed one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from operators.clean.email import canonical_email, email_key
from operators.decode import decode
from operators.instants import format_instant
from operators.rows.checked import Column, Path, RowMap
from operators.rows.values import instant_in, text_of, value_of
from schemas.output import Reject


class RowReject(NamedTuple):
    """Why a row makes no event; in no field stands what the row says."""

    reason: str
    column: str | None
    detail: str


class Made(NamedTuple):
    """An event: the record, its JSON, and the time of its row in ms since 1970."""

    record: dict[str, Any]
    line: bytes
    at_ms: int


Row = Mapping[str, Any]
_ABSENT: Any = object()
_OPTIONS = orjson.OPT_SORT_KEYS


class _BadCellError(Exception):
    def __init__(self, reject: RowReject) -> None:
        super().__init__(reject.detail)
        self.reject = reject


def event_of(row: Row, by: RowMap, at_ms: int | None) -> Made | RowReject | None:
    """The event of a row; None where the map leaves it out. `at_ms` is the time of rows that say none.

    >>> by = RowMap("crm", user_id=Column("No", ("No",)), fields=((("address", "city"), Column("City", ("City",))),))
    >>> event_of({"No": "7", "City": "Berlin"}, by, 0).record["traits"]
    {'address': {'city': 'Berlin'}}
    >>> event_of({"No": "", "City": "Berlin"}, by, 0).reason
    'no_id'
    """
    if any(_as_text(cell(row, column)) in values for column, values in by.skip):
        return None
    try:
        return _made(row, by, at_ms)
    except _BadCellError as error:
        return error.reject


def has(row: Row, column: Column) -> bool:
    """Whether a row has a column, be it empty.

    >>> has({"a": {"b": None}}, Column("a.b", ("a", "b"))), has({"a": {}}, Column("a.b", ("a", "b")))
    (True, False)
    """
    if column.name in row:
        return True
    inner: Any = row
    for step in column.path:
        if not isinstance(inner, dict) or step not in inner:
            return False
        inner = inner[step]
    return True


def cell(row: Row, column: Column) -> Any:
    """What a row has in a column; None where it has nothing. A name with dots in it goes before the way that it would be."""
    found = row.get(column.name, _ABSENT)
    if found is not _ABSENT or len(column.path) == 1:
        return None if found is _ABSENT else found
    inner: Any = row
    for step in column.path:
        if not isinstance(inner, dict):
            return None
        inner = inner.get(step)
    return inner


def _made(row: Row, by: RowMap, at_ms: int | None) -> Made | RowReject:
    record: dict[str, Any] = {"type": "track" if by.event else "identify", "messageId": ""}
    address = _id(row, by.email) if by.email is not None else None
    _identify(record, row, by, address)
    when = _when(row, by, at_ms)
    content = _content(row, by)
    if by.event:
        record |= {"event": by.event, "properties": content}
    else:
        if address is not None:
            content.setdefault("email", address)
        record["traits"] = content
    record["timestamp"] = format_instant(when)
    record["context"] = {"library": {"name": by.source}}
    try:
        record["messageId"] = f"row-{blake2b(orjson.dumps(record, option=_OPTIONS), digest_size=16).hexdigest()}"
        line = orjson.dumps(record)
    except orjson.JSONEncodeError:
        return RowReject("unusable", None, "a value must be one that JSON can hold")
    refused = decode(line)
    return RowReject("unusable", None, refused.detail) if isinstance(refused, Reject) else Made(record, line, when)


def _identify(record: dict[str, Any], row: Row, by: RowMap, address: str | None) -> None:
    """Who the row is of: an address alone is known by its key, under which other events of its person may come too."""
    for name, column in (("userId", by.user_id), ("anonymousId", by.anonymous_id)):
        if column is not None and (found := _id(row, column)) is not None:
            record[name] = column.prefix + found
    if "userId" in record or "anonymousId" in record:
        return
    canonical = canonical_email(address) if address is not None else None
    if canonical is None:
        bad = address is not None and by.email is not None
        detail = "the e-mail address, the only id, must be one" if bad else "a row must have an id; got none"
        raise _BadCellError(RowReject("no_id", by.email.name if bad and by.email is not None else None, detail))
    record["anonymousId"] = email_key(canonical)


def _id(row: Row, column: Column) -> str | None:
    found = cell(row, column)
    if found is None:
        return None
    try:
        return text_of(found) or None
    except ValueError:
        raise _BadCellError(RowReject("bad_id", column.name, "an id must be a text")) from None


def _when(row: Row, by: RowMap, at_ms: int | None) -> int:
    found = cell(row, by.time) if by.time is not None else None
    if by.time is None or _is_empty(found):
        if at_ms is None or by.event:
            # An event of the file's time would be one that happened at another.
            raise _BadCellError(RowReject("no_time", by.time.name if by.time is not None else None, "a row must have a time; got none"))
        return at_ms
    try:
        return instant_in(found, by.time.format, by.time.zone)
    except ValueError as error:
        raise _BadCellError(RowReject("bad_time", by.time.name, f"must be {error}")) from None


def _content(row: Row, by: RowMap) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for path, fixed in by.set:
        _put(content, path, fixed)
    for path, column in by.fields:
        found = cell(row, column)
        if _is_empty(found):
            if by.clear:
                _put(content, path, None)
            continue
        try:
            _put(content, path, value_of(found, column))
        except ValueError as error:
            raise _BadCellError(RowReject("bad_value", column.name, f"must be {error}")) from None
    return content


def _put(content: dict[str, Any], path: Path, value: Any) -> None:
    for step in path[:-1]:
        content = content.setdefault(step, {})
    content[path[-1]] = value


def _is_empty(found: Any) -> bool:
    return found is None or (isinstance(found, str) and not found.strip())


def _as_text(found: Any) -> str:
    if found is None:
        return ""
    return str(found).lower() if isinstance(found, bool) else str(found).strip()
