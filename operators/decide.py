"""`decide`: whether an occasion becomes a trigger, or a decision record with the one reason why not.

The checks stand in the order of `semantics.md`, 6: suppression, consent, an address, the hold-outs, re-entry, the caps. An
entry counts from when the re-entry check lets the person in, whether or not a cap then holds the mail.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from operators.emit import Emit, make_id
from operators.instants import format_instant
from operators.language.calls.bucket import bucket
from operators.language.compile import Context
from operators.language.expressions import Value
from operators.language.feeds import Rules
from operators.language.slots import at_path
from operators.permission import Refusal, proof_of, refusal
from operators.plan.checked import Campaign, Plan
from operators.profile import traits_of
from schemas.event import Event
from schemas.output import DecisionReason
from schemas.person import Person

_encode = msgspec.json.Encoder(order="sorted").encode


class Decide:
    """The campaigns of a plan by what starts them: `transitions` by `(segment, entered)`, `events` by event name."""

    def __init__(self, plan: Plan, rules: Rules) -> None:
        self.plan = plan
        self.rules = rules
        self.erased_at: Callable[[str], int | None] = lambda _: None
        """When the person was erased whose an address was; None for one of whom nothing is known. A lane gives it."""
        self.most = max((cap.most for cap in plan.caps), default=0)
        self.transitions: dict[tuple[str, bool], list[Campaign]] = {}
        self.events: dict[str, list[tuple[Campaign, Value | None]]] = {}
        self.stars: dict[str, list[tuple[Campaign, Value | None]]] = {}
        context = Context(ZoneInfo(plan.timezone))
        context.mismatched = rules.mismatched
        for campaign in plan.campaigns:
            if campaign.state == "draft":
                continue
            if campaign.segment is not None:
                self.transitions.setdefault((campaign.segment, campaign.on == "enters"), []).append(campaign)
            test = context.where(campaign.events, campaign.where) if campaign.where is not None else None
            for name in campaign.events:
                places, key = (self.stars, name[:-1]) if name.endswith("*") else (self.events, name)
                places.setdefault(key, []).append((campaign, test))

    def on_transition(
        self,
        campaigns: list[Campaign],
        p: Person,
        segment: str,
        entered: bool,
        transition: str,
        now: int,
        event: Event | None,
        why: dict[str, Any],
        emit: Emit,
        plan: str | None = None,
    ) -> None:
        """The campaigns that start when a person enters, or leaves, the segment; by a changed plan only those that are for people who
        exist already."""
        if plan is not None:
            campaigns = [campaign for campaign in campaigns if campaign.existing]
        cause = {"event": event.message_id} if event is not None else {"time": True} if plan is None else {"plan": plan}
        kind = "entered" if entered else "exited"
        reason = {"transition": {"id": transition, "segment": segment, "kind": kind, "cause": cause}, "rule": why}
        for campaign in campaigns:
            self._candidate(campaign, "", p, transition, now, event, reason, emit)

    def on_event(self, p: Person, event: Event, now: int, emit: Emit) -> None:
        """The campaigns that start with an event of this name."""
        name = event.name or ""
        started = self.events.get(name, [])
        if self.stars:
            starred = [each for prefix, campaigns in self.stars.items() if name.startswith(prefix) for each in campaigns]
            started = sorted({each[0].id: each for each in (*started, *starred)}.values(), key=lambda each: each[0].id)
        for campaign, test in started:
            if test is not None and test(event.properties, now) is not True:
                continue
            key = _encode(_one_form(at_path(event.properties, campaign.key))).decode() if campaign.key is not None else ""
            entry = make_id(emit.key(p.id, event.t, event, p.count))
            self._candidate(campaign, key, p, entry, now, event, {"event": event.message_id}, emit)

    def _candidate(
        self, campaign: Campaign, key: str, p: Person, entry: str, now: int, event: Event | None, why: dict[str, Any], emit: Emit
    ) -> None:
        entered = False
        for step, send in enumerate(campaign.steps):
            id = make_id("trigger", campaign.id, entry, step, p.id)
            about = {"step": step, "template": send.template}
            refused = self._not_permitted(campaign, p)
            if refused is not None:
                emit.decision(p.id, campaign.id, id, now, refused.reason, {**about, "proof": proof_of(refused.act), "why": why})
                continue
            reason = self._refusal(campaign, p) or (None if entered else self._entry(campaign, key, p, now)) or self._cap(p, now)
            entered = entered or reason in (None, "cap")
            if reason is not None:
                emit.decision(p.id, campaign.id, id, now, reason, {**about, "why": why})
                continue
            self._sent(p, now)
            emit.trigger(
                p.id,
                campaign.id,
                id,
                now,
                {
                    **about,
                    "variant": None,
                    "to": {"address": _trait(p, "email"), "name": name_of(p)},
                    "traits": traits_of(p),
                    "context": self._about(campaign, p, event),
                    "why": why,
                },
            )

    def _not_permitted(self, campaign: Campaign, p: Person) -> Refusal | None:
        """What the person, or somebody before it at its address, said: suppression, then consent."""
        address = _trait(p, "email")
        erased = self.erased_at(address) if type(address) is str and address else None
        return refusal(p.acts, campaign.topic, address, erased)

    def _refusal(self, campaign: Campaign, p: Person) -> DecisionReason | None:
        """The checks of the person: an address, and the hold-outs."""
        address = _trait(p, "email")
        if type(address) is not str or not address:
            return "no_address"
        if self.plan.holdout and bucket("holdout", p.id) < self.plan.holdout:
            return "holdout"
        if campaign.holdout and bucket(f"{campaign.id}/holdout", p.id) < campaign.holdout:
            return "holdout"
        return None

    def _entry(self, campaign: Campaign, key: str, p: Person, now: int) -> DecisionReason | None:
        """The check of re-entry, once an entry, whatever its steps; takes note of it."""
        if campaign.re_enter == "always":
            return None
        place = f"{campaign.id}/{key}" if campaign.key is not None else campaign.id
        last = p.entries.get(place)
        if last is not None and (campaign.re_enter == "never" or now - last < campaign.re_enter):
            return "re_entry"
        p.entries[place] = now
        return None

    def _cap(self, p: Person, now: int) -> DecisionReason | None:
        """The caps of the plan, over all campaigns."""
        for cap in self.plan.caps:
            if len(p.sent) - bisect_right(p.sent, now - cap.within_ms) >= cap.most:
                return "cap"
        return None

    def _about(self, campaign: Campaign, p: Person, event: Event | None) -> dict[str, Any] | None:
        """The event that an occasion is about: the one that caused it or, of one that time caused, the latest that its segment looks at."""
        if event is not None:
            return {"event": event.name, "messageId": event.message_id, "time": format_instant(event.t), "properties": event.properties}
        slots = self.rules.about.get(campaign.segment or "", ())
        kept = [(state[1], name, state[2]) for name, slot in slots if (state := p.slots.get(slot.no)) is not None and state[1] is not None]
        if not kept:
            return None
        t, name, properties = max(kept, key=lambda each: each[0])
        return {"event": name, "time": format_instant(t), "properties": properties}

    def _sent(self, p: Person, now: int) -> None:
        if self.most:
            insort(p.sent, now)
            del p.sent[: -self.most]


def _one_form(value: Any) -> Any:
    """The value with 1.0 as 1, so that equal values are one key.

    >>> _one_form({"a": [1.0, 1.5]})
    {'a': [1, 1.5]}
    """
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is list:
        return [_one_form(item) for item in value]
    return {name: _one_form(item) for name, item in value.items()} if type(value) is dict else value


def _trait(p: Person, name: str) -> Any:
    kept = p.traits.get(name)
    return kept[1] if kept is not None else None


def name_of(p: Person) -> str | None:
    """The person's name: `name`, else first and last name as far as they are known; None where nothing is."""
    name = _trait(p, "name")
    if type(name) is str and name:
        return name
    first = _trait(p, "first_name") or _trait(p, "firstName")
    last = _trait(p, "last_name") or _trait(p, "lastName")
    parts = [part for part in (first, last) if type(part) is str and part]
    return " ".join(parts) or None
