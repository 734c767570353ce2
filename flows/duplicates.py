"""`read_pairs`: who is probably one person, read from the live state of all lanes beside the running job; `accept` and `refuse`: the
records of a decision; `show_pairs` and `show_pair` for a terminal.

*Guarantees*: the state is only read. A decision is a record of the input log, which the job reads as all others: nothing else is written.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from flows.totals import numbered
from operators.duplicates.decisions import accepted, refused
from operators.duplicates.index import Index
from operators.duplicates.record import Record
from operators.duplicates.rows import Candidate, State
from operators.duplicates.score import chance_of
from operators.duplicates.watch import read_candidates
from operators.identity.resolve import present
from operators.instants import format_instant
from operators.lane.keys import person_key
from operators.lane.live import read_live
from operators.lane.people import person_of
from operators.lane.rocks import open_live
from operators.lane.store import Store
from schemas.errors import UnavailableError, UsageError
from schemas.person import USER_ID


class Evidence(msgspec.Struct, frozen=True):
    """What a field says: how it agrees, the similarity (None where the row is about no field), and the weight in bits."""

    field: str
    level: str
    similarity: float | None
    weight: float


class Pair(msgspec.Struct, frozen=True):
    """Two persons that are probably one, with that chance, since an event at `time`; `person` was there first."""

    person: str
    other: str
    chance: float
    bits: float
    state: str
    time: str
    message_id: str
    evidence: list[Evidence]


def read_pairs(state: Path, *, decided: bool = False) -> list[Pair]:
    """The pairs that are up for review, or all; the surest first. UnavailableError where there is no state."""
    return [_pair(each) for each, _ in _read(state) if decided or each.state == "open"]


def find_pair(state: Path, person: str, other: str) -> tuple[Candidate, tuple[Record, Record]]:
    """The candidate of these two, in whatever order, and what they were compared by; UsageError where they are none."""
    for candidate, records in _read(state):
        if {candidate.person, candidate.other} == {person, other}:
            return candidate, records
    raise UsageError("these two are no pair that was put up for review; `beckon duplicates ls` shows those that are")


def _read(state: Path) -> list[tuple[Candidate, tuple[Record, Record]]]:
    folders = [path for path in sorted(state.glob("lane-*")) if path.is_dir()]
    if not folders:
        raise UnavailableError(f"there is no state in {state}; give the --state of the job")
    found: list[tuple[Candidate, tuple[Record, Record]]] = []
    for folder in folders:
        store = open_live(folder)
        try:
            index = Index(store)
            for each in read_candidates(store, None):
                state_now = _state_now(store, each)
                if state_now is not None:
                    shown = msgspec.structs.replace(each, state=state_now)
                    found.append((shown, (index.record(each.person), index.record(each.other))))
        finally:
            store.close()
    return sorted(found, key=lambda each: (-each[0].bits, each[0].person, each[0].other))


def _state_now(store: Store, candidate: Candidate) -> State | None:
    """What became of a candidate; None where both are one for other reasons."""
    if _are_two(store, candidate):
        return "parted" if candidate.state == "merged" else candidate.state
    return "merged" if candidate.state == "merged" else None


def _are_two(store: Store, candidate: Candidate) -> bool:
    """False where both have become one since."""
    ends = [present(lambda name: person_of(store.get(person_key(name))), name) for name in (candidate.person, candidate.other)]
    return len({name if p is None else p.id for name, p in zip((candidate.person, candidate.other), ends, strict=True)}) == 2


def _pair(each: Candidate) -> Pair:
    evidence = [Evidence(e.field, e.level, e.similarity, e.weight) for e in each.evidence]
    chance = round(chance_of(each.bits), 4)
    return Pair(each.person, each.other, chance, each.bits, each.state, format_instant(each.t), each.message_id, evidence)


def accept(candidate: Candidate, person: str, *, is_user: bool) -> dict[str, Any]:
    """The record that makes the two one, named `person`, who is known by a userId or not."""
    return accepted(candidate, person, _now(), is_user=is_user)


def is_user(state: Path, person: str) -> bool:
    """Whether a userId names the person, or nobody knows what does."""
    return read_live(state, person).person.rank in (USER_ID, 0)


def refuse(candidate: Candidate) -> dict[str, Any]:
    """The record that says that they are two."""
    return refused(candidate, _now())


def _now() -> int:
    return int(time.time() * 1000)


def show_pairs(pairs: list[Pair], out: Console) -> None:
    """A table, a pair a row."""
    if not pairs:
        out.print("no two persons are up for review")
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name, justify in (("person", "left"), ("other", "left"), ("chance", "right"), ("state", "left"), ("evidence, bits", "left")):
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    for pair in pairs:
        told = ", ".join(f"{each.field} {each.level} {each.weight:+.1f}" for each in pair.evidence)
        table.add_row(pair.person, pair.other, f"{pair.chance:.2%}", pair.state, told)
    out.print(table)
    out.print(numbered(len(pairs), "pair"))


def pair_record(candidate: Candidate, records: tuple[Record, Record]) -> dict[str, Any]:
    """One pair with what was compared, for programs."""
    compared = [{name: value for name, value in msgspec.structs.asdict(record).items() if value} for record in records]
    return msgspec.structs.asdict(_pair(candidate)) | {"evidence": msgspec.to_builtins(_pair(candidate).evidence), "compared": compared}


def show_pair(candidate: Candidate, records: tuple[Record, Record], out: Console) -> None:
    """One pair, with what was compared."""
    pair, (one, two) = _pair(candidate), records
    out.print(
        f"{pair.person} and {pair.other}: one person with a chance of {pair.chance:.2%} ({pair.state}), since {pair.time}", soft_wrap=True
    )
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("field", pair.person, pair.other, "agree", "similarity", "bits"):
        table.add_column(name, justify="right" if name in ("similarity", "bits") else "left", overflow="fold")
    for each in pair.evidence:
        values = [getattr(record, each.field, "") for record in (one, two)]
        table.add_row(each.field, *values, each.level, "" if each.similarity is None else f"{each.similarity:.2f}", f"{each.weight:+.2f}")
    table.add_section()
    table.add_row("sum", "", "", "", "", f"{pair.bits:+.2f}")
    out.print(table)
