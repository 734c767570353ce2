"""`Totals`: the sum of what the lanes of this process did, for the progress display, the summary line and `--json`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from operators.instants import format_instant
from schemas.counts import CLEANED, Counts

NUMBERS = (
    "records",
    "replayed",
    "events",
    "persons",
    "duplicates",
    "late",
    "out_of_order",
    "clamped",
    "linked",
    "conflicts",
    "erased",
    "after_until",
    "filled",
)
"""The fields of `Counts` that are plain sums."""


class Report(msgspec.Struct, gc=False, frozen=True):
    """What a lane says after a batch: its counts, and the number of the last output that readers can see."""

    counts: Counts
    published: int


class Totals:
    """Sums and latest standings; workers on several threads may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum = Counts()
        self._last: dict[int, Counts] = {}

    def add(self, report: Report) -> None:
        """Adds the report of one batch."""
        with self._lock:
            add(self._sum, report.counts)
            self._last[report.counts.partition] = report.counts

    def counts(self) -> Counts:
        """The sum now; `watermark_ms` is that of the partition furthest behind, `lag`, `state_bytes`, `to_fill` and `fill_total` are
        those of all together."""
        with self._lock:
            total = add(Counts(), self._sum)
            last = list(self._last.values())
        total.lag = sum(counts.lag for counts in last)
        total.state_bytes = sum(counts.state_bytes for counts in last)
        total.to_fill = sum(counts.to_fill for counts in last)
        total.fill_total = sum(counts.fill_total for counts in last)
        total.watermark_ms = min((counts.watermark_ms for counts in last if counts.watermark_ms is not None), default=None)
        total.ended = bool(last) and all(counts.ended for counts in last)
        return total

    def offsets(self) -> dict[int, int]:
        """The highest applied offset of each partition."""
        with self._lock:
            return {partition: self._last[partition].offset for partition in sorted(self._last)}


def add(total: Counts, one: Counts) -> Counts:
    """Adds the numbers of `one` to `total`, and gives that.

    >>> add(Counts(events=2), Counts(events=3, duplicates=1)).events
    5
    """
    for name in NUMBERS:
        setattr(total, name, getattr(total, name) + getattr(one, name))
    total.batch_s += one.batch_s
    total.commit_s += one.commit_s
    total.rejects.update(one.rejects)
    total.transitions.update(one.transitions)
    total.triggers.update(one.triggers)
    total.decisions.update(one.decisions)
    total.quality.update(one.quality)
    return total


def summary_line(total: Counts, seconds: float) -> str:
    """One line for people.

    >>> summary_line(Counts(events=1500, persons=20), 0.5)
    '1,500 events in 0.5 s (3,000/s): 20 persons, 0 transitions, 0 triggers, 0 decisions, 0 rejects'
    """
    sums = {
        "person": total.persons,
        "transition": total.transitions.total(),
        "trigger": total.triggers.total(),
        "decision": total.decisions.total(),
        "reject": total.rejects.total(),
    }
    parts = [numbered(number, name) for name, number in sums.items()]
    if total.duplicates:
        parts.append(numbered(total.duplicates, "duplicate"))
    others = {"linked": total.linked, "erased": total.erased, "late": total.late}
    problems = sum(number for found, number in total.quality.items() if found.outcome != CLEANED)
    others |= {"after --until": total.after_until, "applied before": total.replayed}
    others |= {"problem in data" if problems == 1 else "problems in data": problems, "filled": total.filled, "still to fill": total.to_fill}
    parts += [f"{number:,} {name}" for name, number in others.items() if number]
    return f"{numbered(total.events, 'event')} in {seconds:.1f} s ({rate(total.events, seconds):,}/s): {', '.join(parts)}"


def numbered(number: int, name: str, several: str = "") -> str:
    """A number of things; `several` of them are called so, where an s does not do.

    >>> numbered(1, "event"), numbered(1500, "event"), numbered(2, "mailbox", "mailboxes")
    ('1 event', '1,500 events', '2 mailboxes')
    """
    return f"{number:,} {name if number == 1 else several or f'{name}s'}"


def filling(total: Counts) -> str:
    """How far persons are brought to a changed plan.

    >>> filling(Counts(to_fill=66_000, fill_total=100_000))
    'filling 34 % (34,000 of 100,000 persons)'
    """
    done = max(total.fill_total - total.to_fill, 0)
    return f"filling {percent(done, total.fill_total)} ({done:,} of {numbered(total.fill_total, 'person')})"


def percent(number: int, whole: int) -> str:
    """A share; 100 % is only where nothing is left.

    >>> percent(999, 1000), percent(0, 0)
    ('99 %', '100 %')
    """
    return f"{number * 100 // whole if whole else 100} %"


def rate(number: int, seconds: float) -> int:
    """A number a second."""
    return round(number / seconds) if seconds > 0 else 0


def summary(total: Counts, offsets: dict[int, int], seconds: float) -> dict[str, Any]:
    """The same and more for programs: sums of this run, and the standing at its end."""
    return {
        **{name: getattr(total, name) for name in NUMBERS},
        "rejects": dict(sorted(total.rejects.items())),
        "transitions": _nested(total.transitions),
        "triggers": dict(sorted(total.triggers.items())),
        "decisions": _nested(total.decisions),
        "quality": [{**found._asdict(), "number": number} for found, number in sorted(total.quality.items())],
        "seconds": round(seconds, 3),
        "events_per_second": rate(total.events, seconds),
        "ended": total.ended,
        "watermark": None if total.watermark_ms is None else format_instant(total.watermark_ms),
        "lag": total.lag,
        "to_fill": total.to_fill,
        "state_bytes": total.state_bytes,
        "offsets": {str(partition): offset for partition, offset in offsets.items()},
    }


def _nested(numbers: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    made: dict[str, dict[str, int]] = {}
    for (outer, inner), number in sorted(numbers.items()):
        made.setdefault(outer, {})[inner] = number
    return made
