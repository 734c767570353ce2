"""How two replays of one log differ: `Difference` for one person in one place, `Differences` in sums.

`new` is the plan, `old` the one that it is compared with.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

What = Literal["only_new", "only_old", "moved", "exit", "outcome"]
WHATS: dict[What, str] = {
    "only_new": "only with the new plan",
    "only_old": "only with the old plan",
    "moved": "with both, at another time",
    "exit": "the same entry, another exit",
    "outcome": "the same occasion, another outcome",
}
"""How a stay in a segment (all but `outcome`) or an occasion of a campaign (all but `exit`) can differ."""

Where = Literal["both", "new", "old"]
Record = dict[str, Any]


class Difference(msgspec.Struct, frozen=True):
    """One line of `differences.jsonl`: a stay of a person in a `segment`, or an occasion of a `campaign`, that is not the same; the other
    of the two is not set.

    `time` is the earliest instant at which it is not. `new` and `old` are what the two plans have there, each with its why, None where one
    has nothing: of a stay `entered` and `exited`, of an occasion the `outcome`, which is `trigger` or the reason of a decision.
    """

    person: str
    time: str
    segment: str | msgspec.UnsetType
    campaign: str | msgspec.UnsetType
    difference: What
    new: Record | None
    old: Record | None


class SegmentDifference(msgspec.Struct):
    """A segment of two plans: which `plans` have it, whether its rule is another one, and how many persons at the end, and entries in
    the span, only one of them has. `moved` entries are in both at other times, and come `moved_ms` later with the new one, all together;
    `exits` are those at other times of stays that begin together."""

    id: str
    title: str
    plans: Where
    changed: bool
    members_only_new: int = 0
    members_only_old: int = 0
    entries_only_new: int = 0
    entries_only_old: int = 0
    moved: int = 0
    moved_ms: int = 0
    exits: int = 0

    @property
    def matters(self) -> bool:
        """Whether it is another one, or anything came of it otherwise."""
        return (
            self.changed
            or self.plans != "both"
            or any((self.members_only_new, self.members_only_old, self.entries_only_new, self.entries_only_old, self.moved, self.exits))
        )


class CampaignDifference(msgspec.Struct):
    """A campaign of two plans, likewise: triggers of the span that only one of them has, and those that have `moved`. `refusals` are
    occasions that neither sends, and that differ all the same: in their reason, their time, or in that only one plan has them."""

    id: str
    title: str
    plans: Where
    changed: bool
    triggers_only_new: int = 0
    triggers_only_old: int = 0
    moved: int = 0
    moved_ms: int = 0
    refusals: int = 0

    @property
    def matters(self) -> bool:
        """Whether it is another one, or anything came of it otherwise."""
        return self.changed or self.plans != "both" or any((self.triggers_only_new, self.triggers_only_old, self.moved, self.refusals))


class Differences(msgspec.Struct):
    """All sums: the `settings` of plan.yaml that are not the same, segments and campaigns by id, the number of `persons` for whom something
    differs, and of their differences."""

    settings: list[str]
    segments: list[SegmentDifference]
    campaigns: list[CampaignDifference]
    persons: int = 0
    differences: int = 0
