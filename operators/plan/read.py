"""`read_plan`: the files of a plan to one checked value, or all findings at once.

Files come as texts by their path in the plan's folder; nothing is opened here. A finding points at the very place, also inside a rule.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from operators.cases.checked import Case
from operators.cases.read import is_case_file, read_cases
from operators.forms.form import Form
from operators.language.canonical import version
from operators.language.check import Known, Problem, check, computed_of, nearest, segments_of
from operators.language.claims import settled
from operators.language.durations import parse_duration, shortened
from operators.language.nodes import Node
from operators.language.parse import parse
from operators.plan.checked import (
    Campaign,
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
from operators.plan.reading import mapping_in, share_in, text_in
from operators.plan.settings import Settings
from operators.plan.shapes import got, misfits
from operators.plan.start import Start
from operators.plan.tracking import read_tracking
from operators.plan.yaml_tree import Path, Place, Tree, read_tree
from schemas.errors import Finding, FindingsError
from schemas.forms import FORM_ID, FormFile
from schemas.plan import CAMPAIGN_ID, MAX_SEGMENTS, SEGMENT_ID, STEP_KINDS, CampaignFile, PlanModel
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


def read_shaped(file: str, text: str, model: type[PlanModel]) -> tuple[Tree, list[Finding]]:
    """The tree of a YAML file that is no part of a plan, and what its text and its model find in it."""
    reading = _Reading({file: text})
    tree = reading.tree(file)
    if not reading.findings:
        reading.validate(file, tree, model, tree.value, ())
    return tree, reading.findings


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
        settings = Settings(self, trees.get("plan.yaml", Tree("")))
        self.topics = {topic.id: topic for topic in settings.topics}
        self.known = Known(settings.history_ms, self.tracking(trees.get("tracking.yaml", Tree(""))), self.topics or None)
        segments_tree = trees.get("segments.yaml", Tree(""))
        entries = mapping_in(segments_tree.value, "segments")
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
        """Notes what a model finds in a value that stands at `path`."""
        for place, text in misfits(tree, model, value, path, file):
            self.find(file, place, text)

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
        file, entries = "computed.yaml", mapping_in(tree.value, "computed") or {}
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
        entries = mapping_in(tree.value, "segments")
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
        start = Start(self, file, tree, raw)
        return Campaign(
            id=id,
            title=text_in(raw.get("title")),
            on=start.on,
            segment=start.segment,
            events=start.events,
            where=start.where,
            key=start.key,
            re_enter=self.re_enter(file, tree, raw.get("re_enter", "never")),
            holdout=share_in(raw.get("holdout", 0)),
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
                told = shortened(", ".join(step), 100)[1:-1] or "nothing" if isinstance(step, dict) else got(step)
                self.find(file, tree.at(path), f"a step must have one key of {', '.join(STEP_KINDS)}; got {told}{hint}")
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


def _templates(files: Mapping[str, str]) -> set[str]:
    """The names of the templates: paths in templates/ without endings, and the folders there."""
    names: set[str] = set()
    for file in files:
        if file.startswith("templates/"):
            *folders, name = file.removeprefix("templates/").split("/")
            names.add("/".join((*folders, name.partition(".")[0])))
            names.update("/".join(folders[: i + 1]) for i in range(len(folders)))
    return names
