"""`person`: one event, or the passing of time, applied to the state of one person.

The stage is pure: the same person, event and watermark give the same new state and the same outputs. Time goes as `semantics.md`, 3 says:
first every boundary before the event, each at its own instant, then the event, then one evaluation.
"""

from __future__ import annotations

from heapq import heappop
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from operators.decide import Decide
from operators.emit import Emit
from operators.language.compile import compile_rules
from operators.language.feeds import Rule, Rules
from operators.language.slots import at_path
from schemas.event import Event
from schemas.person import SLOT_BITS, SLOT_MASK, Person

if TYPE_CHECKING:
    from operators.plan.checked import Plan


class PersonStage:
    """The stage of a plan. Holds no state of its own: what it knows of a person is in the `Person` that it is given."""

    def __init__(self, plan: Plan) -> None:
        about = dict.fromkeys(campaign.segment for campaign in plan.campaigns if campaign.segment is not None and campaign.state == "live")
        self.rules: Rules = compile_rules(plan.segments, ZoneInfo(plan.timezone), about)
        self.decide = Decide(plan, self.rules)

    def apply(self, p: Person, event: Event, watermark: int, emit: Emit) -> None:
        """Applies one event, with the lane's watermark as the records before it made it. Transitions, triggers and decisions go to
        `emit`."""
        t = event.t
        clock = p.clock if p.count else t
        heap = p.heap
        if heap:
            limit = clock if clock > t else t
            self.advance(p, limit if limit > watermark else watermark, emit)
            clock = p.clock
        elif not p.count:
            p.clock = t
        if t < clock:
            now = clock
            emit.counts.out_of_order += 1
        else:
            now = t
        if now < p.fired:
            self._rearm(p, now)
        dirty = self._due(p, now) if heap and heap[0] >> SLOT_BITS <= now else 0
        if not p.count:
            dirty |= self.rules.birth
        p.count += 1
        if event.kind == "identify":
            dirty |= self._traits(p, event)
        if event.name is not None:
            dirty |= self._slots(p, event, now)
        if dirty:
            self._evaluate(p, now, dirty, event, emit)
        p.clock = now
        if event.name is not None and (event.name in self.decide.events or self.decide.stars):
            self.decide.on_event(p, event, now, emit)

    def advance(self, p: Person, limit: int, emit: Emit) -> None:
        """Evaluates the person's boundaries before `limit`, each at its own instant."""
        heap = p.heap
        while heap and heap[0] >> SLOT_BITS < limit:
            now = p.fired = heap[0] >> SLOT_BITS
            dirty = self._due(p, now)
            if dirty and self._evaluate(p, now, dirty, None, emit):
                p.clock = now

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

    def _traits(self, p: Person, event: Event) -> int:
        """Takes the traits of an identify event over; gives the rules that read one that changed."""
        dirty, t, traits, masks = 0, event.t, p.traits, self.rules.traits
        for name, value in event.properties.items():
            kept = traits.get(name)
            if kept is None:
                traits[name] = [t, value]
            elif t >= kept[0]:
                kept[0] = t
                kept[1] = value
            else:
                continue
            dirty |= masks.get(name, 0)
        return dirty

    def _slots(self, p: Person, event: Event, now: int) -> int:
        """Brings the event into the slots that look at it; gives the rules whose truth may have changed."""
        feed = self.rules.feed(event.name)  # type: ignore[arg-type]  # a name is there: the caller has looked
        dirty, t, n, properties = 0, event.t, p.count, event.properties
        # An event is never after itself: where it is the last of `after`, nothing up to it is kept, itself included.
        for test, follow in feed.followers:
            if test is None or test(properties, now) is True:
                dirty |= follow(p, t, n, properties, now)
        for add in feed.always:
            dirty |= add(p, t, n, properties, now)
        for test, add in feed.filtered:
            if test(properties, now) is True:
                dirty |= add(p, t, n, properties, now)
        for path, values in feed.keyed.items():
            value = properties.get(path[0]) if len(path) == 1 else at_path(properties, path)
            its = values.get(value) if type(value) is str else None
            if its is not None:
                for add in its.always:
                    dirty |= add(p, t, n, properties, now)
                for test, add in its.filtered:
                    if test(properties, now) is True:
                        dirty |= add(p, t, n, properties, now)
        return dirty

    def _evaluate(self, p: Person, now: int, dirty: int, event: Event | None, emit: Emit) -> bool:
        """Computes the rules of the mask and those that refer to what changes; true where a segment changed."""
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
                dirty |= rule.dependents
                moved = True
                if not rule.hidden:
                    changed.append((rule, truth))
            for timer in rule.timers:
                timer.start_anew(p, now)
        if not changed:
            return moved
        occasion = emit.occasion(p.id, now, event, p.count)
        for rule, entered in changed:
            why = {text: value(p, now) for text, value in rule.calls}
            id = emit.transition(occasion, rule.id, rule.version, entered, why)
            campaigns = self.decide.transitions.get((rule.id, entered))
            if campaigns:
                self.decide.on_transition(campaigns, p, rule.id, entered, id, now, event, why, emit)
        return True
