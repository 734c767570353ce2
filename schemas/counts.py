"""What a lane did with one batch, counted; sums of these are what progress, tables and metrics show."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

CLEANED = "cleaned"
"""The outcome where nothing is wrong any more."""


class Quality(NamedTuple):
    """What was found in the data of events, to be counted: where they come from (the library that sent them), in which field (of few
    values: names that the plan has, not those of the events), what is wrong there, and what was done about it."""

    source: str
    field: str
    problem: str
    outcome: str


class Counts(msgspec.Struct):
    """Counts of one batch, and the lane's standing after it.

    `records` came in, `replayed` of them were applied before, `after_until` lay after `--until`; the others are `events` applied,
    `duplicates`, or `rejects` by reason. `persons` are new ones. `late`, `out_of_order` and `clamped` (a time in the future) are parts of
    `events`. `linked` persons became part of another one; `conflicts` are links that were not made; `erased` persons are
    forgotten. `filled` persons were brought to a changed plan; of the `fill_total` that the last change is for, `to_fill` are left.
    `transitions` counts by `(segment, "entered" | "exited")`, `triggers` by campaign, `decisions` by `(campaign, reason)`, `quality` by
    source, field, problem and outcome.
    `watermark_ms` and `state_bytes` stand as after the batch; `batch_s` and `commit_s` are its durations in seconds.
    """

    partition: int = 0
    records: int = 0
    replayed: int = 0
    after_until: int = 0
    events: int = 0
    persons: int = 0
    duplicates: int = 0
    late: int = 0
    out_of_order: int = 0
    clamped: int = 0
    linked: int = 0
    conflicts: int = 0
    erased: int = 0
    rejects: Counter[str] = msgspec.field(default_factory=Counter)
    transitions: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    triggers: Counter[str] = msgspec.field(default_factory=Counter)
    decisions: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    quality: Counter[Quality] = msgspec.field(default_factory=Counter)
    watermark_ms: int | None = None
    offset: int = -1
    lag: int = 0
    state_bytes: int = 0
    filled: int = 0
    to_fill: int = 0
    fill_total: int = 0
    batch_s: float = 0.0
    commit_s: float = 0.0
    ended: bool = False
