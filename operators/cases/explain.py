"""`explain`: a difference in words, with the why of each entry that is missing or too many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from operators.cases.checked import Case, Check, Entry
from operators.cases.compare import Difference
from operators.cases.moments import format_moment
from operators.cases.outcome import Change, Outcome, Sending
from operators.language.canonical import canonical
from operators.plan.checked import Campaign, Plan
from schemas.output import DECISION_REASONS

Values = Callable[[str, str], dict[str, Any]]
"""The calls in the rule of a segment with their values, for a person at the instant of the check: `(person, segment)`."""


@dataclass(frozen=True, slots=True)
class Why:
    """What became of a segment or campaign; `rule` is the rule where it says something, `values` its calls with their values."""

    text: str
    rule: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """A want that does not hold, in words; `after` is the instant of its check, `line` where that stands. `missing` are those of `expected`
    that are not there, `extra` those of `actual` that should not be."""

    line: int
    after: str
    person: str
    what: str
    expected: tuple[str, ...]
    actual: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    why: tuple[Why, ...]


class Explain:
    """The words for the differences of one check of a case."""

    def __init__(self, plan: Plan, case: Case, check: Check, outcome: Outcome, values: Values) -> None:
        self._case, self._check, self._outcome, self._values = case, check, outcome, values
        self._zone = ZoneInfo(plan.timezone)
        self._rules = {segment.id: canonical(segment.when) for segment in plan.segments}
        self._campaigns = {campaign.id: campaign for campaign in plan.campaigns}
        self._events = {given.event.message_id: given.event for given in reversed(case.given)}

    def failure(self, difference: Difference) -> Failure:
        """The difference in words."""
        want, details = difference.want, any(entry.detail for entry in difference.want.entries)
        show = self._entry if details or want.kind == "decisions" else self._bare
        ids = dict.fromkeys(entry.id for entry in (*difference.missing, *difference.extra))
        return Failure(
            self._check.line,
            self._moment(self._check.at_ms),
            want.person,
            want.kind,
            tuple(map(show, _ordered(want.entries))),
            tuple(map(show, difference.actual)),
            tuple(map(show, difference.missing)),
            tuple(map(show, difference.extra)),
            tuple(each for id in ids for each in self._why(difference, id)),
        )

    # Words

    def _moment(self, ms: int) -> str:
        return format_moment(ms, self._case.start_ms, self._zone, dated=self._case.dated)

    def _bare(self, entry: Entry) -> str:
        return entry.id if entry.at_ms is None else f"{entry.id} at {self._moment(entry.at_ms)}"

    def _entry(self, entry: Entry) -> str:
        return self._bare(entry) if entry.detail is None else f"{self._bare(entry)}: {entry.detail}"

    def _cause(self, cause: str | None) -> str:
        """What made something so."""
        event = self._events.get(cause or "")
        if event is None:
            return "as time passed"
        return f"by {event.name or event.kind!r} of {self._moment(event.t)}"

    # Why

    def _why(self, difference: Difference, id: str) -> Iterable[Why]:
        """What became of a segment or campaign that differs."""
        want = difference.want
        if want.kind in ("members", "not_members"):
            yield self._membership(want.person, id)
        elif want.kind in ("entered", "exited"):
            changes = [each for each in self._outcome.changes if (each.person, each.segment) == (want.person, id)]
            yield from map(self._change, changes)
            if not changes:
                yield self._membership(want.person, id)
        else:
            sendings = [each for each in self._outcome.sendings if (each.person, each.campaign) == (want.person, id)]
            if all(entry.id != id for entry in difference.missing):
                sendings = [each for each in sendings if (each.reason is None) is (want.kind == "triggers")]
            yield from map(self._sending, sendings)
            if not sendings:
                yield from self._no_start(want.person, self._campaigns[id])

    def _membership(self, person: str, segment: str) -> Why:
        entry = self._outcome.members(person).get(segment)
        if entry is not None:
            text = f"{segment}: in it since {self._moment(entry.at_ms)}, {self._cause(entry.cause)}"
        else:
            changes = [each for each in self._outcome.changes if (each.person, each.segment) == (person, segment)]
            last = f"left at {self._moment(changes[-1].at_ms)}, {self._cause(changes[-1].cause)}" if changes else "never entered"
            text = f"{segment}: {last}"
        return Why(text, self._rules[segment], self._values(person, segment))

    def _change(self, change: Change) -> Why:
        kind = "entered" if change.entered else "left"
        return Why(f"{change.segment}: {kind} at {self._moment(change.at_ms)}, {self._cause(change.cause)}", "", change.why)

    def _sending(self, sending: Sending) -> Why:
        text = f"{sending.campaign}: {'not sent' if sending.reason else 'sent'} at {self._moment(sending.at_ms)}"
        if sending.reason:
            text += f" ({sending.reason}: {DECISION_REASONS[sending.reason]})"
        change = sending.cause
        if isinstance(change, str):
            return Why(f"{text}, {self._cause(change)}", "", {})
        on = f"on {'entering' if change.entered else 'leaving'} {change.segment}"
        return Why(f"{text}, {on}, {self._cause(change.cause)}", "", change.why)

    def _no_start(self, person: str, campaign: Campaign) -> Iterable[Why]:
        """Why a campaign has neither a trigger nor a decision."""
        if campaign.state == "draft":
            yield Why(f"{campaign.id}: a draft starts for nobody", "", {})
        elif campaign.segment is None:
            names = " or ".join(map(repr, campaign.events))
            where = f" where {canonical(campaign.where)}" if campaign.where is not None else ""
            yield Why(f"{campaign.id}: never started, since no event {names}{where} came", "", {})
        else:
            yield Why(f"{campaign.id}: never started; it does when somebody {campaign.on} {campaign.segment}", "", {})
            yield self._membership(person, campaign.segment)


def _ordered(entries: Iterable[Entry]) -> list[Entry]:
    """By instant, those without one as they stand, last."""
    return sorted(entries, key=lambda entry: (entry.at_ms is None, entry.at_ms or 0))
