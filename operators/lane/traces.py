"""`Traces`: all that a lane keeps of a person, read from its store; `read_traces` looks, and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from operators.duplicates.index import Index
from operators.duplicates.record import NOTHING, Record
from operators.duplicates.rows import Candidate
from operators.duplicates.watch import read_candidates
from operators.identity.resolve import names_of
from operators.lane.history import history_of
from operators.lane.keys import TIMERS, TIMERS_END, Kept, due_in, person_in
from operators.lane.live import segment_names
from operators.lane.store import Store
from schemas.person import Person

_PAGE = 20_000


@dataclass(frozen=True, slots=True)
class Traces:
    """A person of a lane. `names` are all that lead to it, `segments` the ids of the segments by number, `history` all its rows by time,
    then arrival, copies too; `due` the entries of the timer index; `compared` by name what the search for duplicates compares it by."""

    person: Person
    names: list[str]
    segments: list[str]
    history: list[tuple[str, Kept]]
    due: list[int]
    compared: dict[str, Record]
    candidates: list[Candidate]


def read_traces(store: Store, p: Person) -> Traces:
    """What the store has of a person."""
    names, index = names_of(p), Index(store)
    compared = {name: record for name in names if (record := index.record(name)) != NOTHING}
    candidates = [each for each in read_candidates(store, None) if {each.person, each.other} & set(names)]
    return Traces(p, names, segment_names(store, p), history_of(store, p.id), _due(store, set(names)), compared, candidates)


def _due(store: Store, names: set[str]) -> list[int]:
    found, start = list[int](), TIMERS
    while pairs := store.scan(start, TIMERS_END, _PAGE):
        found += [due_in(key) for key, _ in pairs if person_in(key) in names]
        start = pairs[-1][0] + b"\0"
    return found


def as_kept(p: Person) -> dict[str, object]:
    """The state of a person as it is stored, by its fields."""
    return {name: msgspec.to_builtins(value, str_keys=True) for name, value in msgspec.structs.asdict(p).items()}
