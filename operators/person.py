"""`person`: one event, or the passing of time, applied to the state of one person.

The stage is pure: the same person, event and watermark give the same new state and the same outputs. Time goes as `semantics.md`, 3 says:
first every boundary before the event, each at its own instant, then the event, then one evaluation.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from heapq import heappop
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from operators.consent import ACTS, keep, take
from operators.decide import Decide
from operators.emit import Emit
from operators.instants import EARLIEST
from operators.language.compile import compile_rules
from operators.language.feeds import Rule, Rules, bring
from operators.profile import profile_of
from operators.survive import Survive
from schemas.consent import Act
from schemas.event import Event
from schemas.person import SLOT_BITS, SLOT_MASK, Person

if TYPE_CHECKING:
    from operators.change import Past
    from operators.identity.relay import Erased
    from operators.plan.checked import Plan


class PersonStage:
    """The stage of a plan. Holds no state of its own: what it knows of a person is in the `Person` that it is given."""

    def __init__(self, plan: Plan) -> None:
        self.rules: Rules = compile_rules(plan.segments, ZoneInfo(plan.timezone), about_of(plan))
        self.survive = Survive(plan.survivorship, self.rules.traits)
        self.decide = Decide(plan, self.rules)
        self._profiles = plan.profiles
        self.timers = list({timer.no: timer for rule in self.rules.rules for timer in rule.timers}.values())

    def apply(self, p: Person, event: Event, watermark: int, emit: Emit, past: Sequence[Past] = (), touched: int = 0) -> None:
        """Applies one event, with the lane's watermark as the records before it made it. Transitions, triggers and decisions go to
        `emit`.

        With `past` the event brings others with it, which have their own times and the numbers behind the person's: all are evaluated once,
        when the latest of them has happened. `touched` is the mask of the rules that are to be evaluated in any case."""
        t = event.t if not past else max(event.t, *(each.event.t for each in past))
        clock = p.clock if p.count else event.t
        heap = p.heap
        if heap:
            limit = clock if clock > t else t
            self.advance(p, limit if limit > watermark else watermark, emit)
            clock = p.clock
        elif not p.count:
            p.clock = t
        if event.t < clock:
            emit.counts.out_of_order += 1
        now = clock if clock > t else t
        if now < p.fired:
            self._rearm(p, now)
        dirty = self._due(p, now) if heap and heap[0] >> SLOT_BITS <= now else 0
        if not p.count:
            dirty |= self.rules.birth
        if past or touched:
            dirty |= touched | self._bring(p, past, now)
        p.count += 1
        if event.kind == "identify":
            dirty |= self.survive.identify(p, event)
        elif event.name in ACTS and take(p, event):
            dirty |= self.rules.consents
        if event.name is not None:
            dirty |= bring(self.rules, p, event.name, event.t, p.count, event.properties, now)
        if dirty:
            self._evaluate(p, now, dirty, event, emit)
        p.clock = now
        if event.name is not None and (event.name in self.decide.events or self.decide.stars):
            self.decide.on_event(p, event, now, emit)

    def _bring(self, p: Person, past: Sequence[Past], now: int) -> int:
        """Brings events in that were another person's; gives the mask of the rules whose truth may have changed."""
        dirty = 0
        for n, event, *_ in past:
            if event.kind == "identify":
                dirty |= self.survive.identify(p, event)
            elif event.name in ACTS and take(p, event):
                dirty |= self.rules.consents
            if event.name is not None:
                dirty |= bring(self.rules, p, event.name, event.t, n, event.properties, now)
            p.count = n
        return dirty

    def meet(self, p: Person, past: Sequence[Past], event: Event, watermark: int, emit: Emit) -> None:
        """What is due before an event, and before those that it brings, happens."""
        if p.count:
            self.advance(p, max(p.clock, event.t, watermark, *(each.event.t for each in past)), emit)

    def leave(self, p: Person, to: str, event: Event, watermark: int, emit: Emit) -> None:
        """The person is no more, since an event made it part of the one named `to`: what was due before it happens, and all segments are
        left."""
        self.advance(p, max(p.clock, event.t, watermark), emit)
        now = max(p.clock, event.t)
        left = [(rule, False) for rule in self.rules.rules if rule.no in p.members and not rule.hidden]
        if left:
            emit.tallies.changed(p, now, left)
            occasion = emit.occasion(p.id, now, event, p.count + 1)
            for rule, _ in left:
                why = {text: value(p, now) for text, value in rule.calls}
                emit.transition(occasion, rule.id, rule.version, False, why)  # noqa: FBT003 - it left
        if self._profiles:
            emit.gone(p.id, now, [event.message_id])
        emit.moved = False

    def tell(self, p: Person, emit: Emit, key: Sequence[str | int], now: int = EARLIEST) -> None:
        """Puts the person's profile out, where the plan says so; `key` tells what changed it from all else that does. Where it has no
        event any more, it is gone at `now`."""
        emit.moved = False
        if self._profiles and p.count:
            emit.profile(p.id, p.clock, [p.count, *key], profile_of(p, self.rules))
        elif self._profiles:
            emit.gone(p.id, now, key)

    def erase(self, p: Person, names: Sequence[str], event: Event, watermark: int, told: Erased, emit: Emit) -> None:
        """The person is erased: what was due before it happens, those to whom something was put out of it are told, and no segment is left.
        `names` are all that lead to it."""
        if p.count:
            self.advance(p, max(p.clock, event.t, watermark), emit)
        now = max(p.clock, event.t)
        if self._profiles or p.entered or p.members or p.entries or p.sent:
            emit.erased(p.id, event, now)
        if self._profiles:
            emit.gone(p.id, now, [event.message_id])
        emit.moved = False

    def differ(
        self, p: Person, rows: Sequence[Past], watermark: int, before: Mapping[int, int], now: int, event: Event, emit: Emit
    ) -> None:
        """The person was made anew of these rows, up to the watermark, with an event: puts out what differs from the segments that it was
        in `before`, and its profile. No campaign starts."""
        rules = [rule for rule in self.rules.rules if not rule.hidden and (rule.no in before) != (rule.no in p.members)]
        if rules:
            changed, entered = [(rule, rule.no in p.members) for rule in rules], dict(p.entered)
            emit.tallies.changed(p, now, changed)
            p.entered = entered
            occasion = emit.occasion(p.id, now, event, p.count + 1)
            for rule, truth in changed:
                emit.transition(occasion, rule.id, rule.version, truth, {text: value(p, now) for text, value in rule.calls})
        self.tell(p, emit, [event.message_id], now)

    def inherit(self, p: Person, other: Person, without: Container[tuple[str, int]] = ()) -> int:
        """Takes over what is known of a person that becomes part of this one, beside its events: traits by their times, the later arrival
        being the other's, acts of consent, and what it was sent and entered; `without` the words of these traits and times, which nobody
        needs or the events bring. Gives the mask of the rules whose truth may have changed."""
        dirty = self.survive.inherit(p, other, without) | self.permit(p, other.acts)
        if other.sent:
            p.sent = sorted([*p.sent, *other.sent])[-self.decide.most :] if self.decide.most else []
        for place, entry in other.entries.items():
            p.entries[place] = max(entry, p.entries.get(place, entry))
        return dirty

    def permit(self, p: Person, acts: Iterable[Act]) -> int:
        """Keeps acts of consent of a person; gives the mask of the rules whose truth may have changed."""
        return self.rules.consents if keep(p, acts) else 0

    def advance(self, p: Person, limit: int, emit: Emit, only: int = -1) -> None:
        """Evaluates the person's boundaries before `limit`, each at its own instant; of the rules those of the mask `only`."""
        heap = p.heap
        while heap and heap[0] >> SLOT_BITS < limit:
            now = p.fired = heap[0] >> SLOT_BITS
            dirty = self._due(p, now) & only
            if dirty and self._evaluate(p, now, dirty, None, emit, only=only):
                p.clock = now
                if self._profiles and emit.moved:
                    self.tell(p, emit, [])

    def arm(self, p: Person) -> None:
        """Arms all boundaries anew that were not evaluated yet."""
        p.heap = []
        now = max(p.clock, p.fired)
        for timer in self.timers:
            timer.start_anew(p, now)
        self._rearm(p, now)

    def take_effect(self, p: Person, now: int, dirty: int, gone: list[tuple[str, str]], plan: str, emit: Emit) -> None:
        """A changed plan takes effect for a person: the rules of the mask are computed, and the segments that are gone are left."""
        if gone:
            emit.tallies.ended(now, [id for id, _ in gone])
            occasion = emit.occasion(p.id, now, None, p.layout, plan)
            for id, version in sorted(gone):
                emit.transition(occasion, id, version, False, {})  # noqa: FBT003 - it left
        if self._evaluate(p, now, dirty | self._due(p, now), None, emit, plan) or gone:
            p.clock = now
        p.fired = max(p.fired, now)

    def _rearm(self, p: Person, now: int) -> None:
        """A late event is evaluated behind boundaries that changed nothing without it: with it they may, so they are due again."""
        slots = self.rules.slots
        for no, state in list(p.slots.items()):
            slots[no].rearm(p, state, now)
        p.fired = now

    def _due(self, p: Person, now: int) -> int:
        """Takes the entries up to `now` off the heap; gives the rules whose truth may change there."""
        heap, slots, dirty = p.heap, self.rules.slots, 0
        while heap and heap[0] >> SLOT_BITS <= now:
            item = heappop(heap)
            no = item & SLOT_MASK
            state = p.slots[no]
            if state[0] == item >> SLOT_BITS:
                state[0] = None
                dirty |= slots[no].fire(p, state, now)
        return dirty

    def _evaluate(self, p: Person, now: int, dirty: int, event: Event | None, emit: Emit, plan: str | None = None, only: int = -1) -> bool:
        """Computes the rules of the mask and those that refer to what changes, of these the ones of the mask `only`; true where a segment
        changed. The cause is the event, the changed `plan`, or time."""
        rules, members = self.rules.rules, p.members
        changed: list[tuple[Rule, bool]] = []
        moved = False
        while dirty:
            low = dirty & -dirty
            dirty ^= low
            rule = rules[low.bit_length() - 1]
            truth = rule.test(p, now) is True
            if truth != (rule.no in members):
                if truth:
                    members[rule.no] = now
                else:
                    del members[rule.no]
                dirty |= rule.dependents & only
                moved = True
                if not rule.hidden:
                    changed.append((rule, truth))
            for timer in rule.timers:
                timer.start_anew(p, now)
        if not changed:
            return moved
        emit.tallies.changed(p, now, changed)
        # Plans may change to and fro at one instant: what tells one change from another is the number of the layout.
        occasion = emit.occasion(p.id, now, event, p.count if plan is None else p.layout, plan)
        for rule, entered in changed:
            why = {text: value(p, now) for text, value in rule.calls}
            id = emit.transition(occasion, rule.id, rule.version, entered, why)
            campaigns = self.decide.transitions.get((rule.id, entered))
            if campaigns:
                self.decide.on_transition(campaigns, p, rule.id, entered, id, now, event, why, emit, plan)
        return True


def about_of(plan: Plan) -> list[str]:
    """The segments that live campaigns start with: the events that they are about are kept for the campaigns' context."""
    started = [campaign.segment for campaign in plan.campaigns if campaign.state == "live"]
    return list(dict.fromkeys(segment for segment in started if segment is not None))
