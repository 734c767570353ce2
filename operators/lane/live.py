"""A person of a live state, under a plan: read beside the running job, and in memory brought to a plan that is newer than the state.

*Guarantees*: the state is only read, and the job is not held up. What is read is one moment of it: all that was committed when the reading
began.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from operators.change import Change, Layout, Past, layout_of
from operators.decide import Decide
from operators.emit import Emit
from operators.identity.resolve import present
from operators.lane.history import PersonHistory, by_arrival, read_history
from operators.lane.keys import Kept, Meta, layout_key, person_key
from operators.lane.opening import stored_meta
from operators.lane.people import person_of
from operators.lane.rocks import open_live
from operators.lane.store import Store
from operators.lane.suppression import mailbox_of
from operators.person import PersonStage, about_of
from operators.plan.checked import Plan
from schemas.errors import UnavailableError, UsageError
from schemas.person import Person

_decode_layout = msgspec.msgpack.Decoder(Layout).decode


@dataclass(frozen=True, slots=True)
class Live:
    """A person as its lane has it. `history` are the kept events with their messageIds, by time, then arrival. `names` are the ids of the
    segments by number, as the state tells them. `adopted` says that the person was of another plan or version, and is as the given one
    makes it."""

    person: Person
    meta: Meta
    history: list[tuple[str, Kept]]
    names: list[str]
    adopted: bool = False

    @property
    def now(self) -> int:
        """The instant up to which the state knows what happened."""
        return self.person.clock if self.meta.watermark is None else max(self.person.clock, self.meta.watermark)

    @property
    def past(self) -> list[Past]:
        """The kept events, by arrival; none where the plan keeps no content."""
        return by_arrival(self.person.id, self.history)


class Onlooker:
    """A plan, for looking at persons alone: its stage starts no campaigns."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.stage = plan, PersonStage(plan)
        self.stage.decide = Decide(replace(plan, campaigns=()), self.stage.rules)
        self.layout = layout_of(plan, self.stage.rules)


def read_live(state: Path, person: str, onlooker: Onlooker | None = None) -> Live:
    """The person of an identifier as its lane has it now, under the plan of the onlooker; of several lanes the one with the latest clock.
    UnavailableError where no lane knows the person, UsageError where the state is of a plan of another name."""
    folders = [path for path in sorted(state.glob("lane-*")) if path.is_dir()]
    if not folders:
        raise UnavailableError(f"there is no state in {state}; give the --state of the job")
    found = [live for folder in folders if (live := _in_lane(folder, person, onlooker)) is not None]
    if not found:
        raise UnavailableError(f"the state in {state} knows no such person; give a userId, an e-mail address or an anonymousId")
    return max(found, key=lambda live: live.person.clock)


def _in_lane(folder: Path, person: str, onlooker: Onlooker | None) -> Live | None:
    store = open_live(folder)
    try:
        meta = stored_meta(store)
        known = find(store, person)
        if meta is None or known is None:
            return None
        live = Live(known, meta, read_history(store, known.id), segment_names(store, known))
        return live if onlooker is None else _under(live, store, onlooker)
    finally:
        store.close()


def find(store: Store, name: str) -> Person | None:
    """The person that an identifier leads to, also an address in another spelling; None where the lane knows nobody of it."""
    names = (each for each in (name, mailbox_of(name)) if each is not None)
    found = (present(lambda name: person_of(store.get(person_key(name))), each) for each in names)
    return next((p for p in found if p is not None), None)


def segment_names(store: Store, p: Person) -> list[str]:
    """The ids of the segments by the numbers that a person has them by; none where the store does not tell."""
    layout = store.get(layout_key(p.layout))
    return [id for id, _ in _decode_layout(layout).segments] if layout is not None else []


def _under(live: Live, store: Store, onlooker: Onlooker) -> Live:
    """The person as the plan makes it; UsageError where the plan is another one."""
    meta, plan = live.meta, onlooker.plan
    if meta.plan != plan.name:
        raise UsageError(f"the state was made with the plan {meta.plan}, not with {plan.name}; give that plan")
    raw = store.get(layout_key(live.person.layout))
    if raw is None:
        if meta.version == plan.version:
            return live
        raise UnavailableError(
            f"the state was made with version {meta.version} of the plan, and does not say what that means; give that version of it"
        )
    old = _decode_layout(raw)
    if onlooker.layout.means(old):
        return live
    change = Change(old, plan, onlooker.stage, about_of(plan), meta.layout + 1)
    change.adopt(onlooker.stage, live.person, PersonHistory(store, live.person.id), live.now, Emit(plan.name, 1))
    return replace(live, adopted=True)
