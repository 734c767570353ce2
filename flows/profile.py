"""`read_profile`: what is known of one person, read from a live state beside the running job; `show` prints it.

With the plan, segments come with the values of the calls in their rules. A person that is still to be brought to a changed plan is shown as
the plan before has left it, without values.

*Guarantees*: the state is only read, and the job is not held up. What is shown is one moment of it: all that was committed when the reading
began.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from operators.change import Layout
from operators.instants import format_instant
from operators.lane.history import read_history
from operators.lane.keys import META, Meta, layout_key, person_key
from operators.lane.lane import person_of
from operators.lane.rocks import open_live
from operators.lane.store import Store
from operators.language.calls.held import HIDDEN
from operators.language.compile import compile_rules
from operators.plan.checked import Plan
from schemas.errors import UnavailableError, UsageError
from schemas.person import Person

RECENT = 20
"""Events shown, unless asked for another number."""


class Trait(msgspec.Struct, frozen=True):
    """A trait's value, and the time of the event that it came with."""

    value: Any
    time: str


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
    newest first."""

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


def read_profile(state: Path, person: str, plan: Plan | None = None, *, recent: int = RECENT) -> Profile:
    """The person as its lane has it now; of several lanes the one with the latest clock. UnavailableError where no lane knows the
    person."""
    folders = [path for path in sorted(state.glob("lane-*")) if path.is_dir()]
    if not folders:
        raise UnavailableError(f"there is no state in {state}; give the --state of the job")
    found = [profile for folder in folders if (profile := _in_lane(folder, person, plan, recent)) is not None]
    if not found:
        raise UnavailableError(
            f"the state in {state} knows no such person; give the userId, or else the anonymousId, just as the events have it"
        )
    return max(found, key=lambda profile: profile.clock)


def _in_lane(folder: Path, person: str, plan: Plan | None, recent: int) -> Profile | None:
    store = open_live(folder)
    try:
        raw = store.get(META)
        known = person_of(store.get(person_key(person)))
        if raw is None or known is None:
            return None
        meta = msgspec.msgpack.decode(raw, type=Meta)
        if plan is not None and (plan.name, plan.version) != (meta.plan, meta.version):
            raise UsageError(
                f"the state was made with the plan {meta.plan} (version {meta.version}), not with {plan.name} ({plan.version}); "
                "give that plan, or none: then segments have no values"
            )
        segments = _values(known, plan, _now(known, meta)) if plan is not None and known.layout == meta.layout else _names(known, store)
        return _profile(known, meta, segments, _recent(store, person, recent))
    finally:
        store.close()


def _now(known: Person, meta: Meta) -> int:
    return max(known.clock, known.clock if meta.watermark is None else meta.watermark)


def _profile(known: Person, meta: Meta, segments: list[Membership], recent: list[Happened]) -> Profile:
    return Profile(
        known.id,
        meta.partition,
        format_instant(known.clock),
        format_instant(_now(known, meta)),
        known.count,
        {name: Trait(value, format_instant(t)) for name, (t, value) in sorted(known.traits.items()) if value is not None},
        segments,
        [format_instant(t) for t in known.sent],
        {entry: format_instant(t) for entry, t in sorted(known.entries.items())},
        recent,
    )


def _values(known: Person, plan: Plan, now: int) -> list[Membership]:
    """The segments, with the values of the calls in their rules."""
    rules = compile_rules(plan.segments, ZoneInfo(plan.timezone)).rules
    return [
        Membership(rule.id, format_instant(known.members[rule.no]), {text: value(known, now) for text, value in rule.calls})
        for rule in rules
        if rule.no in known.members and not rule.hidden
    ]


def _names(known: Person, store: Store) -> list[Membership]:
    """The segments, by the layout that the person is of."""
    raw = store.get(layout_key(known.layout))
    names = [id for id, _ in msgspec.msgpack.decode(raw, type=Layout).segments] if raw is not None else []
    found = [(names[no] if no < len(names) else f"#{no}", since) for no, since in known.members.items()]
    return [Membership(id, format_instant(since), {}) for id, since in sorted(found) if not id.startswith(HIDDEN)]


def _recent(store: Store, person: str, most: int) -> list[Happened]:
    events = read_history(store, person)
    newest = reversed(events[max(len(events) - most, 0) :])
    return [Happened(format_instant(kept.t), kept.kind or "", kept.name, id, kept.properties or {}) for id, kept in newest]


def show(profile: Profile, out: Console) -> None:
    """Prints a profile for people."""
    out.print(Text.assemble((profile.person, "bold"), f"  partition {profile.partition}, {profile.events:,} events, clock {profile.clock}"))
    _section(out, "Traits", [(name, trait.time, _value(trait.value)) for name, trait in profile.traits.items()], "none")
    rows = [
        (each.segment, f"since {each.since}", ", ".join(f"{text} = {_value(v)}" for text, v in each.values.items()))
        for each in profile.segments
    ]
    _section(out, f"Segments at {profile.at}", rows, "in none")
    sent = [(campaign, time, "") for campaign, time in profile.entered_campaigns.items()]
    _section(out, "Campaigns entered", sent, "none")
    events = [(each.time, each.name or each.kind, _value(each.properties) if each.properties else "") for each in profile.recent]
    _section(out, "Newest events", events, "none kept", cut=True)


def _section(out: Console, title: str, rows: list[tuple[str, str, str]], nothing: str, *, cut: bool = False) -> None:
    out.print(Text(f"\n{title}", style="bold"))
    if not rows:
        out.print(Text(f"  {nothing}", style="dim"))
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=cut, overflow="ellipsis" if cut else "fold")
    for first, second, third in rows:
        table.add_row(Text(f"  {first}"), Text(second), Text(third))
    out.print(table)


def _value(value: Any) -> str:
    """A value as JSON, strings bare.

    >>> _value("gold"), _value(None), _value({"a": 1})
    ('gold', 'null', '{"a":1}')
    """
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
