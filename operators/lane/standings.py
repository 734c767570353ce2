"""Since when each segment of a lane is as it is: kept beside the layouts, for those who ask how a changed plan stands."""

from __future__ import annotations

import msgspec

from operators.change import Layout, difference
from operators.lane.keys import STANDINGS, Meta, Standing
from operators.lane.store import Store, Writes
from operators.language.calls.held import HIDDEN

Standings = dict[str, Standing]
"""By the ids of the segments, hidden ones left out."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Standings).decode


def read_standings(store: Store, layout: Layout) -> Standings:
    """Those of the segments of the layout."""
    raw = store.get(STANDINGS)
    return _of(layout, _decode(raw) if raw is not None else {})


def put_standings(standings: Standings, writes: Writes) -> None:
    """Writes them down."""
    writes.put(STANDINGS, _encode(standings))


def changed(before: Standings, old: Layout, new: Layout, meta: Meta) -> Standings:
    """Those behind a change from the old layout to the new: what it brings begins with it. Where there was no event yet, all begins."""
    standings = _of(new, before)
    diff = difference(old, new)
    if meta.watermark is None:
        return standings
    kept = whole_from(meta, old.history)
    return standings | {id: Standing(standings[id].version, meta.watermark, kept) for id in (*diff.new, *diff.changed)}


def completed(before: Standings, watermark: int | None) -> Standings:
    """Those when all persons are brought to the plan."""
    return {
        id: msgspec.structs.replace(each, complete=watermark) if each.since is not None and each.complete is None else each
        for id, each in before.items()
    }


def whole_from(meta: Meta, history: int | None) -> int | None:
    """The instant from which on the history has all events, where it is kept for so long; None where there was no event."""
    if meta.latest is None or meta.watermark is None or meta.oldest is None:
        return None
    if history is None:
        return meta.latest + 1
    return max(meta.oldest, meta.watermark - history, meta.oldest if meta.kept is None else meta.kept)


def _of(layout: Layout, known: Standings) -> Standings:
    found = {id: (version, known.get(id)) for id, version in layout.segments if not id.startswith(HIDDEN)}
    return {id: each if each is not None and each.version == version else Standing(version) for id, (version, each) in found.items()}
