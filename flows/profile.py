"""`read_profile`: what is known of one person, read from a live state beside the running job; `show` prints it.

With the plan, segments come with the values of the calls in their rules. A plan that is newer than the state shows the person as it will
be under it.

*Guarantees*: those of `operators.lane.live`: one moment of the state is read, beside the running job.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.profile_consents import consent_rows, suppression_rows
from flows.totals import numbered
from operators.identity.resolve import linked_in
from operators.instants import format_instant
from operators.lane.keys import Kept
from operators.lane.live import Live, Onlooker, read_live
from operators.language.calls.held import HIDDEN
from operators.plan.checked import Plan
from operators.profile import Consented, Suppressed, consents_of, suppressions_of
from operators.survive import differing, source_of
from schemas.person import RANK_NAMES, Person

RECENT = 20
"""Events shown, unless asked for another number."""


class Said(msgspec.Struct, frozen=True):
    """What another source last said of a trait, and when; the source is None where its events tell none."""

    source: str | None
    value: Any
    time: str


class Trait(msgspec.Struct, frozen=True, omit_defaults=True):
    """A trait's value, with the time and the source of the event that it came with; `others` are the values of other sources that differ
    from it."""

    value: Any
    time: str
    source: str | None = None
    others: list[Said] = []


class Known(msgspec.Struct, frozen=True):
    """An identifier of the person: its type, and the time and messageId of the event that first brought it (None: not known)."""

    type: str | None
    value: str
    time: str | None = None
    message_id: str | None = None


class NotLinked(msgspec.Struct, frozen=True):
    """A link that was not made, since the person would have had too many identifiers of the type `limit`: the identifier that was left out
    of the event with this messageId, and the person whose it is."""

    limit: str
    identifier: str
    person: str | None
    message_id: str
    time: str


class Merged(msgspec.Struct, frozen=True):
    """A merge: the record with this messageId says that `previous` is `user`; `kind` is alias or duplicate, `evidence` what the record
    tells of the reasons. `undone` is the messageId of the record that undid it."""

    kind: str
    user: str
    previous: str
    message_id: str
    time: str
    evidence: dict[str, Any]
    undone: str | None


class Membership(msgspec.Struct, frozen=True):
    """A segment that the person is in, since when; `values` are the calls in its rule with their values now, empty without the plan."""

    segment: str
    since: str
    values: dict[str, Any]


class Happened(msgspec.Struct, frozen=True):
    """An event in the kept history."""

    time: str
    kind: str
    name: str | None
    message_id: str
    properties: dict[str, Any]


class Profile(msgspec.Struct, frozen=True):
    """A person in one lane. `at` is the instant that the values are for, `events` the number of all, `recent` the newest that are kept,
    newest first. `identifiers` begin with the one that names the person, the newest of `conflicts` and `merges` come
    first."""

    person: str
    partition: int
    clock: str
    at: str
    events: int
    traits: dict[str, Trait]
    segments: list[Membership]
    last_triggers: list[str]
    entered_campaigns: dict[str, str]
    recent: list[Happened]
    identifiers: list[Known]
    conflicts: list[NotLinked]
    merges: list[Merged]
    consents: list[Consented]
    suppressions: list[Suppressed]


def read_profile(state: Path, person: str, plan: Plan | None = None, *, recent: int = RECENT) -> Profile:
    """The person as its lane has it now, under the plan; of several lanes the one with the latest clock. Errors as those of
    `operators.lane.live`."""
    onlooker = None if plan is None else Onlooker(plan)
    live = read_live(state, person, onlooker)
    known = live.person
    return Profile(
        known.id,
        live.meta.partition,
        format_instant(known.clock),
        format_instant(live.now),
        known.count,
        {name: trait for name in sorted(known.traits) if (trait := _trait(known, name)).value is not None or trait.others},
        _segments(live, onlooker),
        [format_instant(t) for t in known.sent],
        {entry: format_instant(t) for entry, t in sorted(known.entries.items())},
        _recent(live.history, recent),
        identifiers_of(known),
        conflicts_of(known),
        merges_of(known),
        consents_of(known, () if plan is None else [topic.id for topic in plan.topics if topic.required]),
        suppressions_of(known),
    )


def _trait(p: Person, name: str) -> Trait:
    kept = p.traits[name]
    source = source_of(p, kept[2] if len(kept) > 2 else 0)
    others = [Said(source, value, format_instant(t)) for t, value, source in differing(p, name)]
    return Trait(kept[1], format_instant(kept[0]), source, others)


def identifiers_of(p: Person) -> list[Known]:
    """All identifiers of a person, the one that names it first."""
    linked = [linked_in(p)] if p.ties is None else list(p.ties.linked.values())
    known = sorted((item for each in linked for item in each.known.items()), key=lambda item: (-item[1].rank, item[1].came))
    others = [Known(RANK_NAMES.get(each.rank), value, _instant(each.t), each.source) for value, each in known]
    merged = [] if p.ties is None else [Known(RANK_NAMES.get(each.rank), name) for name, each in p.ties.linked.items() if name != p.id]
    return [Known(RANK_NAMES.get(p.rank), p.id), *merged, *others]


def conflicts_of(p: Person) -> list[NotLinked]:
    """The links that were not made, the newest first."""
    linked = [linked_in(p)] if p.ties is None else p.ties.linked.values()
    found = sorted((each for one in linked for each in one.conflicts), key=lambda each: -each.t)
    return [NotLinked(RANK_NAMES[each.limit], each.identifier, each.person, each.source, format_instant(each.t)) for each in found]


def merges_of(p: Person) -> list[Merged]:
    """The merges, the newest first."""
    merges = [] if p.ties is None else p.ties.merges
    return [
        Merged(each.kind, each.user, each.previous, each.source, format_instant(each.t), each.evidence, each.undone)
        for each in reversed(merges)
    ]


def _instant(t: int | None) -> str | None:
    return None if t is None else format_instant(t)


def _segments(live: Live, onlooker: Onlooker | None) -> list[Membership]:
    """The segments of the person; with the plan, with the values of the calls in their rules."""
    known, now = live.person, live.now
    if onlooker is None:
        named = [(live.names[no] if no < len(live.names) else f"#{no}", since) for no, since in known.members.items()]
        return [Membership(id, format_instant(since), {}) for id, since in sorted(named) if not id.startswith(HIDDEN)]
    return [
        Membership(rule.id, format_instant(known.members[rule.no]), {text: value(known, now) for text, value in rule.calls})
        for rule in onlooker.stage.rules.rules
        if rule.no in known.members and not rule.hidden
    ]


def _recent(events: list[tuple[str, Kept]], most: int) -> list[Happened]:
    newest = reversed(events[max(len(events) - most, 0) :])
    return [Happened(format_instant(kept.t), kept.kind or "", kept.name, id, kept.properties or {}) for id, kept in newest]


def show(profile: Profile, out: Console) -> None:
    """Prints a profile for people."""
    out.print(
        Text.assemble(
            (profile.person, "bold"), f"  partition {profile.partition}, {numbered(profile.events, 'event')}, clock {profile.clock}"
        )
    )
    if len(profile.identifiers) > 1:
        told = [(each.value, each.time or "", (each.type or "").replace("_", " ")) for each in profile.identifiers]
        _section(out, "Identifiers, with their first events", told, "")
    if profile.merges:
        told = [(f"{each.previous} is {each.user}", each.time, _why(each)) for each in profile.merges]
        _section(out, "Merges", told, "")
    if profile.conflicts:
        left = [(each.identifier, each.time, f"not linked: one {each.limit} too many, by {each.message_id}") for each in profile.conflicts]
        _section(out, "Identifiers of others", left, "")
    several = len({trait.source for trait in profile.traits.values()} | {each.source for t in profile.traits.values() for each in t.others})
    traits = [row for name, trait in profile.traits.items() for row in _told(name, trait, tell=several > 1)]
    _section(out, "Traits", traits, "none")
    if profile.consents:
        _section(out, "Consents", consent_rows(profile.consents), "")
    if profile.suppressions:
        _section(out, "Suppressions", suppression_rows(profile.suppressions), "")
    rows = [
        (each.segment, f"since {each.since}", ", ".join(f"{text} = {value_text(v)}" for text, v in each.values.items()))
        for each in profile.segments
    ]
    _section(out, f"Segments at {profile.at}", rows, "in none")
    sent = [(campaign, time, "") for campaign, time in profile.entered_campaigns.items()]
    _section(out, "Campaigns entered", sent, "none")
    events = [(each.time, each.name or each.kind, value_text(each.properties) if each.properties else "") for each in profile.recent]
    _section(out, "Newest events", events, "none kept", cut=True)


def _told(name: str, trait: Trait, *, tell: bool) -> list[tuple[str, str, str]]:
    """A trait, below it what others say; `tell` says that the sources are to be told."""
    source = f"  ({trait.source or 'no source'})" if tell else ""
    others = [("", each.time, f"{value_text(each.value)}  ({each.source or 'no source'} differs)") for each in trait.others]
    return [(name, trait.time, f"{value_text(trait.value)}{source}"), *others]


def _why(merge: Merged) -> str:
    """Why two are one, or are no more."""
    evidence = f" {value_text(merge.evidence)}" if merge.evidence else ""
    return f"{merge.kind} {merge.message_id}{evidence}{f', undone by {merge.undone}' if merge.undone else ''}"


def _section(out: Console, title: str, rows: list[tuple[str, str, str]], nothing: str, *, cut: bool = False) -> None:
    out.print(Text(f"\n{title}", style="bold"))
    if not rows:
        out.print(Text(f"  {nothing}", style="dim"))
        return
    table = Table.grid(padding=(0, 2))
    # What the line is about stays whole where there is no room for all.
    table.add_column(style="cyan", no_wrap=True, min_width=max(len(first) for first, _, _ in rows) + 2)
    table.add_column(no_wrap=True, min_width=max(len(second) for _, second, _ in rows) if cut else None)
    table.add_column(style="dim", no_wrap=cut, overflow="ellipsis" if cut else "fold")
    for first, second, third in rows:
        table.add_row(Text(f"  {first}"), Text(second), Text(third))
    out.print(table)


def value_text(value: Any) -> str:
    """A value as JSON, strings bare.

    >>> value_text("gold"), value_text(None), value_text({"a": 1})
    ('gold', 'null', '{"a":1}')
    """
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
