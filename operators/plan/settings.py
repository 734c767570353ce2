"""`Settings`: plan.yaml, read; and the plan's version."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from operators.clean.countries import countries
from operators.duplicates.find import REVIEW_AT
from operators.identify import blocked_by
from operators.language.canonical import canonical, meaning
from operators.language.check import nearest
from operators.language.durations import shortened
from operators.plan.checked import LIMITS, Campaign, Cap, CleanPlan, DuplicatePersons, Identity, Plan, Segment, Topic, TrackingPlan
from operators.plan.reading import Reading, mapping_in, share_in, text_in
from operators.plan.survivorship import read_survivorship
from operators.plan.tracking import changes_events
from operators.plan.yaml_tree import Path, Tree
from schemas.person import RANKS
from schemas.plan import CAMPAIGN_ID, CLEANED_TRAITS, chance


class Settings:
    """plan.yaml, read."""

    def __init__(self, reading: Reading, tree: Tree) -> None:
        self._reading = reading
        self._tree = tree
        self._raw: dict[str, Any] = tree.value if isinstance(tree.value, dict) else {}
        self.history_ms = self._switch("history", "400d")
        self.duplicates_ms = self._switch("duplicates", "7d")
        self.lateness_ms = self._duration("lateness", "10s")
        self.timezone = self._timezone()
        self.caps = tuple(self._caps())
        self.duplicate_persons = self._duplicate_persons()
        self.identity = self._identity()
        if self.duplicate_persons is not None and self.identity is None:
            text = "`duplicate_persons` must be off where `identity` is off; got persons to look for, none of whom could become one"
            self._find(("duplicate_persons",), text)
        self.clean = self._clean()
        self.topics = tuple(self._topics())
        self.survivorship = read_survivorship(self._raw.get("survivorship"), self.clean, self._find)

    def plan(self, segments: tuple[Segment, ...], campaigns: tuple[Campaign, ...], tracking: TrackingPlan | None) -> Plan:
        """The plan of these settings."""
        values: dict[str, Any] = {
            "name": text_in(self._raw.get("name")),
            "timezone": self.timezone,
            "lateness_ms": self.lateness_ms,
            "history_ms": self.history_ms,
            "duplicates_ms": self.duplicates_ms,
            "holdout": share_in(self._raw.get("holdout", 0)),
            "caps": self.caps,
            "duplicate_persons": self.duplicate_persons,
            "identity": self.identity,
            "survivorship": self.survivorship,
        }
        version = version_of(values, segments, campaigns, changes_events(tracking), self.clean, self.topics)
        return Plan(
            **values,
            segments=segments,
            campaigns=campaigns,
            version=version,
            tracking=tracking,
            clean=self.clean,
            profiles=self._raw.get("profiles") in (True, "on"),
            topics=self.topics,
        )

    def _find(self, path: Path, text: str, *, key: bool = False) -> None:
        self._reading.find("plan.yaml", self._tree.key(path) if key else self._tree.at(path), text)

    def _duration(self, key: str, default: str) -> int:
        return self._reading.duration("plan.yaml", self._tree, (key,), self._raw.get(key, default), least=0)

    def _switch(self, key: str, default: str) -> int | None:
        text = self._raw.get(key, default)
        if text is False or text in ("none", "off"):
            return None
        return self._reading.duration("plan.yaml", self._tree, (key,), text)

    def _timezone(self) -> str:
        name = self._raw.get("timezone", "UTC")
        if isinstance(name, str) and name != "UTC" and name not in _timezones():
            hint = nearest(name, _timezones())
            place = self._tree.at(("timezone",))
            self._reading.find("plan.yaml", place, f"`timezone` must be a zone such as Europe/Berlin; got {shortened(name)}{hint}")
        return text_in(name)

    def _duplicate_persons(self) -> DuplicatePersons | None:
        raw = self._raw.get("duplicate_persons", "off")
        raw = {} if raw == "review" else raw
        if not isinstance(raw, dict):
            return None
        review, merge = (None if name not in raw else _chance(raw[name]) for name in ("review", "merge"))
        review = REVIEW_AT if review is None else review
        if merge is not None and merge < review:
            place = self._tree.at(("duplicate_persons", "merge"))
            self._reading.find("plan.yaml", place, f"`merge` must be no less than `review`; got {merge:.6g} and {review:.6g}")
        return DuplicatePersons(review, merge)

    def _identity(self) -> Identity | None:
        raw = self._raw.get("identity", {})
        if raw is False or raw == "off":
            return None
        limits, blocked = mapping_in(raw, "limits") or {}, raw.get("blocked") if isinstance(raw, dict) else None
        most = {rank: limits.get(name) for name, rank in RANKS.items()}
        patterns = blocked if isinstance(blocked, list) else []
        for i, pattern in enumerate(patterns):
            try:
                blocked_by([pattern])
            except ValueError:
                place = self._tree.at(("identity", "blocked", i))
                self._reading.find("plan.yaml", place, f"a blocked value must be a pattern that RE2 takes; got {shortened(pattern)}")
            except TypeError:
                # That it must be a text is found by the model.
                return Identity()
        known = {rank: number for rank, number in most.items() if isinstance(number, int)}
        return Identity({**LIMITS, **known}, tuple(patterns))

    def _clean(self) -> CleanPlan | None:
        country, traits = self._raw.get("country"), self._raw.get("clean", {})
        if isinstance(country, str) and country not in countries():
            hint = nearest(country, countries()) if len(country) == 2 else ""
            place = self._tree.at(("country",))
            self._reading.find(
                "plan.yaml", place, f"`country` must be two letters of ISO 3166-1, such as DE; got {shortened(country)}{hint}"
            )
        if not isinstance(traits, dict):
            return None
        kinds: dict[str, Any] = {name: "off" if kind is False else kind for name, kind in traits.items()}
        expected = tuple(name for name, kind in kinds.items() if kind != "off")
        return CleanPlan({**CLEANED_TRAITS, **kinds}, expected, country if isinstance(country, str) else None)

    def _caps(self) -> Iterable[Cap]:
        caps = self._raw.get("caps")
        for i, cap in enumerate(caps if isinstance(caps, list) else []):
            if isinstance(cap, dict):
                within = self._reading.duration("plan.yaml", self._tree, ("caps", i, "within"), cap.get("within"))
                yield Cap(cap["most"] if isinstance(cap.get("most"), int) else 1, within)

    def _topics(self) -> Iterable[Topic]:
        for id, entry in (mapping_in(self._raw, "topics") or {}).items():
            if not re.fullmatch(CAMPAIGN_ID[1:-1], id):
                place = self._tree.key(("topics", id))
                self._reading.find("plan.yaml", place, f"the id of a topic must be like 'newsletter' (a-z, 0-9, _, -); got {shortened(id)}")
            told = entry if isinstance(entry, dict) else {}
            yield Topic(id, text_in(told.get("title")), told.get("consent") != "none")


def version_of(
    values: dict[str, Any],
    segments: tuple[Segment, ...],
    campaigns: tuple[Campaign, ...],
    tracking: Any,
    clean: CleanPlan | None,
    topics: tuple[Topic, ...],
) -> str:
    """16 hex digits of a hash over everything that can change an outcome; titles cannot."""
    duplicates: DuplicatePersons | None = values["duplicate_persons"]
    identity: Identity | None = values["identity"]
    told = {
        **{name: value for name, value in values.items() if name not in ("duplicate_persons", "survivorship")},
        "caps": [(cap.most, cap.within_ms) for cap in values["caps"]],
        "identity": None if identity is None else [sorted(identity.limits.items()), identity.blocked],
        "segments": [(segment.id, meaning(segment.when)) for segment in segments],
        "campaigns": [
            (c.id, c.on, c.segment, c.events, c.where and canonical(c.where), c.key, c.re_enter, c.holdout, c.state, [*map(repr, c.steps)])
            + ((c.existing,) if c.existing else ())
            + (({"topic": c.topic.id},) if c.topic is not None else ())
            for c in campaigns
        ],
    } | ({"tracking": tracking} if tracking else {})
    if duplicates is not None:
        told["duplicate_persons"] = [duplicates.review, duplicates.merge]
    if values["survivorship"]:
        told["survivorship"] = sorted(values["survivorship"].items())
    if clean != CleanPlan():
        told["clean"] = None if clean is None else (sorted(clean.kinds.items()), clean.country)
    if topics:
        told["topics"] = {topic.id: topic.required for topic in topics}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _chance(value: Any) -> float | None:
    try:
        return chance(value)
    except ValueError:
        return None


@cache
def _timezones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))
