"""The cases of a plan as they were checked, frozen."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.event import Event


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is expected, or that there is: a segment or campaign, and as far as they are told its instant and its detail (a
    trigger's template, a decision's reason)."""

    id: str
    at_ms: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Want:
    """What is expected of a person, of one `kind` (a key of `schemas.cases.ENTRIES`)."""

    kind: str
    person: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold at an instant; it stands in `line` of its file."""

    line: int
    at_ms: int
    wants: tuple[Want, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """An event: the record, and what it says."""

    record: bytes
    event: Event


@dataclass(frozen=True, slots=True)
class Case:
    """A case. `name` is its key or else its number in the file, or the file's own name; `dated` says that it is written with dates, not
    only with offsets from the start. Its persons are in the hold-outs of the plan (`in_holdout`) and of the campaigns of `holdouts`, and in
    no others.
    """

    file: str
    line: int
    name: str
    title: str
    start_ms: int
    dated: bool
    in_holdout: bool
    holdouts: frozenset[str]
    given: tuple[Given, ...]
    checks: tuple[Check, ...]
