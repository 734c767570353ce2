"""`read_rows` and `read_import`: what a map says, checked, or all that must be otherwise in it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from operators.instants import parse_instant
from operators.language.check import nearest
from operators.language.durations import shortened
from operators.plan.yaml_tree import Path, Tree
from operators.rows.checked import Column, ImportMap, RowMap
from operators.tracking.sources import source_named

Find = Callable[[Path, str], None]
"""Notes what must be otherwise at a place of the file."""

ID_COLUMNS = ("userId", "anonymousId", "email")
_FITS = {"format": ("date", "time"), "zone": ("time",), "separator": ("list",), "decimal": ("number",)}
"""The types of columns beside which a key means something."""
_ANY_ENCODING_BUT = ("idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7")


def read_rows(raw: dict[str, Any], source: str, find: Find) -> RowMap:
    """The map whose shape was looked at before; worth something only where nothing is found."""
    one = {key: column_of(raw.get(key), (key,), find) for key in ID_COLUMNS}
    if not any(key in raw for key in ID_COLUMNS):
        find((), f"a map must name the column of an id: {', '.join(ID_COLUMNS)}; got none")
    event = raw.get("event") if isinstance(raw.get("event"), str) else ""
    fields, other = ("properties", "traits") if event else ("traits", "properties")
    if other in raw:
        find((other,), f"`{other}` must stand {'without' if event else 'with'} `event`; got it {'with' if event else 'without'}")
    time = column_of(raw.get("time"), ("time",), find, time=True)
    if event and "time" not in raw:
        find(("event",), "rows that are events must have a `time`; got none")
    if event and raw.get("empty") == "clear":
        find(("empty",), "`empty: clear` must stand where rows have traits; got it with `event`")
    found = list(_entries(raw, fields, find))
    fixed = [(tuple(name.split(".")), value) for name, value in _mapping(raw, "set").items()]
    _ways([*((fields, way) for way, _ in found), *(("set", way) for way, _ in fixed)], find)
    skip = (
        (_plain(name), frozenset(map(_as_text, values if isinstance(values, list) else [values])))
        for name, values in _mapping(raw, "skip").items()
    )
    return RowMap(
        source=source,
        user_id=one["userId"],
        anonymous_id=one["anonymousId"],
        email=one["email"],
        fields=tuple(found),
        set=tuple(fixed),
        time=time,
        event=event or "",
        skip=tuple(skip),
        clear=raw.get("empty") == "clear",
    )


def read_import(tree: Tree, find: Find) -> ImportMap:
    """The map of an import."""
    if not isinstance(tree.value, dict):
        return ImportMap(RowMap(""))
    raw: dict[str, Any] = tree.value
    source = raw.get("source") if isinstance(raw.get("source"), str) else ""
    if isinstance(raw.get("source"), str):
        check_source(source or "", ("source",), find)
    rows = read_rows(raw, source or "", find)
    at, encoding = raw.get("at"), raw.get("encoding")
    header = raw.get("columns")
    return ImportMap(
        rows=rows,
        at_ms=_instant(at, find),
        encoding=encoding if isinstance(encoding, str) and _is_encoding(encoding, find) else None,
        delimiter=raw["delimiter"] if isinstance(raw.get("delimiter"), str) else None,
        header=tuple(header) if isinstance(header, list) and all(isinstance(each, str) for each in header) else None,
        skip_lines=raw["skip_lines"] if isinstance(raw.get("skip_lines"), int) else 0,
        places={name: tree.at(path) for name, path in _named(raw)},
    )


def check_source(source: str, path: Path, find: Find) -> None:
    """A source must be the name of a library, as it is told apart by rules of survivorship."""
    if source_named(source) != source or not source:
        find(path, f"a source must be like 'crm' (a letter, then up to 49 of A-Z a-z 0-9 _ . / - and space); got {shortened(source)}")


def zone_of(name: Any, path: Path, find: Find) -> tzinfo:
    """The zone of that name; UTC where there is none."""
    if not isinstance(name, str) or name == "UTC":
        return UTC
    if name not in _zones():
        find(path, f"`zone` must be a zone such as Europe/Berlin; got {shortened(name)}{nearest(name, _zones())}")
        return UTC
    return ZoneInfo(name)


def _entries(raw: dict[str, Any], key: str, find: Find) -> Iterator[tuple[tuple[str, ...], Column]]:
    for name, entry in _mapping(raw, key).items():
        column = column_of(entry, (key, name), find)
        if column is not None:
            yield tuple(name.split(".")), column


def column_of(entry: Any, path: Path, find: Find, *, time: bool = False) -> Column | None:
    """A column, as it is read; of a `time` each is one."""
    if isinstance(entry, str):
        return _plain(entry)
    if not isinstance(entry, dict) or not isinstance(entry.get("column"), str):
        return None
    kind = entry.get("type", "time" if time else None)
    if time and kind != "time":
        find((*path, "type"), f"the column of the time must be of the type time; got {shortened(str(kind))}")
    for key, kinds in _FITS.items():
        if key in entry and kind not in kinds:
            find((*path, key), f"`{key}` must stand with the type {' or '.join(kinds)}; got {kind or 'no type'}")
    if "prefix" in entry and path not in (("userId",), ("anonymousId",)):
        find((*path, "prefix"), "`prefix` must stand with the column of userId or anonymousId; got it with another")
    form = entry.get("format")
    if isinstance(form, str) and not _is_format(form):
        find((*path, "format"), f"`format` must be in the letters of strptime, such as %d.%m.%Y, or ms or s; got {shortened(form)}")
    return replace(
        _plain(entry["column"]),
        type=kind,
        format=form if isinstance(form, str) else None,
        zone=zone_of(entry.get("zone"), (*path, "zone"), find),
        separator=entry.get("separator", ","),
        decimal=entry.get("decimal", "."),
        prefix=entry.get("prefix", ""),
    )


def _plain(name: str) -> Column:
    return Column(name, tuple(name.split(".")))


def _ways(ways: list[tuple[str, tuple[str, ...]]], find: Find) -> None:
    """No trait can be both a value and an object with others in it, nor be given twice."""
    met: dict[tuple[str, ...], bool] = {}
    for key, way in ways:
        place: Path = (key, ".".join(way))
        if not all(way):
            find(place, f"a name must be like `city` or `address.city`; got {shortened('.'.join(way))}")
        elif met.get(way) or any(met.get(way[:i]) for i in range(1, len(way))) or way in met:
            find(place, f"each name must be given once, and none be within another; got {shortened('.'.join(way))} again")
        met |= dict.fromkeys((way[:i] for i in range(1, len(way)) if way[:i] not in met), False)
        met[way] = True


def _named(raw: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    """Each column of the table, and where the map names it."""
    seen: set[str] = set()
    one: list[tuple[Path, Any]] = [((key,), raw.get(key)) for key in (*ID_COLUMNS, "time")]
    one += [((key, name), entry) for key in ("traits", "properties") for name, entry in _mapping(raw, key).items()]
    one += [(("skip", name), name) for name in _mapping(raw, "skip")]
    for path, entry in one:
        name = entry.get("column") if isinstance(entry, dict) else entry
        if isinstance(name, str) and name not in seen:
            seen.add(name)
            yield name, path if not isinstance(entry, dict) else (*path, "column")


def _instant(at: Any, find: Find) -> int | None:
    if not isinstance(at, str):
        return None
    try:
        return parse_instant(at)
    except ValueError:
        find(("at",), f"`at` must be a time such as 2026-01-05T10:00:00Z; got {shortened(at)}")
        return None


def _is_encoding(name: str, find: Find) -> bool:
    try:
        known = codecs.lookup(name)
        # Some codecs of Python's are no encodings of texts.
        "a\n".encode(name).decode(name)
    except (LookupError, ValueError):
        known = None
    if known is None or known.name.replace("-", "_") in _ANY_ENCODING_BUT:
        find(("encoding",), f"`encoding` must be one that Python knows, such as utf-8, cp1252 or utf-16; got {shortened(name)}")
        return False
    return True


def _is_format(form: str) -> bool:
    if form in ("ms", "s"):
        return True
    try:
        # What it writes it must read.
        datetime.strptime(datetime(2001, 12, 23, 22, 45, 56, tzinfo=UTC).strftime(form), form)  # noqa: DTZ007 - only whether it can be read
    except (ValueError, re.error):
        return False
    return "%" in form


def _mapping(raw: dict[str, Any], key: str) -> dict[str, Any]:
    inner = raw.get(key)
    return inner if isinstance(inner, dict) else {}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))
