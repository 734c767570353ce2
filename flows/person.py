"""`export`: all that is kept of a person, from the live states of all lanes beside the running job; `erasure` the record by which it is
forgotten, for each partition that may hold something of it.

The lanes of one job know of each other's persons nothing: a visitor may be a person of its own in another lane than the user that it
became. So identifiers that are found in one lane are looked for in the others, where they are those of no other user.

*Guarantees*: the states are only read. A record of erasure is one of the input log, which the job reads as all others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from flows.profile import conflicts_of, identifiers_of, merges_of
from operators.clean.email import canonical_email, email_key
from operators.duplicates.rows import Candidate
from operators.duplicates.score import chance_of
from operators.identity.resolve import names_of
from operators.instants import format_instant
from operators.lane.keys import Kept, Meta
from operators.lane.live import find
from operators.lane.opening import stored_meta
from operators.lane.rocks import open_live
from operators.lane.store import Store
from operators.lane.traces import Traces, as_kept, read_traces
from operators.language.calls.held import HIDDEN
from operators.profile import consents_of, suppressions_of
from operators.survive import source_of
from schemas.errors import UnavailableError, UsageError
from schemas.person import RANK_NAMES, USER_ID, Person


class InLane(NamedTuple):
    """What a lane keeps of a person."""

    meta: Meta
    traces: Traces


def traces(state: Path, person: str) -> list[InLane]:
    """What the lanes keep of the person of an identifier, in their order; nothing where none knows it. UnavailableError where there is no
    state."""
    folders = sorted(path for path in state.glob("lane-*") if path.is_dir())
    if not folders:
        raise UnavailableError(f"there is no state in {state}; give the --state of the job")
    stores = [open_live(folder) for folder in folders]
    try:
        found = _persons(stores, person)
        lanes = [InLane(meta, read_traces(store, p)) for store, p in found if (meta := stored_meta(store)) is not None]
    finally:
        for store in stores:
            store.close()
    return sorted(lanes, key=lambda lane: (lane.meta.partition, lane.traces.person.id))


def _persons(stores: Sequence[Store], person: str) -> list[tuple[Store, Person]]:
    found: dict[tuple[int, str], Person] = {}
    for place, store in enumerate(stores):
        p = find(store, person)
        if p is not None:
            found[place, p.id] = p
    if len({p.id for p in found.values() if p.rank == USER_ID}) > 1:
        raise UsageError("this is an identifier of several users, each in a lane of its own; give a userId")
    looked: set[str] = set()
    while names := {name for p in found.values() for name in names_of(p)} - looked:
        looked |= names
        for place, store in enumerate(stores):
            for name in sorted(names):
                p = find(store, name)
                if p is not None and (p.id in looked or p.rank < USER_ID):
                    found.setdefault((place, p.id), p)
    return [(stores[place], p) for (place, _), p in found.items()]


def names_in(lanes: list[InLane]) -> list[str]:
    """All identifiers that lanes know of a person: those by which it is named first, the highest-ranking before all."""
    persons = sorted((lane.traces.person for lane in lanes), key=lambda p: (-p.rank, -p.count, p.id))
    return list(dict.fromkeys([*(p.id for p in persons), *(name for lane in lanes for name in lane.traces.names)]))


def export(lanes: list[InLane]) -> dict[str, Any]:
    """All of it, as JSON values."""
    names = names_in(lanes)
    return {"person": names[0], "identifiers": names, "lanes": [_lane(lane) for lane in lanes]}


def _lane(lane: InLane) -> dict[str, Any]:
    traces, p = lane.traces, lane.traces.person
    state = as_kept(p)
    return {
        "partition": lane.meta.partition,
        "plan": lane.meta.plan,
        "person": p.id,
        "clock": format_instant(p.clock),
        "events": p.count,
        "identifiers": [_fields(each) for each in identifiers_of(p)],
        "conflicts": [_fields(each) for each in conflicts_of(p)],
        "merges": [_fields(each) for each in merges_of(p)],
        "traits": {name: _trait(p, kept) for name, kept in sorted(p.traits.items())},
        "consents": [_fields(each) for each in consents_of(p)],
        "suppressions": [_fields(each) for each in suppressions_of(p)],
        "segments": [{"segment": id, "since": format_instant(since)} for id, since in _members(traces)],
        "triggers": [format_instant(t) for t in p.sent],
        "campaigns": {entry: format_instant(t) for entry, t in sorted(p.entries.items())},
        "timers": [format_instant(t) for t in sorted(traces.due)],
        "history": [_event(id, kept) for id, kept in traces.history],
        "duplicates": [_pair(each) for each in traces.candidates],
        "compared": {name: _fields(record) for name, record in sorted(traces.compared.items())},
        "state": {name: value for name, value in state.items() if name != "version"},
    }


def _members(traces: Traces) -> list[tuple[str, int]]:
    names = traces.segments
    named = [(names[no] if no < len(names) else f"#{no}", since) for no, since in traces.person.members.items()]
    return sorted(each for each in named if not each[0].startswith(HIDDEN))


def _trait(p: Person, kept: list[Any]) -> dict[str, Any]:
    """A trait, with the last words of other sources where more than one has spoken of it."""

    def told(t: int, value: Any, source: int = 0) -> dict[str, Any]:
        name = source_of(p, source)
        return {"value": value, "time": format_instant(t)} | ({} if name is None else {"source": name})

    return told(*kept[:3]) | ({"others": [told(*word) for word in kept[3]]} if len(kept) > 3 else {})


def _event(message_id: str, kept: Kept) -> dict[str, Any]:
    told = {"time": format_instant(kept.t), "number": kept.n, "message_id": message_id, "kind": kept.kind, "name": kept.name}
    more = {"of": kept.of, "shadowed": True} if kept.shadowed else {} if kept.of is None else {"of": kept.of}
    return told | {"properties": kept.properties or {}} | ({"source": kept.source} if kept.source is not None else {}) | more


def _pair(each: Candidate) -> dict[str, Any]:
    evidence = [{"field": e.field, "level": e.level, "similarity": e.similarity, "weight": e.weight} for e in each.evidence]
    told = {"person": each.person, "other": each.other, "state": each.state, "chance": round(chance_of(each.bits), 4)}
    return told | {"time": format_instant(each.t), "message_id": each.message_id, "evidence": evidence}


def _fields(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {name: msgspec.to_builtins(each) for name, each in msgspec.structs.asdict(value).items()}
    return found


def erasure(lanes: list[InLane]) -> dict[str, Any]:
    """The record by which the person is forgotten, with all its identifiers; the same at the same instant is one event."""
    names, now = names_in(lanes), int(time.time() * 1000)
    is_user = any(lane.traces.person.rank in (USER_ID, 0) and lane.traces.person.id == names[0] for lane in lanes)
    id = blake2b(chr(0).join([*names, str(now)]).encode(), digest_size=12).hexdigest()
    who = {"userId" if is_user else "anonymousId": names[0]}
    about = {"timestamp": format_instant(now), "properties": {"identifiers": names[1:]}}
    return {"type": "erase", "messageId": f"erase-{id}", **who, **about}


def forget_verdicts(ledger: Path, lanes: list[InLane]) -> None:
    """Takes out of a ledger of `beckon verify`, where there is one, what it knows of the person and of all its addresses. UnavailableError
    where it is in use."""
    from flows.verify.ledger import open_ledger

    if ledger.exists():
        texts = set(_texts(export(lanes)))
        keys = {email_key(canonical) for text in texts if "@" in text and (canonical := canonical_email(text)) is not None}
        with open_ledger(ledger) as opened:
            opened.erase(names_in(lanes), texts | keys)


def forget_answers(data: Path, lanes: list[InLane]) -> None:
    """Takes out of the memory of forms in the folder of an edge what a person was asked. UnavailableError where there is none."""
    from flows.collect.forms.memory import FILE, open_memory

    if not (data / FILE).exists():
        raise UnavailableError(f"there is no {FILE} in {data}; give the --data of `beckon collect`")
    memory = open_memory(data / FILE)
    memory.forget(names_in(lanes))
    memory.close()


def _texts(value: Any) -> Iterator[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def told(lanes: list[InLane]) -> list[str]:
    """What is going to be forgotten, a line each."""
    types = {each.value: each.type for lane in lanes for each in identifiers_of(lane.traces.person)}
    names = [f"{(types.get(name) or RANK_NAMES[USER_ID]).replace('_', ' ')} {name}" for name in names_in(lanes)]
    events = sum(lane.traces.person.count for lane in lanes)
    where = ", ".join(str(lane.meta.partition) for lane in lanes)
    return [*names, f"{events:,} events in partition{'' if len(lanes) == 1 else 's'} {where}"]
