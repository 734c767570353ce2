"""`Reading`: what the readers of a plan's files share, and small looks at values whose shape may be wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from operators.language.check import Known, Problem
from operators.plan.yaml_tree import Path, Place, Tree
from schemas.plan import share


class Reading(Protocol):
    """A plan while it is read. `ids` are those of the segments, None where they cannot be read."""

    ids: dict[str, None] | None
    known: Known

    def find(self, file: str, place: Place, text: str) -> None:
        """Notes a finding."""

    def duration(self, file: str, tree: Tree, path: Path, text: Any, *, least: int = 1) -> int:
        """The milliseconds of a duration that stands at `path`; `least` is the smallest it can be."""

    def problems(self, file: str, tree: Tree, path: Path, problems: Iterable[Problem], start: int = 0) -> None:
        """Notes problems of a rule that stands in the value at `path`, from its character `start` on."""


def mapping_in(value: Any, key: str) -> dict[str, Any] | None:
    """The mapping that a mapping has there."""
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else None


def text_in(value: Any) -> str:
    """The text; an empty one where it is none."""
    return value if isinstance(value, str) else ""


def share_in(value: Any) -> float:
    """The share; 0 where it is none."""
    try:
        return share(value)
    except ValueError:
        return 0.0
