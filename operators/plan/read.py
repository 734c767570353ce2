"""`read_plan`: the files of a plan to one checked value, or all findings at once.

Files come as texts by their path in the plan's folder; nothing is opened here. A finding points at the very place, also inside a rule.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import UnionType
from typing import Any, get_args
from zoneinfo import available_timezones

from pydantic import BaseModel, ValidationError

from operators.cases.checked import Case
from operators.cases.read import is_case_file, read_cases
from operators.clean.countries import countries
from operators.duplicates.find import REVIEW_AT
from operators.forms.form import Form
from operators.identify import blocked_by
from operators.language.canonical import canonical, meaning, version
from operators.language.check import Known, Problem, check, computed_of, nearest, segments_of, unknown_event, unknown_property
from operators.language.claims import settled
from operators.language.durations import parse_duration, shortened, ticked
from operators.language.nodes import Node
from operators.language.parse import parse
from operators.plan.checked import (
    LIMITS,
    Campaign,
    Cap,
    CleanPlan,
    DuplicatePersons,
    Identity,
    Plan,
    Segment,
    Send,
    Step,
    Topic,
    TrackingPlan,
)
from operators.plan.circles import circles_of, depths_of
from operators.plan.collect import read_collect
from operators.plan.forms import read_form
from operators.plan.survivorship import read_survivorship
from operators.plan.tracking import changes_events, read_tracking
from operators.plan.yaml_tree import Path, Place, Tree, read_tree
from schemas.errors import Finding, FindingsError
from schemas.forms import FORM_ID, FormFile
from schemas.person import RANKS
from schemas.plan import CAMPAIGN_ID, CLEANED_TRAITS, MAX_SEGMENTS, SEGMENT_ID, STEP_KINDS, CampaignFile, PlanModel, chance, share
from schemas.plan_files import FILES

NOT_RUN = {"models.yaml": "models"}
"""Files that a plan can have, but that this version does not run: empty ones are taken."""

TOP_FILES = (*(f"{name}.yaml" for name in FILES), *NOT_RUN)
READ_FOLDERS = ("campaigns", "cases", "forms")
MODELS: dict[str, type[PlanModel]] = {"campaigns": CampaignFile, "forms": FormFile}
"""The models of the files in a folder."""

STEPS: dict[str, Callable[[dict[str, Any]], Step]] = {"send": lambda step: Send(step["send"])}
"""How a step becomes part of the plan, by its kind; `schemas.plan.STEP_KINDS` has the same kinds."""


def read_plan(files: Mapping[str, str]) -> Plan:
    """The plan that is written in the files, by relative path; `FindingsError` with all findings, by place, where there are any.

    >>> read_plan({"plan.yaml": "name: shop", "segments.yaml": "segments: {buyers: did('Order Completed')}"}).segments[0].version
    '8b1e0286'
    """
    reading = _Reading(files)
    plan = reading.plan()
    reading.refuse()
    return plan


def read_tested_plan(files: Mapping[str, str]) -> tuple[Plan, tuple[Case, ...]]:
    """The plan with its own tests, the files under cases/; `FindingsError` with all findings of both.

    >>> files = {"plan.yaml": "name: shop", "segments.yaml": "segments: {buyers: did('Order Completed')}"}
    >>> case = "given: [{at: +0s, event: Order Completed}]\\nafter: +0s\\nthen: {members: [buyers]}"
    >>> read_tested_plan({**files, "cases/first.yaml": case})[1][0].name
    'first'
    """
    reading = _Reading(files)
    plan = reading.plan()
    cases = read_cases(reading, plan)
    reading.refuse()
    return plan, cases


@dataclass
class _Reading:
    """A plan while it is read; `findings` are those so far."""

    files: Mapping[str, str]
    findings: list[Finding] = field(default_factory=list)
    ids: dict[str, None] | None = None
    known: Known = field(default_factory=Known)
    tracked: TrackingPlan | None = None
    computed: dict[str, Node | None] = field(default_factory=dict)
    topics: dict[str, Topic] = field(default_factory=dict)

    def plan(self) -> Plan:
        """The plan; worth something only where there are no findings."""
        self.names()
        trees = {file: self.tree(file) for file in self.files if self.is_yaml(file)}
        for file, tree in trees.items():
            self.shape(file, tree)
        settings = _Settings(self, trees.get("plan.yaml", Tree("")))
        self.topics = {topic.id: topic for topic in settings.topics}
        self.known = Known(settings.history_ms, self.tracking(trees.get("tracking.yaml", Tree(""))), self.topics or None)
        segments_tree = trees.get("segments.yaml", Tree(""))
        entries = _mapping(segments_tree.value, "segments")
        self.ids = dict.fromkeys(entries) if entries is not None else None
        self.compute(trees.get("computed.yaml", Tree("")))
        segments = self.segments(segments_tree)
        campaigns = [self.campaign(file, trees[file]) for file in sorted(trees) if file.startswith("campaigns/")]
        collect_tree = trees.get("collect.yaml", Tree(""))
        collect = read_collect(collect_tree.value, self.topics, lambda path, text: self.find("collect.yaml", collect_tree.at(path), text))
        plan = replace(settings.plan(segments, tuple(campaigns), self.tracked), collect=collect)
        forms = [self.form(file, trees[file], plan) for file in sorted(trees) if file.startswith("forms/")]
        return replace(plan, forms=tuple(form for form in forms if form is not None))

    def form(self, file: str, tree: Tree, plan: Plan) -> Form | None:
        """A form; None where its shape is wrong."""
        id = file.removeprefix("forms/").removesuffix(".yaml")
        if not re.fullmatch(FORM_ID[1:-1], id):
            self.find(file, Place(1, 1), f"the file of a form must be named like 'newsletter.yaml' (a-z, 0-9, _, -); got {shortened(id)}")
        return read_form(id, tree.value, plan, lambda path, text: self.find(file, tree.at(path), text))

    def find(self, file: str, place: Place, text: str) -> None:
        """Notes a finding."""
        self.findings.append(Finding(file, place.line, place.column, text))

    def refuse(self) -> None:
        """Raises FindingsError where there are findings."""
        if self.findings:
            raise FindingsError(list(dict.fromkeys(self.findings)))

    # Files

    def is_yaml(self, file: str) -> bool:
        """True for the YAML files that are read here."""
        return file in TOP_FILES or (
            file.startswith(tuple(f"{name}/" for name in MODELS)) and file.endswith(".yaml") and file.count("/") == 1
        )

    def names(self) -> None:
        """Needed files that are not there, and YAML files that nothing reads."""
        for file in filter(self.unread, self.files):
            meant = [
                *TOP_FILES,
                *(f"{folder}/{file.rpartition('/')[2].removesuffix('.yml').removesuffix('.yaml')}.yaml" for folder in READ_FOLDERS),
            ]
            folders = f"{', '.join(READ_FOLDERS[:-1])} or {READ_FOLDERS[-1]}"
            must = f"a YAML file of a plan must be one of {', '.join(TOP_FILES)}, or <id>.yaml in {folders}"
            self.find(file, Place(1, 1), f"{must}; got {shortened(file)}{nearest(file, meant)}")
        for needed in ("plan.yaml", "segments.yaml"):
            if needed not in self.files:
                self.find(needed, Place(1, 1), f"a plan must have the file {needed}; got none")

    def unread(self, file: str) -> bool:
        """True for a YAML file in a place where none is read."""
        if not file.endswith((".yaml", ".yml")) or file.startswith((".", "templates/", "blocks/")) or "/." in file:
            return False
        return not self.is_yaml(file) and not is_case_file(file)

    def tree(self, file: str) -> Tree:
        """The tree of a file, whose findings are noted."""
        tree, findings = read_tree(file, self.files[file])
        self.findings += findings
        if file in NOT_RUN and tree.value:
            self.find(file, tree.at(()), f"{file} must be empty or absent; this version does not run {NOT_RUN[file]}")
        return tree

    def shape(self, file: str, tree: Tree) -> None:
        """Keys and types of a file, by its model."""
        if file in ("computed.yaml", "collect.yaml") and tree.value is None:
            return
        folder, _, _ = file.rpartition("/")
        model = MODELS.get(folder) or FILES.get(file.removesuffix(".yaml"))
        if model is not None and (tree.value is not None or not any(finding.file == file for finding in self.findings)):
            self.validate(file, tree, model, tree.value, ())

    def validate(self, file: str, tree: Tree, model: type[PlanModel], value: Any, path: Path) -> None:
        """What a model finds in a value that stands at `path`."""
        if not isinstance(value, dict):
            self.find(file, tree.at(path), f"{file if not path else 'this'} must be a mapping; got {_got(value)}")
            return
        try:
            model.model_validate(value)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                self.mismatch(file, tree, model, details, path)

    def mismatch(self, file: str, tree: Tree, model: type[PlanModel], details: Any, path: Path) -> None:
        """One error of a model as a finding."""
        loc: Path = tuple(details["loc"])
        name, kind = str(loc[-1]) if loc else "", details["type"]
        if kind == "extra_forbidden":
            keys = _keys_at(model, loc[:-1])
            self.find(file, tree.key((*path, *loc)), f"a key must be one of {', '.join(keys)}; got {shortened(name)}{nearest(name, keys)}")
        elif kind == "missing":
            self.find(file, tree.at((*path, *loc[:-1])), f"`{name}` must be there; got none")
        else:
            self.find(file, tree.at((*path, *loc)), _mismatch(details, ticked(name) if isinstance(loc[-1], str) else f"item {name}"))

    def tracking(self, tree: Tree) -> dict[str, dict[str, Any]] | None:
        """The JSON Schema of each known event, None where there is no tracking plan."""
        read = read_tracking(tree.value)
        if read is None:
            return None
        for wrong in read.wrong:
            self.find("tracking.yaml", tree.key(wrong.path) if wrong.key else tree.at(wrong.path), wrong.text)
        self.tracked = read.plan
        return read.schemas

    # Values

    def duration(self, file: str, tree: Tree, path: Path, text: Any, *, least: int = 1) -> int:
        """The milliseconds of a duration that stands at `path`; `least` is the smallest it can be."""
        if not isinstance(text, str):
            return least
        try:
            ms = parse_duration(text)
        except ValueError as error:
            self.find(file, tree.at(path), str(error))
            return least
        if ms < least:
            self.find(file, tree.at(path), f"`{path[-1]}` must be {'more than 0' if least else '0s or more'}; got {shortened(text)}")
        return ms

    def problems(self, file: str, tree: Tree, path: Path, problems: Iterable[Problem], start: int = 0) -> None:
        """Notes problems of a rule that stands in the value at `path`, from its character `start` on."""
        for problem in problems:
            self.find(file, tree.inside(path, start + problem.at), problem.text)

    # Computed values

    def compute(self, tree: Tree) -> None:
        """The definitions of computed.yaml, those that others take first."""
        file, entries = "computed.yaml", _mapping(tree.value, "computed") or {}
        texts: dict[str, tuple[Path, str]] = {}
        for name, entry in entries.items():
            if not re.fullmatch(SEGMENT_ID[1:-1], name):
                place = tree.key(("computed", name))
                self.find(file, place, f"the name of a computed value must be like 'lead_score' (a-z, 0-9, _); got {shortened(name)}")
            text = entry if isinstance(entry, str) else entry.get("value") if isinstance(entry, dict) else None
            if isinstance(text, str):
                texts[name] = (("computed", name) if isinstance(entry, str) else ("computed", name, "value"), text)
        self.computed = dict.fromkeys(entries)
        drafts = {name: parse(text, self.ids, computed=self.computed)[0] for name, (_, text) in texts.items()}
        refers = {name: sorted(computed_of(node) & texts.keys()) if node is not None else [] for name, node in drafts.items()}
        depths = depths_of(refers)
        self.circles(file, tree, "computed", "computed values", {name: ids for name, ids in refers.items() if name not in depths})
        for name in sorted(texts, key=lambda name: depths.get(name, 0)):
            self.computed[name] = self.rule(file, tree, *texts[name], value=True)

    def circles(self, file: str, tree: Tree, key: str, what: str, refers: Mapping[str, list[str]]) -> None:
        """Notes where things refer to each other in a circle."""
        for circle in circles_of(refers):
            shown = circle if len(circle) <= 10 else [*circle[:5], "...", *circle[-4:]]
            way = " -> ".join(id if len(id) <= 100 else id[:97] + "..." for id in (*shown, circle[0]))
            self.find(file, tree.key((key, circle[0])), f"{what} must not refer to each other in a circle; got {way}")

    # Segments

    def segments(self, tree: Tree) -> tuple[Segment, ...]:
        """The segments in the order of their evaluation."""
        entries = _mapping(tree.value, "segments")
        found: dict[str, Segment] = {}
        sound: dict[str, Path] = {}
        for id, entry in itertools.islice((entries or {}).items(), MAX_SEGMENTS):
            if not re.fullmatch(SEGMENT_ID[1:-1], id):
                place = tree.key(("segments", id))
                self.find("segments.yaml", place, f"the id of a segment must be like 'warm_leads' (a-z, 0-9, _); got {shortened(id)}")
            path: Path = ("segments", id) if isinstance(entry, str) else ("segments", id, "when")
            text = entry if isinstance(entry, str) else entry.get("when") if isinstance(entry, dict) else None
            before = len(self.findings)
            node = self.rule("segments.yaml", tree, path, text)
            if node is not None:
                title = entry.get("title", "") if isinstance(entry, dict) else ""
                found[id] = Segment(id, title, node, version(node))
                sound |= {id: path} if len(self.findings) == before else {}
        order = self.ordered(tree, found)
        # A rule with problems is looked at again when they are mended.
        for id, problem in settled({segment.id: segment.when for segment in order if segment.id in sound}):
            self.problems("segments.yaml", tree, sound[id], [problem])
        return order

    def rule(self, file: str, tree: Tree, path: Path, text: Any, *, value: bool = False) -> Node | None:
        """The checked rule that stands at `path`, None where it has problems; `value` says that it need not be true or false."""
        if not isinstance(text, str):
            return None
        node, problems = parse(text, self.ids, computed=self.computed)
        if node is not None:
            problems = check(node, self.known, text, value=value)
        self.problems(file, tree, path, problems)
        return node

    def ordered(self, tree: Tree, segments: dict[str, Segment]) -> tuple[Segment, ...]:
        """The segments by depth of reference, then by id; circles are noted."""
        refers = {id: sorted(segments_of(segment.when) & segments.keys()) for id, segment in segments.items()}
        depths = depths_of(refers)
        self.circles("segments.yaml", tree, "segments", "segments", {id: ids for id, ids in refers.items() if id not in depths})
        return tuple(sorted(segments.values(), key=lambda segment: (depths.get(segment.id, 0), segment.id)))

    # Campaigns

    def campaign(self, file: str, tree: Tree) -> Campaign:
        """A campaign."""
        id = file.removeprefix("campaigns/").removesuffix(".yaml")
        if not re.fullmatch(CAMPAIGN_ID[1:-1], id):
            self.find(file, Place(1, 1), f"the file of a campaign must be named like 'cart.yaml' (a-z, 0-9, _, -); got {shortened(id)}")
        raw = tree.value if isinstance(tree.value, dict) else {}
        start = _Start(self, file, tree, raw)
        return Campaign(
            id=id,
            title=_text(raw.get("title")),
            on=start.on,
            segment=start.segment,
            events=start.events,
            where=start.where,
            key=start.key,
            re_enter=self.re_enter(file, tree, raw.get("re_enter", "never")),
            holdout=_share(raw.get("holdout", 0)),
            state="draft" if raw.get("state") == "draft" else "live",
            steps=self.steps(file, tree, raw.get("steps")),
            existing=raw.get("existing") is True,
            topic=self.topic(file, tree, raw),
        )

    def re_enter(self, file: str, tree: Tree, text: Any) -> Any:
        """`never`, `always`, or the milliseconds after `after`."""
        if text in ("never", "always") or not isinstance(text, str):
            return text
        if text.startswith("after "):
            return self.duration(file, tree, ("re_enter",), text.removeprefix("after ").strip())
        self.find(file, tree.at(("re_enter",)), f"`re_enter` must be never, always or after <duration>; got {shortened(text)}")
        return "never"

    def topic(self, file: str, tree: Tree, raw: dict[str, Any]) -> Topic | None:
        """What a campaign's mails are about; one that starts for nobody need not say so."""
        name = raw.get("topic")
        if name is None and self.topics and raw.get("state") != "draft":
            self.find(file, tree.at(()), f"`topic` must be there, since plan.yaml has topics: one of {', '.join(self.topics)}; got none")
        if not isinstance(name, str):
            return None
        if name not in self.topics:
            must = "a topic must be one of the `topics` of plan.yaml"
            self.find(file, tree.at(("topic",)), f"{must}; got {shortened(name)}{nearest(name, self.topics)}")
        return self.topics.get(name)

    def steps(self, file: str, tree: Tree, steps: Any) -> tuple[Step, ...]:
        """The steps of a campaign, each told by its one key of `STEP_KINDS`."""
        found = []
        for i, step in enumerate(steps if isinstance(steps, list) else []):
            path: Path = ("steps", i)
            kinds = [key for key in step if key in STEP_KINDS] if isinstance(step, dict) else []
            if len(kinds) != 1:
                hint = nearest(next(iter(step), ""), STEP_KINDS) if isinstance(step, dict) else ""
                got = shortened(", ".join(step), 100)[1:-1] or "nothing" if isinstance(step, dict) else _got(step)
                self.find(file, tree.at(path), f"a step must have one key of {', '.join(STEP_KINDS)}; got {got}{hint}")
                continue
            before = len(self.findings)
            self.validate(file, tree, STEP_KINDS[kinds[0]], step, path)
            if len(self.findings) == before:
                found.append(STEPS[kinds[0]](step))
                self.template(file, tree, (*path, kinds[0]), step.get("send"))
        return tuple(found)

    def template(self, file: str, tree: Tree, path: Path, name: Any) -> None:
        """A step's template, where the plan has templates."""
        names = _templates(self.files)
        if isinstance(name, str) and names and name not in names:
            self.find(file, tree.at(path), f"a template must be one of templates/; got {shortened(name)}{nearest(name, names)}")


class _Settings:
    """plan.yaml, read."""

    def __init__(self, reading: _Reading, tree: Tree) -> None:
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
            "name": _text(self._raw.get("name")),
            "timezone": self.timezone,
            "lateness_ms": self.lateness_ms,
            "history_ms": self.history_ms,
            "duplicates_ms": self.duplicates_ms,
            "holdout": _share(self._raw.get("holdout", 0)),
            "caps": self.caps,
            "duplicate_persons": self.duplicate_persons,
            "identity": self.identity,
            "survivorship": self.survivorship,
        }
        version = _version(values, segments, campaigns, changes_events(tracking), self.clean, self.topics)
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
        return _text(name)

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
        limits, blocked = _mapping(raw, "limits") or {}, raw.get("blocked") if isinstance(raw, dict) else None
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
        for id, entry in (_mapping(self._raw, "topics") or {}).items():
            if not re.fullmatch(CAMPAIGN_ID[1:-1], id):
                place = self._tree.key(("topics", id))
                self._reading.find("plan.yaml", place, f"the id of a topic must be like 'newsletter' (a-z, 0-9, _, -); got {shortened(id)}")
            told = entry if isinstance(entry, dict) else {}
            yield Topic(id, _text(told.get("title")), told.get("consent") != "none")


class _Start:
    """What starts a campaign: its `on`, `where` and `key`."""

    def __init__(self, reading: _Reading, file: str, tree: Tree, raw: dict[str, Any]) -> None:
        self._reading, self._file, self._tree, self._raw = reading, file, tree, raw
        self.on: Any = "event"
        self.segment: str | None = None
        self.events: tuple[str, ...] = ()
        self.where: Node | None = None
        self.key: tuple[str, ...] | None = None
        text = raw.get("on")
        if isinstance(text, str):
            self._read(text)

    def _read(self, text: str) -> None:
        match = re.match(r"\s*(enters|exits|event)\s+(?=\S)", text)
        if match is None:
            word = (text.split() or [""])[0]
            hint = nearest(word, ("enters", "exits", "event"))
            self._find(0, f"`on` must be `enters <segment>`, `exits <segment>` or `event <name>`; got {shortened(text)}{hint}")
            return
        self.on, start = match[1], match.end()
        if self.on == "event":
            self._event(text, start)
            return
        self.segment, ids = text[start:].rstrip(), self._reading.ids
        if ids is not None and self.segment not in ids:
            self._find(start, f"a segment must be one of segments.yaml; got {shortened(self.segment)}{nearest(self.segment, ids)}")
        for key in ("where", "key"):
            if key in self._raw:
                self._reading.find(self._file, self._tree.key((key,)), f"`{key}` must stand with `on: event`; got `on: {self.on}`")

    def _event(self, text: str, start: int) -> None:
        name, where = text[start:], re.search(r"\s+where\s+", text[start:])
        if where is not None:
            name = name[: where.start()]
            self._where(("on",), text[start + where.end() :], start + where.end(), name.strip())
            if "where" in self._raw:
                self._reading.find(self._file, self._tree.key(("where",)), "`where` must be given once; got it here and in `on`")
        self.events = (name.strip(),)
        if self._reading.known.events is not None:
            self._reading.problems(self._file, self._tree, ("on",), unknown_event(start, name.strip(), self._reading.known.events))
        if where is None and isinstance(self._raw.get("where"), str):
            self._where(("where",), self._raw["where"], 0, name.strip())
        if isinstance(self._raw.get("key"), str):
            self._key(self._raw["key"])

    def _where(self, path: Path, text: str, start: int, event: str) -> None:
        self.where, problems = parse(text, where=True)
        if self.where is not None:
            problems = check(self.where, self._reading.known, text, (event,))
        self._reading.problems(self._file, self._tree, path, problems, start)

    def _key(self, text: str) -> None:
        self.key = tuple(text.split("."))
        if not all(self.key):
            place = self._tree.at(("key",))
            self._reading.find(self._file, place, f"`key` must be the name of a property, such as cart_id; got {shortened(text)}")
        elif self._reading.known.events is not None:
            problems = unknown_property(0, self.key, self.events, self._reading.known.events)
            self._reading.problems(self._file, self._tree, ("key",), problems)

    def _find(self, offset: int, text: str) -> None:
        self._reading.find(self._file, self._tree.inside(("on",), offset), text)


# --- small parts ----------------------------------------------------------------------------------------------------------------------


def _version(
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


def _mapping(value: Any, key: str) -> dict[str, Any] | None:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else None


def _templates(files: Mapping[str, str]) -> set[str]:
    """The names of the templates: paths in templates/ without endings, and the folders there."""
    names: set[str] = set()
    for file in files:
        if file.startswith("templates/"):
            *folders, name = file.removeprefix("templates/").split("/")
            names.add("/".join((*folders, name.partition(".")[0])))
            names.update("/".join(folders[: i + 1]) for i in range(len(folders)))
    return names


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _share(value: Any) -> float:
    try:
        return share(value)
    except ValueError:
        return 0.0


def _chance(value: Any) -> float | None:
    try:
        return chance(value)
    except ValueError:
        return None


@cache
def _timezones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _got(value: Any) -> str:
    """What a value is, for a finding."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return shortened(value)
    return shortened(str(value))[1:-1]


_MUST = {
    "string_type": "a string",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "like {pattern}",
    "greater_than_equal": "at least {ge}",
    "string_too_short": "at least {min_length} character long",
    "string_too_long": "at most {max_length} characters long",
    "too_short": "a list with at least {min_length} item",
    "too_long": "at most {max_length} in number",
}


def _mismatch(details: Any, name: str) -> str:
    """The words for an error of a model."""
    context = details.get("ctx", {})
    if details["type"] == "value_error":
        return f"{context['error']}"
    must = _MUST.get(details["type"])
    text = must.format(**context) if must else details["msg"]
    return f"{name} must be {text}; got {_got(details['input'])}"


def _keys_at(model: type[BaseModel], loc: Path) -> list[str]:
    """The keys that the model has at a place."""
    here: Any = model
    for step in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {info.alias or name: info for name, info in here.model_fields.items()}
            here = fields[str(step)].annotation
        else:
            here = get_args(here)[-1]
        while hasattr(here, "__metadata__") or isinstance(here, UnionType):
            here = get_args(here)[0]
    return [info.alias or name for name, info in here.model_fields.items()]
