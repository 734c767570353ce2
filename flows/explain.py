"""`explain_person`: why a person is in a segment, or is not, now or at another instant; from the live state, beside the running job.

*Guarantees*: those of `operators.lane.live`. Now, and after it, the state speaks; before it the kept history alone does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from operators.explain import Ahead, Explain, Explanation, kept_from
from operators.instants import format_instant
from operators.lane.live import Live, Onlooker, read_live
from operators.language.canonical import canonical
from operators.language.check import nearest
from operators.language.durations import shortened
from operators.language.parts import Part
from operators.plan.checked import Plan, Segment
from schemas.errors import UsageError

Basis = Literal["state", "history", "forecast"]
"""What an answer rests on: the live state; the kept history, up to an instant before it; the state, if nothing happens until an instant
after it."""


class Becomes(msgspec.Struct, frozen=True):
    """A part of the rule that becomes true or false; `of` is then the one value that it hangs on, where it does."""

    text: str
    value: Any
    of: Any


class Change(msgspec.Struct, frozen=True):
    """When a membership changes by itself, how many ms after the instant of the answer, and which parts of the rule make it so."""

    at: str
    after_ms: int
    member: bool
    because: list[Becomes]


class Answer(msgspec.Struct, frozen=True):
    """Why a person is in a segment, or is not, at `at`. `now` is the instant up to which the state knows what happened. `since` is when the
    membership, or the lack of it, began (None: that is not known), `cause` what made it so, as a transition has it. `first` is the time of
    the earliest event that is kept; from `kept_from` on all are (None: all are kept). `rule` is None, and `exists` false, where the person
    did not exist yet. `changes` is None where it never changes by itself, or (`tried` is an instant) where it does not up to there. `notes`
    say what the answer may lack."""

    person: str
    segment: str
    title: str
    version: str
    plan: str
    partition: int
    basis: Basis
    at: str
    now: str
    exists: bool
    member: bool
    since: str | None
    cause: dict[str, str | bool] | None
    first: str | None
    kept_from: str | None
    notes: list[str]
    when: str
    rule: Part | None
    changes: Change | None
    tried: str | None


def explain_person(
    state: Path, person: str, plan: Plan, segment: str, at: int | None = None, *, events: int = 3, deep: bool = False
) -> Answer:
    """The answer for an instant (None: now), with so many events a part. UsageError where the plan has no such segment, or the person no
    history to answer from; else errors as those of `operators.lane.live`."""
    found = next((each for each in plan.segments if each.id == segment), None)
    if found is None:
        hint = nearest(segment, [each.id for each in plan.segments])
        raise UsageError(f"a segment must be one of the plan {plan.name}; got {shortened(segment)}{hint}")
    onlooker = Onlooker(plan)
    live = read_live(state, person, onlooker)
    now, past = live.now, live.past
    explain = Explain(plan, segment, most=events, deep=deep)
    whole = kept_from(past, live.person)
    if at is None or at >= now:
        at = now if at is None else at
        told = explain.live(onlooker.stage, live.person, past, now, at, whole)
        return _answer(plan, found, live, "forecast" if at > now else "state", at, whole, told)
    if not past:
        raise UsageError(f"nothing is kept of this person's history, so --at must be {format_instant(now)} or later; or leave it away")
    return _answer(plan, found, live, "history", at, whole, explain.at(live.person.id, past, at, whole, live.person.acts))


def _answer(plan: Plan, segment: Segment, live: Live, basis: Basis, at: int, whole: int | None, told: Explanation) -> Answer:
    past = live.past
    return Answer(
        live.person.id,
        segment.id,
        segment.title,
        segment.version,
        plan.name,
        live.meta.partition,
        basis,
        format_instant(at),
        format_instant(live.now),
        told.rule is not None,
        told.member,
        _instant(told.since),
        _cause(told, live, plan),
        _instant(min((each.event.t for each in past), default=None)),
        _instant(whole),
        _notes(live, basis, whole, at),
        canonical(segment.when),
        told.rule,
        _change(told.ahead, at, member=not told.member),
        _instant(told.ahead.tried),
    )


def _notes(live: Live, basis: Basis, whole: int | None, at: int) -> list[str]:
    """What a reader must know to trust the answer."""
    found = []
    if live.adopted and basis != "history":
        found.append("the state is of another version of the plan; this is what the given version makes of it")
    lacking = live.person.count - len(live.past)
    if whole is not None and not live.past:
        found.append("no events are kept of this person, so none can be shown")
    elif whole is not None:
        what = f"{lacking:,} of {live.person.count:,} events are not kept any more, all before {format_instant(whole)}"
        knows = (
            "the values know them, the events shown here do not"
            if basis != "history"
            else "what looks back further may have been otherwise"
        )
        found.append(f"{what}: {knows}")
    return found


def _change(ahead: Ahead, at: int, *, member: bool) -> Change | None:
    if ahead.at is None:
        return None
    because = [Becomes(part.text, part.value, part.parts[0].value if len(part.parts) == 1 else None) for part in ahead.because]
    return Change(format_instant(ahead.at), ahead.at - at, member, because)


def _cause(told: Explanation, live: Live, plan: Plan) -> dict[str, str | bool] | None:
    """The cause as a transition has it, of an event with its name."""
    if told.turn is None:
        return {"plan": plan.version} if live.adopted and told.member and told.since == live.now else None
    cause = told.turn.cause
    names = [each.event.name or each.event.kind for each in live.past if each.event.message_id == cause.get("event")]
    return {**cause, "name": names[-1]} if names else cause


def _instant(ms: int | None) -> str | None:
    return None if ms is None else format_instant(ms)
