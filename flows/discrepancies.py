"""`read_discrepancies`: the traits on which sources differ, of all persons of a live state beside the running job; `show` for a terminal.

With the plan, the value that counts is the one that counts under it, also where it is newer than the state.

*Guarantees*: the state is only read, one moment of each lane. What is kept in memory is bounded by the number of rows that are asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from flows.audit.lanes import persons
from flows.profile import Said, value_text
from flows.totals import numbered
from operators.change import contested
from operators.instants import format_instant
from operators.lane.fill import read_layouts
from operators.lane.opening import stored_meta
from operators.lane.rocks import open_live
from operators.lane.store import Store
from operators.plan.checked import Plan
from operators.survive import Survive, differing, source_of
from schemas.errors import UnavailableError, UsageError
from schemas.person import Person

NO_SOURCE = "no source"


class Discrepancy(msgspec.Struct, frozen=True):
    """A trait of a person on which sources differ: the value that counts, and what others say."""

    person: str
    trait: str
    value: Any
    source: str | None
    time: str
    others: list[Said]


class Discrepancies(msgspec.Struct, frozen=True):
    """Of how many persons each trait is told differently, and the first of these by person and trait, as many as were asked for."""

    persons: dict[str, int]
    rows: list[Discrepancy]


def read_discrepancies(
    state: Path, plan: Plan | None = None, *, trait: str | None = None, limit: int = 100, halted: Callable[[], bool] = lambda: False
) -> Discrepancies | None:
    """Those of a state, of one trait or of all; None where the reading was halted. UnavailableError where there is no state, UsageError
    where it is of another plan."""
    folders = [path for path in sorted(state.glob("lane-*")) if path.is_dir()]
    if not folders:
        raise UnavailableError(f"there is no state in {state}; give the --state of the job")
    found: Counter[str] = Counter()
    rows: list[Discrepancy] = []
    for folder in folders:
        store = open_live(folder)
        try:
            first: list[Discrepancy] = []
            for person in _persons(store, plan):
                if halted():
                    return None
                for row in _of(person, trait):
                    found[row.trait] += 1
                    if len(first) < limit:
                        first.append(row)
        finally:
            store.close()
        rows = list(islice(merge(rows, first, key=lambda row: (row.person, row.trait)), limit))
    return Discrepancies(dict(sorted(found.items())), rows)


def _persons(store: Store, plan: Plan | None) -> Iterator[Person]:
    """The persons of a lane, as the plan makes their traits."""
    meta = stored_meta(store)
    if plan is not None and meta is not None and meta.plan != plan.name:
        raise UsageError(f"the state was made with the plan {meta.plan}, not with {plan.name}; give that plan")
    changed = (
        {} if plan is None else {number: contested(each.survivorship, plan.survivorship) for number, each in read_layouts(store).items()}
    )
    survive = Survive({} if plan is None else plan.survivorship, {})
    for person in persons(store):
        survive.anew(person, changed.get(person.layout, ()))
        yield person


def _of(p: Person, trait: str | None) -> Iterator[Discrepancy]:
    for name in sorted(p.traits if trait is None else p.traits.keys() & {trait}):
        said = differing(p, name)
        if said:
            t, value, source = p.traits[name][:3]
            others = [Said(source, value, format_instant(t)) for t, value, source in said]
            yield Discrepancy(p.id, name, value, source_of(p, source), format_instant(t), others)


def show(found: Discrepancies, out: Console) -> None:
    """A table, a word on a trait a row, first the one that counts; below it how many there are."""
    if not found.rows:
        out.print("no two sources differ")
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("person", "trait", "", "value", "source", "time"):
        table.add_column(name, overflow="fold", no_wrap=name in ("", "time"))
    for row in found.rows:
        table.add_row(row.person, row.trait, "counts", value_text(row.value), row.source or NO_SOURCE, row.time)
        for each in row.others:
            table.add_row("", "", "", value_text(each.value), each.source or NO_SOURCE, each.time)
    out.print(table)
    told = ", ".join(f"{trait} of {numbered(count, 'person')}" for trait, count in found.persons.items())
    left = sum(found.persons.values()) - len(found.rows)
    out.print(told + (f"; {left:,} not shown" if left else ""), soft_wrap=True)
