"""What a lane does when it is opened: it checks the state, fences older publishers, and publishes what is missing."""

from __future__ import annotations

from collections import deque

import msgspec

from operators.lane.keys import FORMAT, META, OUTBOX, OUTBOX_END, Meta
from operators.lane.ports import Publisher, Row
from operators.lane.store import Store
from operators.plan.checked import Plan
from schemas.errors import UnavailableError

_decode_meta = msgspec.msgpack.Decoder(Meta).decode
_decode_row = msgspec.msgpack.Decoder(Row).decode


def stored_meta(store: Store, otherwise: str = "") -> Meta | None:
    """The lane's standing as it is stored, None where nothing is; UnavailableError where another version of Beckon wrote it in a way that
    this one does not read, with what else can be done."""
    raw = store.get(META)
    if raw is None:
        return None
    found = msgspec.msgpack.decode(raw)[0]
    if found != FORMAT:
        raise UnavailableError(
            f"the state has format {found}, this version of Beckon reads {FORMAT}; use the version that made it{otherwise}"
        )
    return _decode_meta(raw)


def read_meta(plan: Plan, store: Store, partition: int, until_ms: int | None) -> Meta:
    """The lane's standing; UnavailableError where the state cannot be continued with this plan."""
    again = "start with a new --state and a new output (on Kafka: a new name of the plan) and read the input again"
    meta = stored_meta(store, f", or {again}")
    if meta is None:
        return Meta(FORMAT, plan.name, plan.version, partition)
    if meta.plan != plan.name:
        raise UnavailableError(f"the state was made with the plan {meta.plan}, this one is {plan.name}; go back to that plan, or {again}")
    if meta.partition != partition:
        raise UnavailableError(f"the state belongs to partition {meta.partition}, not to {partition}; give each its own folder")
    if meta.skipped and meta.until != until_ms:
        raise UnavailableError(f"the state left out {meta.skipped} events after its --until, which it cannot take up again; {again}")
    return meta


def publish_missing(meta: Meta, store: Store, publisher: Publisher) -> deque[tuple[int, int]]:
    """Fences older publishers, compares what is published with the state, and publishes the rows of the outbox that are not. Gives
    the first and last numbers of these rows. UnavailableError where output and state do not belong together."""
    progress = publisher.open()
    if progress.sequence > meta.sequence or progress.offset > meta.offset:
        raise UnavailableError(
            f"partition {meta.partition}: the state went backwards: output {progress.sequence} (offset {progress.offset}) is out, "
            f"but the state ends at output {meta.sequence} (offset {meta.offset}); restore the newest state, or start with a new "
            f"--state and a new output (on Kafka: a new name of the plan)"
        )
    rows = [_decode_row(raw) for _, raw in store.scan(OUTBOX, OUTBOX_END, 1 << 30)]
    first = rows[0].first if rows else meta.sequence + 1
    if progress.sequence + 1 < first:
        raise UnavailableError(
            f"partition {meta.partition}: the output ends at {progress.sequence}, but the state has published up to {first - 1}: "
            f"the output was removed, cut off or is another one; put it back, or start with a new --state"
        )
    for row in rows:
        publisher.put(row, meta.offset)
    publisher.wait()
    return deque((row.first, row.last) for row in rows)
