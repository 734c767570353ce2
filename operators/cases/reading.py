"""A case while it is read: what its plan knows, where it stands, and the instants that are written in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from operators.cases.moments import is_offset, parse_moment
from operators.language.check import Known, nearest
from operators.language.durations import shortened
from operators.plan.checked import Plan
from operators.plan.yaml_tree import Path, Place, Tree
from schemas.errors import Finding
from schemas.plan import PlanModel


class Reading(Protocol):
    """The reading of a plan, as far as its cases need it. `ids` are those of the segments, None where they could not be read."""

    files: Mapping[str, str]
    findings: list[Finding]
    ids: dict[str, None] | None
    known: Known

    def find(self, file: str, place: Place, text: str) -> None:
        """Notes a finding."""

    def tree(self, file: str) -> Tree:
        """The tree of a file, whose findings are noted."""

    def validate(self, file: str, tree: Tree, model: type[PlanModel], value: Any, path: Path) -> None:
        """Notes what a model finds in a value that stands at `path`."""


@dataclass(slots=True)
class CaseReading:
    """`path` is that of the case in the tree of its file; paths given to the methods go on from there."""

    reading: Reading
    plan: Plan
    file: str
    tree: Tree
    path: Path
    zone: ZoneInfo
    start_ms: int = 0
    dated: bool = False
    persons: dict[str, None] = field(default_factory=dict)

    def find(self, path: Path, text: str, *, key: bool = False) -> None:
        """Notes a finding about the value at `path`, or about its key."""
        whole = (*self.path, *path)
        self.reading.find(self.file, self.tree.key(whole) if key else self.tree.at(whole), text)

    def validate(self, model: type[PlanModel], value: Any, path: Path) -> bool:
        """Notes what a model finds in a value; true where that is nothing."""
        before = len(self.reading.findings)
        self.reading.validate(self.file, self.tree, model, value, (*self.path, *path))
        return len(self.reading.findings) == before

    def moment(self, path: Path, text: Any) -> int | None:
        """The instant that is written at `path`; None where it is none, which is noted."""
        if not isinstance(text, str):
            return None
        try:
            ms = parse_moment(text, self.start_ms, self.zone)
        except ValueError as error:
            self.find(path, str(error))
            return None
        self.dated = self.dated or not is_offset(text)
        return ms

    def one_of(self, path: Path, must: str, name: str, known: Collection[str] | None, *, key: bool = False) -> None:
        """Notes a name that is not known; where nothing is known of the names, any is taken."""
        if known is not None and name not in known:
            self.find(path, f"{must}; got {shortened(name)}{nearest(name, known)}", key=key)


def got(value: Any) -> str:
    """What a value is, for a finding."""
    kinds = {dict: "a mapping", list: "a list", bool: str(value).lower(), type(None): "nothing", str: shortened(str(value))}
    return kinds.get(type(value)) or shortened(str(value))[1:-1]


def listing(names: Iterable[str], most: int = 10) -> str:
    """Names for a finding, not too many of them.

    >>> listing(["a", "b", "c"], most=2)
    'a, b, ...'
    """
    told = list(names)
    return ", ".join(name if len(name) <= 100 else f"{name[:97]}..." for name in [*told[:most], *(["..."] if len(told) > most else [])])
