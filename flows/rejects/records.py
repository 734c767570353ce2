"""`Refused`: one reject as it came out, and the line of JSON by which it is handed to an editor.

A line has the envelope that says what it mends, and the record: as JSON (`record`) where it is a JSON object, else as `text`, or as
`base64` where it is no text. What is sent is `record`, else `text`, else `base64`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import msgspec

from operators.instants import format_instant, parse_instant
from operators.tracking.sources import source_of
from schemas.errors import UnavailableError

STAMPS = ("receivedAt", "timestamp", "originalTimestamp", "sentAt")


class Where(msgspec.Struct, frozen=True):
    """Where the record stood in the input."""

    partition: int
    offset: int

    @property
    def text(self) -> str:
        """As people write it: `partition:offset`."""
        return f"{self.partition}:{self.offset}"


class _Data(msgspec.Struct):
    reason: str
    detail: str
    source: Where
    record: str | None = None
    record_base64: str | None = None


class _Reject(msgspec.Struct):
    id: str
    data: _Data
    time: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """A record that could not be used, and why. `log_ms` is the log's own time of it, None where it has none."""

    id: str
    reason: str
    detail: str
    where: Where
    log_ms: int | None
    raw: bytes

    @property
    def sender(self) -> str:
        """The library that sent it, as far as it says."""
        return source_of(self.raw)

    @property
    def ms(self) -> int | None:
        """When it came: the log's time, else the first stamp that can be read; None where there is none."""
        return self.log_ms if self.log_ms is not None else _stamped(self.raw)


class Line(msgspec.Struct, omit_defaults=True):
    """A reject for an editor."""

    mends: str
    reason: str
    detail: str
    source: Where
    time: str | None = None
    record: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Reject).decode
_encode = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def refused_of(line: bytes) -> Refused:
    """The reject in a line of `rejects.jsonl`, or a message of that topic.

    >>> text = b'{"id":"1f","data":{"reason":"no_id","detail":"d","source":{"partition":0,"offset":6},"record":"{}"}}'
    >>> refused_of(text).where.offset, refused_of(text).raw
    (6, b'{}')
    """
    try:
        found = _decode(line)
    except msgspec.MsgspecError:
        raise UnavailableError("the rejects hold a line that is not Beckon's; give the output of a job") from None
    data = found.data
    raw = b64decode(data.record_base64) if data.record_base64 is not None else (data.record or "").encode()
    log_ms = None if found.time is None else parse_instant(found.time)
    return Refused(found.id, data.reason, data.detail, data.source, log_ms, raw)


def line_of(refused: Refused) -> bytes:
    """The reject as a line for an editor."""
    time = None if refused.log_ms is None else format_instant(refused.log_ms)
    line = Line(refused.id, refused.reason, refused.detail, refused.where, time)
    try:
        text = refused.raw.decode()
    except UnicodeDecodeError:
        line.base64 = b64encode(refused.raw).decode()
        return _encode(line)
    try:
        _object(refused.raw)
        line.record = msgspec.Raw(msgspec.json.format(refused.raw, indent=-1))
    except (msgspec.DecodeError, RecursionError):
        line.text = text
    return _encode(line)


def _stamped(raw: bytes) -> int | None:
    try:
        record: dict[str, Any] = {name: value for name, value in _object(raw).items() if name in STAMPS}
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    for name in STAMPS:
        try:
            return parse_instant(msgspec.json.decode(record[name], type=str))
        except (KeyError, ValueError, msgspec.DecodeError):
            continue
    return None
