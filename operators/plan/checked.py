"""The plan as it was checked: all that the engine needs to know of it, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from operators.forms.form import Form
from operators.language.nodes import Node
from operators.rows.checked import Column, RowMap
from schemas.crm import AuthKind, PagingKind
from schemas.person import ANONYMOUS_ID, EMAIL, USER_ID
from schemas.plan import CLEANED_TRAITS, BreachAction, CleanKind
from schemas.webhooks import Esp


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment: its rule as a tree, and the hash of that tree (`version`, 8 hex digits), which a change of spelling does not change."""

    id: str
    title: str
    when: Node
    version: str


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` triggers a person in any `within_ms`: those with `now - within < t <= now` count."""

    most: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class DuplicatePersons:
    """The chances from which on two persons are put up for review, and merged by itself (None: never)."""

    review: float
    merge: float | None


@dataclass(frozen=True, slots=True)
class Topic:
    """What mails can be about. Where `required`, only who has given consent to it is sent them."""

    id: str
    title: str
    required: bool


@dataclass(frozen=True, slots=True)
class Send:
    """The step `send`: a trigger that names the template."""

    template: str


Step = Send
"""Every kind of step a campaign can have."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign: who starts it, how often, and its steps.

    `on` is `enters` or `exits` with `segment`, or `event` with `events` (and `where`, a rule over the event's properties, and `key`, the
    path of the property that keeps two occasions of one person apart). `re_enter` is `never`, `always`, or ms since the last entry.
    `holdout` is a share in [0, 1]. `existing` says that it also starts for those who enter or leave by a changed plan. `topic` is what its
    mails are about; None where the plan has no topics.
    """

    id: str
    title: str
    on: Literal["enters", "exits", "event"]
    segment: str | None
    events: tuple[str, ...]
    where: Node | None
    key: tuple[str, ...] | None
    re_enter: Literal["never", "always"] | int
    holdout: float
    state: Literal["live", "draft"]
    steps: tuple[Step, ...]
    existing: bool = False
    topic: Topic | None = None


LIMITS: Mapping[int, int] = {USER_ID: 1, EMAIL: 5, ANONYMOUS_ID: 100}
"""So many identifiers of each rank a person has at most, unless the plan says otherwise."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How identifiers are linked: the most of each rank that a person has, and patterns of values that are no identifiers, beside those
    that never are."""

    limits: Mapping[int, int] = field(default_factory=lambda: LIMITS)
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackedEvent:
    """An event of the tracking plan: the JSON Schema of its properties, as JSON, and what becomes of an event that breaks it."""

    name: str
    schema: str
    on_breach: BreachAction


@dataclass(frozen=True, slots=True)
class TrackingPlan:
    """The known events, and what becomes of others."""

    events: tuple[TrackedEvent, ...]
    on_unknown: BreachAction


@dataclass(frozen=True, slots=True)
class CleanPlan:
    """What traits are cleaned as, those that identify events are expected to have, and the country that is meant where none is told."""

    kinds: Mapping[str, CleanKind] = field(default_factory=lambda: CLEANED_TRAITS)
    expected: tuple[str, ...] = ()
    country: str | None = None


Survivorship = Literal["strictest"] | tuple[str, ...]
"""Which value of a trait counts of those of several sources, where it is not the most recent: the strictest, or that of the first of these
sources that has one."""


@dataclass(frozen=True, slots=True)
class WriteKey:
    """Who may send to the edge. `key` is None where it is a secret, which the environment has. From one address `rate` events a second are
    taken on average, and `burst` at once."""

    name: str
    browser: bool
    key: str | None
    rate: float
    burst: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """A mail service that may tell what became of mails. `arns` are the topics of Amazon SNS that may send, `header` the one that has the
    secret of Postmark, `window_ms` how old a signature may be (None: what is usual), `topics` the topic of each list of the service."""

    name: str
    esp: Esp
    arns: tuple[str, ...] = ()
    header: str | None = None
    window_ms: int | None = None
    topics: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paging:
    """How the next page is asked for: `at` is where in the answer it is told, `parameter` what the next request says it as, in its body or
    its query."""

    kind: PagingKind
    at: tuple[str, ...]
    parameter: str
    in_body: bool
    start: int


@dataclass(frozen=True, slots=True)
class Updated:
    """Where a row says since when it is so, and the parameter by which only what has changed is given (None: all is). Of the time before,
    `overlap_ms` are asked for again."""

    column: Column
    parameter: str | None
    in_body: bool
    overlap_ms: int


@dataclass(frozen=True, slots=True)
class CrmSource:
    """A system that the edge asks for rows: what a request says, where the rows lie in the answer, and what becomes of them. With `auth` it
    proves who asks by a secret that the environment has."""

    name: str
    hubspot: bool
    url: str
    method: Literal["GET", "POST"]
    headers: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str], ...]
    body: Mapping[str, Any] | None
    auth: AuthKind | None
    auth_name: str
    rows: tuple[str, ...]
    paging: Paging | None
    updated: Updated | None
    archived: bool
    every_ms: int
    rate: float
    map: RowMap


@dataclass(frozen=True, slots=True)
class Collect:
    """What the HTTP edge takes, and from whom."""

    origins: tuple[str, ...] = ()
    keys: tuple[WriteKey, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    crm: tuple[CrmSource, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked plan. `segments` stand in the order of evaluation (those that others refer to first, then by id), `campaigns` by id.

    `history_ms`, `duplicates_ms`, `identity` and `clean` are None where they are switched off, `tracking` where there is no tracking plan,
    `duplicate_persons` where nobody looks for them. `survivorship` holds the traits for which it is not the default. `version` is the hash
    of everything here that can change an outcome; whether `profiles` are put out changes none, nor does what the edge takes (`collect`,
    `forms`).
    """

    name: str
    timezone: str
    lateness_ms: int
    history_ms: int | None
    duplicates_ms: int | None
    holdout: float
    caps: tuple[Cap, ...]
    segments: tuple[Segment, ...]
    campaigns: tuple[Campaign, ...]
    version: str
    tracking: TrackingPlan | None = None
    duplicate_persons: DuplicatePersons | None = None
    identity: Identity | None = Identity()
    clean: CleanPlan | None = CleanPlan()
    profiles: bool = False
    topics: tuple[Topic, ...] = ()
    survivorship: Mapping[str, Survivorship] = field(default_factory=dict)
    collect: Collect = Collect()
    forms: tuple[Form, ...] = ()
