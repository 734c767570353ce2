"""`remarks`: what there is to say of a call besides its value and its events; for `operators.language.parts`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from operators.instants import format_instant
from operators.language.calls.held import condition
from operators.language.canonical import arguments_of
from operators.language.dates import local, zone_of
from operators.language.evidence import Evidence, Piece
from operators.language.nodes import Call
from operators.language.slots import at_path

if TYPE_CHECKING:
    from operators.language.parts import Parts


def remarks(parts: Parts, call: Call, pieces: list[Piece]) -> Iterator[str]:
    """What is to be said of a call with these events, a sentence each."""
    if call.name in _STANDING:
        yield _STANDING[call.name](parts, call)
    if parts.evidence is not None and (call["events"] is not None or call["steps"] is not None):
        yield from _events(parts, parts.evidence, call, pieces)


def _events(parts: Parts, evidence: Evidence, call: Call, pieces: list[Piece]) -> Iterator[str]:
    """What the events are set against, and why there is none."""
    texts = dict(arguments_of(call))
    mark = evidence.mark(call) if call["after"] is not None else None
    chosen = evidence.chosen(call) if call["same"] is not None else None
    if mark is not None:
        yield f"after {_named(mark)}"
    if chosen is not None:
        value = at_path(chosen.event.properties, call["same"])
        yield f"{'.'.join(call['same'])} is {plain(value)}, as of {_named(chosen)}"
    if call["after"] is not None and mark is None:
        yield f"none, since there is no {texts['after']} to come after"
    elif call["same"] is not None and chosen is None:
        yield f"none, since there is no {texts['as_']} with a {'.'.join(call['same'])}"
    elif not pieces:
        yield _none(evidence, call, texts, whole=parts.is_whole(call))


def _none(evidence: Evidence, call: Call, texts: dict[str, str], *, whole: bool) -> str:
    """Why there is no event."""
    out = evidence.left_out(call)
    if out is not None:
        filters = " and ".join(f"{name}={texts[name]}" for name in out[1])
        return f"none: the latest, {_named(out[0])}, is left out by {filters}"
    if call["property"] is not None and evidence.kept(call):
        return f"none has a usable {'.'.join(call['property'])}"
    if call.name in ("restarted", "regularly") and (every := evidence.all_of(call)):
        return f"none: the latest is {_named(every[-1])}"
    if call["steps"] is not None:
        return "no step was done in time" if call["within"] is not None else "no step was done"
    return "no such event" if whole else "no such event in the history that is kept"


def _named(piece: Piece) -> str:
    return f"{piece.event.name} of {format_instant(piece.event.t)} ({piece.event.message_id})"


def plain(value: Any) -> str:
    """A value in a sentence.

    >>> plain("c1"), plain(1.0), plain([True, None])
    ("'c1'", '1', '[True, None]')
    """
    return repr(int(value)) if type(value) is float and value.is_integer() else repr(value)


def _membership(parts: Parts, call: Call) -> str:
    segment, entry = parts.segments[call["id"]], parts.entry(call["id"])
    title = f"{segment.title}: " if segment.title else ""
    return f"{title}in it since {format_instant(entry)}" if entry is not None else f"{title}not in it"


def _held(parts: Parts, call: Call) -> str:
    entry = parts.entry(condition(call))
    return f"its condition is true since {format_instant(entry)}" if entry is not None else "its condition is not true"


def _calendar(parts: Parts, _call: Call) -> str:
    zone = zone_of(parts.p, parts.zone)
    return f"it is {local(parts.now, zone):%A, %Y-%m-%d %H:%M} in {zone.key}"


_STANDING: dict[str, Callable[[Parts, Call], str]] = {
    "segment": _membership,
    "in_segment_for": _membership,
    "held": _held,
    **dict.fromkeys(("today", "anniversary", "weekday", "day", "month", "hour"), _calendar),
}
"""What is said of a call whatever its value is."""
