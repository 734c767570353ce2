"""`Tallies`: what happened on which day, counted while it comes out: transitions, moves from segment to segment, triggers and decisions;
and what was found in the data that came in.

Days are those of UTC, counted from 1970, of the instant of the transition, trigger or event. The file is on the path of every event that
changes a segment, so it counts by number and leaves names to whoever keeps the sums.
"""

from __future__ import annotations

from collections import defaultdict

from operators.entries import entered
from operators.language.feeds import Rule
from schemas.counts import Quality
from schemas.person import Person

DAY_MS = 86_400_000
TRIGGERED = "triggered"
"""Stands among the reasons of decisions for what was sent."""


def _zeros() -> dict[int, int]:
    return defaultdict(int)


class Tally:
    """One day: how often each segment was entered, and how often exited, by its number; how often an evaluation exited the one (the outer
    key) and entered the other; how often each campaign and reason; how often what was found in data. `ended` are exits, by id, of segments
    that a changed plan no longer has."""

    __slots__ = ("ended", "entered", "exited", "found", "moves", "sendings")

    def __init__(self) -> None:
        self.entered: dict[int, int] = defaultdict(int)
        self.exited: dict[int, int] = defaultdict(int)
        self.ended: dict[str, int] = defaultdict(int)
        self.moves: dict[int, dict[int, int]] = defaultdict(_zeros)
        self.sendings: dict[tuple[str, str], int] = defaultdict(int)
        self.found: dict[Quality, int] = defaultdict(int)


class Tallies:
    """The days that were counted since they were last taken."""

    def __init__(self) -> None:
        self._days: dict[int, Tally] = {}

    def changed(self, p: Person, now: int, changed: list[tuple[Rule, bool]]) -> None:
        """Counts an evaluation that changed these segments (true: entered); the person remembers its entries."""
        day = now // DAY_MS
        tally = self._days.get(day) or self._new(day)
        came, left, own = tally.entered, tally.exited, p.entered
        both, first = False, changed[0][1]
        for rule, truth in changed:
            no = rule.no
            if truth:
                came[no] += 1
                kept = own.get(no)
                own[no] = entered(kept, day) if kept is not None else day if day > 0 else 0
            else:
                left[no] += 1
            if truth is not first:
                both = True
        if both:
            self._moved(tally, changed)

    def _moved(self, tally: Tally, changed: list[tuple[Rule, bool]]) -> None:
        targets = [rule.no for rule, truth in changed if truth]
        for rule, truth in changed:
            if not truth:
                row = tally.moves[rule.no]
                for target in targets:
                    row[target] += 1

    def ended(self, now: int, ids: list[str]) -> None:
        """Counts a person's exit from segments that the plan no longer has."""
        day = now // DAY_MS
        tally = self._days.get(day) or self._new(day)
        for id in ids:
            tally.ended[id] += 1

    def sending(self, now: int, campaign: str, reason: str) -> None:
        """Counts a decision, or a trigger with the reason TRIGGERED."""
        day = now // DAY_MS
        (self._days.get(day) or self._new(day)).sendings[campaign, reason] += 1

    def found(self, t: int, found: Quality) -> None:
        """Counts what was found in an event."""
        day = t // DAY_MS
        (self._days.get(day) or self._new(day)).found[found] += 1

    def take(self) -> dict[int, Tally]:
        """The days counted, by number; counting begins anew."""
        days, self._days = self._days, {}
        return days

    def _new(self, day: int) -> Tally:
        tally = self._days[day] = Tally()
        return tally
