"""`findings_of`: what an audit found, in plain words; one row of `CHECKS` a kind.

A finding is worth a look; a note may well be meant (that loyal customers are customers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from flows.audit.audit import Audit, SegmentAudit
from operators.entries import MOST

NEAR = 0.9
"""Two segments are nearly the same where they share this part of those in either."""
FLAPPING = 0.05
"""A segment flaps where people who enter it again and again make at least this part of all entries."""


class Finding(msgspec.Struct, frozen=True):
    """What was found of a segment or campaign, or of something that rules read (`about`)."""

    kind: str
    note: bool
    about: str
    text: str


Found = Iterator[tuple[str, str]]
"""What it is about, and the words."""


def findings_of(audit: Audit) -> list[Finding]:
    """All findings, in the order of the checks; notes last."""
    found = [
        Finding(kind, note, about, text) for kind, (note, check) in CHECKS.items() for about, text in check(audit) if audit.at is not None
    ]
    return sorted(found, key=lambda finding: finding.note)


def _never_entered(audit: Audit) -> Found:
    return ((each.id, "nobody ever entered") for each in audit.segments if _unused(each))


def _empty(audit: Audit) -> Found:
    empty = (each for each in audit.segments if not each.size and not _unused(each))
    return ((each.id, f"nobody is left in it; {_how_emptied(each)}") for each in empty)


def _how_emptied(each: SegmentAudit) -> str:
    """Who is erased is gone without having left."""
    return f"the last one left on {each.last_change}" if each.exited_ever else f"all who entered were erased: {each.entered_ever:,}"


def _everyone(audit: Audit) -> Found:
    full = (each for each in audit.segments if each.size == audit.persons > 0)
    return ((each.id, f"everyone is in it: {_of(each.size, audit.persons)}") for each in full)


def _same(audit: Audit) -> Found:
    return ((pair.a, f"the same people as {pair.b}: {pair.both:,}") for pair in audit.pairs if pair.both == pair.either)


def _near(audit: Audit) -> Found:
    near = (pair for pair in audit.pairs if NEAR <= pair.jaccard < 1)
    return ((pair.a, f"nearly the same people as {pair.b}: {pair.both:,} of the {pair.either:,} in either") for pair in near)


def _stale(audit: Audit) -> Found:
    for each in audit.segments:
        if each.size and each.last_change is not None and each.last_change < audit.days[0]:
            yield each.id, f"nobody came or left in {_days(audit)}, since {each.last_change}"


def _flapping(audit: Audit) -> Found:
    return ((each.id, _often_text(each, audit)) for each in audit.segments if each.often and _flaps(each))


def _often(audit: Audit) -> Found:
    return ((each.id, _often_text(each, audit)) for each in audit.segments if each.often and not _flaps(each))


def _flaps(each: SegmentAudit) -> bool:
    """Whether those who enter again and again make a good part of all entries."""
    return each.often * MOST >= FLAPPING * each.entered


def _often_text(each: SegmentAudit, audit: Audit) -> str:
    people = "1 person" if each.often == 1 else f"{each.often:,} people"
    some = "for example " if each.often > len(each.often_examples) else ""
    return f"{people} entered {MOST} times or more in {_days(audit)}: {some}{', '.join(each.often_examples)}"


def _mismatched(audit: Audit) -> Found:
    for each in audit.mismatches:
        of = f" of {' or '.join(map(repr, each.events))}" if each.events else ""
        times = "once" if each.times == 1 else f"{each.times:,} times"
        yield _readers(each.readers), f"{each.comparison}{of} met a value of another kind {times}, and was false"


def _no_event(audit: Audit) -> Found:
    missing = (each for each in audit.properties if each.property is None and not each.filled)
    return ((_readers(each.readers), f"no {each.event!r} ever came") for each in missing)


def _no_property(audit: Audit) -> Found:
    came = {each.event for each in audit.properties if each.property is None and each.filled}
    missing = (each for each in audit.properties if each.property is not None and not each.filled and each.event in came)
    return ((_readers(each.readers), f"no {each.event!r} ever had {each.property}") for each in missing)


def _no_trait(audit: Audit) -> Found:
    return ((_readers(each.readers), f"nobody has {each.trait}") for each in audit.traits if not each.persons)


def _never_triggered(audit: Audit) -> Found:
    for each in audit.campaigns:
        if not each.triggers_ever and each.state != "draft":
            refused = ", ".join(f"{n:,} {reason}" for reason, n in each.decisions_ever.items())
            yield each.id, f"never triggered: {f'held back {refused}' if refused else 'nobody gave it occasion'}"


def _contained(audit: Audit) -> Found:
    """A segment is told once, with the smallest that contains it."""
    told = set()
    for pair in sorted(audit.pairs, key=lambda pair: (pair.b_size, pair.b)):
        if pair.both == pair.a_size and pair.jaccard < NEAR and pair.b_size < audit.persons and pair.a not in told:
            told.add(pair.a)
            yield pair.a, f"contained in {pair.b}: {_of(pair.both, pair.a_size)}"


def _never_left(audit: Audit) -> Found:
    kept = (each for each in audit.segments if each.size and each.entered_ever and not each.exited_ever)
    return ((each.id, f"nobody ever left: {each.entered_ever:,} entered") for each in kept)


def _draft(audit: Audit) -> Found:
    return ((each.id, "is a draft: it starts for nobody") for each in audit.campaigns if each.state == "draft")


CHECKS: dict[str, tuple[bool, Callable[[Audit], Found]]] = {
    "never_entered": (False, _never_entered),
    "empty": (False, _empty),
    "everyone": (False, _everyone),
    "same": (False, _same),
    "near": (False, _near),
    "stale": (False, _stale),
    "flapping": (False, _flapping),
    "mismatched": (False, _mismatched),
    "no_event": (False, _no_event),
    "no_property": (False, _no_property),
    "no_trait": (False, _no_trait),
    "never_triggered": (False, _never_triggered),
    "contained": (True, _contained),
    "often": (True, _often),
    "never_left": (True, _never_left),
    "draft": (True, _draft),
}
"""By kind: whether it is a note, and the check."""


def _unused(each: SegmentAudit) -> bool:
    return not each.size and not each.entered_ever


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}"


def _days(audit: Audit) -> str:
    return "1 day" if len(audit.days) == 1 else f"{len(audit.days)} days"


def _readers(readers: list[str]) -> str:
    return ", ".join(readers)
