"""`decode`: the bytes of one record to an `Event`, or to the reason why it cannot be used."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import asdict

from operators.instants import EARLIEST, LATEST, minutes, parse_instant, rests, seconds
from operators.tracking.sources import OTHER, source_named
from schemas.event import KINDS, MAX_ID_LENGTH, MAX_RECORD_BYTES, Context, Envelope, Event, Library, Record
from schemas.output import Reject

FUTURE_MS = 5 * 60_000
"""A time further ahead of the receipt than this is set to that of the receipt."""

_MOST_DEPTH = 64
_MOST_JSON_NUMBER = 2**63

_decode_record = msgspec.json.Decoder(Record).decode
_decode_envelope = msgspec.json.Decoder(Envelope).decode
_encode = msgspec.json.Encoder(order="sorted").encode
_KINDS = frozenset(KINDS)
_ACTS = frozenset({"unmerge", "erase"})
"""Kinds that ask for more than the others."""


def decode(raw: bytes, log_ms: int | None = None, wall_ms: int | None = None) -> Event | Reject:
    """The event of a record. `log_ms` is the log record's own time, `wall_ms` the wall clock of a live lane; None where there is none.

    >>> decode(b'{"type":"track","event":"A","userId":"u","messageId":"m","timestamp":"1970-01-01T00:00:01Z"}').t
    1000
    >>> decode(b'{"type":"track","event":"A","timestamp":"1970-01-01T00:00:01Z"}').reason
    'no_id'
    """
    if len(raw) > MAX_RECORD_BYTES:
        return Reject("too_large", f"the record has {len(raw)} bytes; at most {MAX_RECORD_BYTES} are taken")
    record = _read(raw)
    if isinstance(record, Reject):
        return record
    kind = record.type
    if (
        len(raw) > MAX_ID_LENGTH
        or kind not in _KINDS
        or not (record.user_id or record.anonymous_id)
        or (kind == "track" and not record.event)
        or kind in _ACTS
    ):
        refused = _refused(record)
        if refused is not None:
            return refused
    if log_ms is not None and not EARLIEST <= log_ms <= LATEST:
        # A producer can give the log any number.
        log_ms = None
    t: int | None
    stamp, received = record.timestamp, record.received_at
    try:
        # Nearly all records: one stamp of the happening, perhaps one of the receipt, both of a minute and a second that were met before.
        if stamp is None or record.original_timestamp is not None or record.sent_at is not None:
            raise KeyError
        t = minutes[stamp[:17]] + seconds[stamp[17:20]] + rests[stamp[20:]]
        if received is None:
            receipt = log_ms if log_ms is not None else wall_ms
        else:
            receipt = minutes[received[:17]] + seconds[received[17:20]] + rests[received[20:]]
    except KeyError:
        try:
            t, receipt = _time(record, log_ms, wall_ms)
        except ValueError:
            return Reject("bad_time", "a stamp must be an RFC 3339 date and time between the years 1 and 9999")
    if t is None:
        return Reject("no_time", "the record has no stamp, and its log gives none")
    clamped = receipt is not None and t > receipt + FUTURE_MS
    context = record.context
    library = None if context is None or context.library is None else context.library.name
    name, properties = (record.event, record.properties or {}) if kind == "track" else _content(record)
    return Event(
        receipt if clamped else t,  # type: ignore[arg-type]  # clamped only where there is a receipt
        kind,  # type: ignore[arg-type]  # one of the eight: `_refused` has let no other through
        name,
        record.message_id or _made_id(record),
        record.user_id or None,
        record.anonymous_id or None,
        properties,
        clamped,
        record.previous_id or None,
        source_named(library) if library else None,
    )


def _read(raw: bytes) -> Record | Reject:
    """The fields of a record, or why it is no record."""
    try:
        if not raw.isascii():
            # What no field asks for is skipped unread: JSON is UTF-8 throughout (RFC 8259, 8.1).
            raw.decode()
        try:
            record = _decode_record(raw)
        except msgspec.ValidationError:
            # Where it comes from is told beside the record: what is wrong with that does not make it one that cannot be used.
            record = Record(**asdict(_decode_envelope(raw)), context=Context(Library(OTHER)))
    except msgspec.ValidationError as error:
        # Only a field of the envelope has a place in the message; without one the record itself is no object.
        text = str(error)
        return Reject("wrong_type" if "`$." in text and "out of range" not in text else "not_json", text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        return Reject("not_json", "broken UTF-8" if isinstance(error, UnicodeDecodeError) else str(error))
    for content in (record.properties, record.traits):
        if content is not None and _nests(content) and _deeper_than([content], _MOST_DEPTH):
            return Reject("not_json", f"the record is nested deeper than {_MOST_DEPTH}")
    return record


def _nests(content: dict[str, Any]) -> bool:
    """Whether a value is a list or an object: most records hold none, and are spared the look for their depth."""
    for value in content.values():  # noqa: SIM110 - a generator costs twice as much, and this runs for each event
        if type(value) is list or type(value) is dict:
            return True
    return False


def _refused(record: Record) -> Reject | None:
    """What is wrong with the fields other than the stamps; None where nothing is."""
    if record.type not in _KINDS:
        return Reject("unknown_type", f"type must be one of {', '.join(KINDS)}")
    if not record.user_id and not record.anonymous_id:
        return Reject("no_id", "neither userId nor anonymousId is given")
    if record.type == "unmerge" and not (record.user_id and record.previous_id):
        return Reject("no_id", "an unmerge must have a userId and a previousId")
    for text in (record.user_id, record.anonymous_id, record.previous_id, record.message_id, record.event):
        if text is not None and len(text) > MAX_ID_LENGTH:
            return Reject("too_large", f"an id or event name has {len(text)} characters; at most {MAX_ID_LENGTH} are taken")
    if record.type == "track" and not record.event:
        return Reject("no_name", "a track must have an event name")
    if record.type == "erase" and not _are_ids((record.properties or {}).get("identifiers")):
        return Reject("wrong_type", f"the identifiers of an erase must be a list of texts of 1 to {MAX_ID_LENGTH} characters")
    return None


def _are_ids(value: Any) -> bool:
    """Whether a value is a list of ids, or nothing."""
    return value is None or (type(value) is list and all(type(each) is str and 0 < len(each) <= MAX_ID_LENGTH for each in value))


def _time(record: Record, log_ms: int | None, wall_ms: int | None) -> tuple[int | None, int | None]:
    """Event time and time of receipt (`semantics.md`, 2). ValueError for a stamp that cannot be read, whether it is needed or not."""
    received = record.received_at
    receipt = parse_instant(received) if received is not None else log_ms if log_ms is not None else wall_ms
    stamp = parse_instant(record.timestamp) if record.timestamp is not None else None
    if record.original_timestamp is None and record.sent_at is None:
        return (stamp if stamp is not None else receipt if received is not None else log_ms), receipt
    original = parse_instant(record.original_timestamp) if record.original_timestamp is not None else None
    sent = parse_instant(record.sent_at) if record.sent_at is not None else None
    if received is not None and receipt is not None and sent is not None and original is not None:
        t = receipt - (sent - original)
        if not EARLIEST <= t <= LATEST:
            raise ValueError("outside the years 1 to 9999")
        return t, receipt
    if stamp is None:
        stamp = original
    return (stamp if stamp is not None else receipt if received is not None else log_ms), receipt


def _content(record: Record) -> tuple[str | None, dict[str, Any]]:
    """The name in rules, and the properties as rules see them, of all but a track."""
    match record.type:
        case "identify":
            return "Identified", {name: storable(value) for name, value in (record.traits or {}).items()}
        case "page" | "screen":
            properties = dict(record.properties or {})
            if record.name is not None:
                properties["name"] = record.name
            if record.category is not None:
                properties["category"] = record.category
            return ("Page Viewed" if record.type == "page" else "Screen Viewed"), properties
        case "alias" if record.previous_id:
            return None, storable(record.properties or {})
        case "erase":
            return None, {"identifiers": (record.properties or {}).get("identifiers") or []}
    return None, {}


def storable(value: Any) -> Any:
    """The value with integers that msgpack cannot hold as the nearest float; all else as it is.

    >>> storable([2**80, 1, "x"])
    [1.2089258196146292e+24, 1, 'x']
    """
    kind = type(value)
    if kind is int and not -_MOST_JSON_NUMBER <= value < _MOST_JSON_NUMBER:
        try:
            return float(value)
        except OverflowError:
            return 1.7976931348623157e308 if value > 0 else -1.7976931348623157e308
    if kind is list:
        return [storable(item) for item in value]
    if kind is dict:
        return {name: storable(item) for name, item in value.items()}
    return value


def _made_id(record: Record) -> str:
    """A messageId for a record that has none: of what makes two records the same happening."""
    parts = [
        record.type,
        record.user_id or None,
        record.anonymous_id or None,
        record.event,
        record.name,
        record.category,
        record.properties,
        record.traits,
        record.timestamp if record.timestamp is not None else record.original_timestamp,
        *([record.previous_id] if record.previous_id else []),
    ]
    return "made-" + blake2b(_encode(parts), digest_size=16).hexdigest()


def _deeper_than(value: list[Any], most: int) -> bool:
    level = value
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
