"""`read_lanes`: what an audit needs of the live state of all lanes, read beside the running job.

Sizes, overlaps, traits and who changes often come from a look at every person, the rest from what the lanes count (`operators.lane.stats`).

*Guarantees*: the state is only read, and the job is not held up. Of each lane it is one moment: all that was committed when its reading
began. A state takes the same memory to read however many persons it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from flows.audit.overlaps import Overlaps
from operators.entries import MOST, entries_since
from operators.lane.fill import read_layouts
from operators.lane.keys import PERSONS, PERSONS_END, Meta
from operators.lane.opening import stored_meta
from operators.lane.people import person_of
from operators.lane.rocks import open_live
from operators.lane.stats import Day, Met, read_days, read_met
from operators.lane.store import Store
from operators.language.reads import Reads
from operators.language.slots import at_path
from operators.plan.checked import Plan
from operators.tally import DAY_MS
from schemas.errors import UnavailableError, UsageError
from schemas.person import Person

EXAMPLES = 3
"""Persons that are named of those who change often, the first by id."""
_ROWS = 5_000
"""Rows read at a time."""


class Found:
    """What all lanes hold together; lists go by the number of the segment. `at` is the instant up to which the lanes have come, None where
    no event was applied. `often` tells how many persons entered a segment `operators.entries.MOST` times or more in the days asked for,
    `examples` names some of them."""

    def __init__(self, plan: Plan, reads: Reads) -> None:
        self.at: int | None = None
        self.partitions: list[int] = []
        self.overlaps = Overlaps(len(plan.segments))
        self.often = [0] * len(plan.segments)
        self.examples: list[list[str]] = [[] for _ in plan.segments]
        self.traits = dict.fromkeys(reads.traits, 0)
        self.days: dict[int, Day] = {}
        self.met = Met()


def read_lanes(states: Sequence[Path], plan: Plan, reads: Reads, days: int, halted: Callable[[], bool]) -> Found | None:
    """The lanes of these state folders together; None where `halted` said so. UnavailableError where there are none or one cannot be read,
    UsageError where one is of another plan."""
    folders = [path for state in states for path in sorted(state.glob("lane-*")) if path.is_dir()]
    for state in states:
        if not any(path.parent == state for path in folders):
            raise UnavailableError(f"there is no state in {state}; give the --state of the job")
    with ExitStack() as opened:
        stores = []
        for folder in folders:
            stores.append(open_live(folder))
            opened.callback(stores[-1].close)
        return read_stores(stores, plan, reads, days, halted)


def read_stores(stores: Sequence[Store], plan: Plan, reads: Reads, days: int, halted: Callable[[], bool]) -> Found | None:
    """The same of lanes that are open."""
    found = Found(plan, reads)
    metas = [_meta(store, plan) for store in stores]
    came = [instant for meta in metas if meta is not None for instant in (meta.latest, meta.watermark) if instant is not None]
    found.at = max(came, default=None)
    first = 0 if found.at is None else found.at // DAY_MS - days + 1
    for store, meta in zip(stores, metas, strict=True):
        if meta is not None and not _lane(found, store, meta, plan, first, halted):
            return None
    found.overlaps.settle()
    found.partitions.sort()
    return found


def _meta(store: Store, plan: Plan) -> Meta | None:
    meta = stored_meta(store)
    if meta is not None and plan.name != meta.plan:
        raise UsageError(f"the state was made with the plan {meta.plan}, not with {plan.name}; give that plan")
    if meta is not None and plan.version != meta.version:
        raise UsageError(
            f"the state is of the version {meta.version} of the plan {plan.name}, the one given is {plan.version}; "
            "give the plan as the job has it, or start the job with this one first"
        )
    return meta


def _lane(found: Found, store: Store, meta: Meta, plan: Plan, first: int, halted: Callable[[], bool]) -> bool:
    """Adds a lane; false where the reading was halted."""
    if meta.partition in found.partitions:
        raise UsageError(f"partition {meta.partition} is in two of the state folders; give each once")
    found.partitions.append(meta.partition)
    for number, day in read_days(store):
        found.days.setdefault(number, Day()).include(day)
    found.met.include(read_met(store))
    # A person that was not yet brought to a changed plan is told by an older layout; what that has no more is left out.
    own = {segment.id: no for no, segment in enumerate(plan.segments)}
    numbers = {number: [own.get(id) for id, _ in layout.segments] for number, layout in read_layouts(store).items()}
    for person in persons(store):
        if found.overlaps.persons % _ROWS == 0 and halted():
            return False
        _person(found, person, numbers.get(person.layout, list(own.values())), first)
    return True


def persons(store: Store) -> Iterator[Person]:
    """Every person of a lane, by id; names that lead to others are left out."""
    start = PERSONS
    while pairs := store.scan(start, PERSONS_END, _ROWS):
        for _, raw in pairs:
            person = person_of(raw)
            assert person is not None
            if person.to is None:
                yield person
        start = pairs[-1][0] + b"\0"


def _person(found: Found, person: Person, numbers: list[int | None], first: int) -> None:
    """Adds a person; `numbers` gives the segments of the plan by those in the person."""
    found.overlaps.add(no for member in person.members if (no := numbers[member]) is not None)
    for entered, kept in person.entered.items():
        no = numbers[entered]
        if no is not None and entries_since(kept, first) >= MOST:
            found.often[no] += 1
            found.examples[no] = sorted([*found.examples[no], person.id])[:EXAMPLES]
    for path in found.traits:
        trait = person.traits.get(path[0])
        if trait is not None and at_path(trait[1], path[1:]) is not None:
            found.traits[path] += 1
