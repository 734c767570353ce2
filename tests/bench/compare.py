"""Whether the programs of a run agree: speed never comes from wrong answers.

`expected` folds the log itself, in plain Python, into the changes of `viewed and not bought within 7 days`, to the millisecond. Every run
of Beckon, whatever its plan, holds this rule as the segment `warm_leads` and must give exactly these. `at_events` derives from such
changes what a program without timers notices, and Quix must give exactly that.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

SEGMENT = "warm_leads"
RULE = "did('Product Viewed', within='7d') and not did('Order Completed', within='7d')"
WINDOW_MS = 7 * 86_400_000

Change = tuple[str, int, str, str]
"""Person, time in ms, `entered` or `exited`, and the messageId that caused it; an empty one where time did."""

Noticed = tuple[str, str, str]
"""Person, messageId, `entered` or `exited`: a change as a program without timers sees it, at an event."""


class Line(msgspec.Struct, gc=False, rename="camel"):
    """What the rule needs of an event."""

    message_id: str
    user_id: str
    timestamp: str
    event: str | None = None


class Cause(msgspec.Struct, gc=False):
    """What caused a transition."""

    event: str = ""


class Data(msgspec.Struct, gc=False):
    """The data of a transition."""

    segment: str
    cause: Cause


class Transition(msgspec.Struct, gc=False):
    """What is compared of a transition's CloudEvent."""

    type: str
    subject: str
    time: str
    data: Data


@dataclass(slots=True)
class Standing:
    """A person's standing in the rule; times in ms, 0 for never."""

    viewed: int = 0
    ordered: int = 0
    now: int = 0
    member: bool = False

    def holds(self, now: int) -> bool:
        """The rule's truth at an instant that is not before the latest view and order."""
        return self.viewed > now - WINDOW_MS >= self.ordered

    def boundaries(self, until: int) -> Iterator[int]:
        """The instants after `now` and before `until` at which the truth may change by itself."""
        return (b for b in sorted((self.viewed + WINDOW_MS, self.ordered + WINDOW_MS)) if self.now < b < until)


@dataclass
class Log:
    """The input: `(person, time in ms, messageId, event)` a record, in its order."""

    records: list[tuple[str, int, str, str | None]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Log:
        """The log of a file."""
        decode = msgspec.json.Decoder(Line).decode
        with path.open("rb") as file:
            lines = map(decode, file)
            return cls([(line.user_id, millis(line.timestamp), line.message_id, line.event) for line in lines])


def expected(log: Log, last_ms: int) -> list[Change]:
    """The changes of the rule up to and including `last_ms`, sorted."""
    changes: list[Change] = []
    persons: dict[str, Standing] = {}

    def move(person: str, standing: Standing, now: int, cause: str) -> None:
        if standing.holds(now) != standing.member:
            standing.member = not standing.member
            changes.append((person, now, "entered" if standing.member else "exited", cause))

    for person, t, message_id, event in log.records:
        standing = persons.setdefault(person, Standing())
        now = max(standing.now, t)
        for boundary in standing.boundaries(now):
            move(person, standing, boundary, "")
        standing.now = now
        if event == "Product Viewed":
            standing.viewed = max(standing.viewed, t)
        elif event == "Order Completed":
            standing.ordered = max(standing.ordered, t)
        move(person, standing, now, message_id)
    for person, standing in persons.items():
        for boundary in standing.boundaries(last_ms + 1):
            move(person, standing, boundary, "")
    return sorted(changes)


def at_events(log: Log, changes: Iterable[Change]) -> list[Noticed]:
    """What is noticed of the changes by a program that looks only when an event of the person comes; sorted.

    At each event of a person, in the order of the log: the changes that time caused before the person's time, and those that this event
    caused, have happened by then; what differs from the event before is noticed.
    """
    by_time: dict[str, list[tuple[int, bool]]] = {}
    by_event: dict[tuple[str, str], list[bool]] = {}
    for person, t, change, cause in changes:
        if cause:
            by_event.setdefault((person, cause), []).append(change == "entered")
        else:
            by_time.setdefault(person, []).append((t, change == "entered"))
    for waiting in by_time.values():
        waiting.sort(reverse=True)
    found: list[Noticed] = []
    persons: dict[str, tuple[int, bool]] = {}
    for person, t, message_id, _ in log.records:
        now, member = persons.get(person, (0, False))
        now, truth = max(now, t), member
        waiting = by_time.get(person, [])
        while waiting and waiting[-1][0] < now:
            truth = waiting.pop()[1]
        for truth in by_event.pop((person, message_id), ()):  # noqa: B007 - the last one holds
            pass
        persons[person] = now, truth
        if truth != member:
            found.append((person, message_id, "entered" if truth else "exited"))
    return sorted(found)


def read(records: Iterable[bytes]) -> list[Transition]:
    """Beckon's transitions, as they stand on their topic."""
    return list(map(msgspec.json.Decoder(Transition).decode, records))


def noticed(records: Iterable[bytes]) -> list[Noticed]:
    """What Quix noticed, as it stands on its topic; sorted."""
    return sorted((each["person"], each["event"], each["change"]) for each in map(msgspec.json.decode, records))


def changes_of(transitions: Iterable[Transition]) -> list[Change]:
    """The changes of `warm_leads` among Beckon's transitions, sorted."""
    return sorted(
        (each.subject, millis(each.time), each.type.rpartition(".")[2], each.data.cause.event)
        for each in transitions
        if each.data.segment == SEGMENT
    )


def members(changes: Iterable[Change]) -> set[str]:
    """The numbers of the persons who are in `warm_leads` after these changes, whatever they are named by."""
    last = {(person, change): t for person, t, change, _ in sorted(changes)}
    inside = {person for person, change in last if change == "entered" and last[person, "entered"] > last.get((person, "exited"), -1)}
    return {person.removesuffix("@example.com")[1:] for person in inside}


def digests(transitions: Iterable[Transition]) -> dict[str, tuple[int, str]]:
    """The number and a hash of the transitions of each segment, whatever their order: equal for equal runs."""
    numbers: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for each in transitions:
        text = f"{each.subject} {each.time} {each.type} {each.data.cause.event}"
        numbers[each.data.segment] += 1
        sums[each.data.segment] += int.from_bytes(hashlib.blake2b(text.encode(), digest_size=12).digest(), "big")
    return {segment: (numbers[segment], f"{sums[segment] % (1 << 96):024x}") for segment in sorted(numbers)}


def difference(name: str, expected: list[Change] | list[Noticed], got: list[Change] | list[Noticed]) -> str:
    """Where two sorted lists first differ, in words; empty where they are equal."""
    if expected == got:
        return ""
    missing = sorted(set(map(tuple, expected)) - set(map(tuple, got)))[:2]
    surplus = sorted(set(map(tuple, got)) - set(map(tuple, expected)))[:2]
    return f"{name}: {len(got):,} changes instead of {len(expected):,}; missing {missing}, too many {surplus}"


def millis(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time with milliseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
