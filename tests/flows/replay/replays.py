"""Replays within the test's own process: plans from texts, events as short as they can be."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flows.replay.differences import Difference
from flows.replay.drive import Job, drive
from flows.replay.inputs import FilesLog
from flows.replay.report import Report, make_report
from flows.replay.scratch import Side, scratch_folder
from operators.plan.checked import Plan
from tests.command import write_lines
from tests.harness import milliseconds

DAY = "2026-01-01T"


def track(person: str, clock: str, event: str, **properties: Any) -> dict[str, Any]:
    """An event of the day at `HH:MM` or `HH:MM:SS`."""
    id = f"{person}-{clock}-{event}"
    return {"type": "track", "messageId": id, "userId": person, "event": event, "timestamp": stamp(clock), "properties": properties}


def identify(person: str, clock: str) -> dict[str, Any]:
    """A person with an address."""
    traits = {"email": f"{person}@example.com"}
    return {"type": "identify", "messageId": f"{person}-{clock}", "userId": person, "timestamp": stamp(clock), "traits": traits}


def stamp(clock: str) -> str:
    """An instant of the day, as records have it."""
    return f"{DAY}{clock}{':00' if clock.count(':') == 1 else ''}.000Z"


def ms(clock: str | None) -> int | None:
    """The same as a number; None for None."""
    return None if clock is None else milliseconds(stamp(clock))


def replayed(
    folder: Path, plan: Plan, events: Iterable[dict[str, Any]], *, old: Plan | None = None, start: str | None = None, end: str | None = None
) -> tuple[Report, list[Difference]]:
    """The report, and all differences; `start` and `end` are times of the day. Events come in the order of their times."""
    path = write_lines(folder / "events.jsonl", sorted(events, key=lambda event: str(event["timestamp"])))
    plans: dict[Side, Plan] = {"new": plan} if old is None else {"new": plan, "old": old}
    differences: list[Difference] = []
    with scratch_folder(None) as scratch:
        job = Job(plans=plans, log=FilesLog(str(path)), scratch=scratch, from_ms=ms(start), to_ms=ms(end))
        report = make_report(job, drive(job), differences.append)
    return report, differences
