"""`read_survivorship`: the plan's `survivorship`, read; what its models cannot tell is noted."""

from __future__ import annotations

from typing import Any, Protocol

from operators.clean.companions import is_companion
from operators.plan.checked import CleanPlan, Survivorship
from operators.plan.yaml_tree import Path
from operators.tracking.sources import source_named


class Find(Protocol):
    """Notes a finding in what stands at a path, or in its key."""

    def __call__(self, path: Path, text: str, *, key: bool = False) -> None: ...


def read_survivorship(raw: Any, clean: CleanPlan | None, find: Find) -> dict[str, Survivorship]:
    """What is said for each trait, but for those for which it is the default; worth something only where there are no findings."""
    found: dict[str, Survivorship] = {}
    entries: dict[str, Any] = raw if isinstance(raw, dict) else {}
    known = {*entries, *(clean.kinds if clean is not None else ())}
    for name, policy in entries.items():
        if is_companion(name, known):
            of = name.rpartition("_")[0]
            find(("survivorship", name), f"survivorship must be said for a trait; {name} follows {of}, beside which it stands", key=True)
        if policy == "strictest":
            found[name] = "strictest"
        elif isinstance(policy, list) and all(isinstance(source, str) for source in policy):
            found[name] = tuple(policy)
            _sources(name, policy, find)
    return found


def _sources(name: str, sources: list[str], find: Find) -> None:
    """Notes what is no source, and what comes twice."""
    for i, source in enumerate(sources):
        if source in sources[:i]:
            find(("survivorship", name, i), f"a source must be listed once; got {source!r:.60} again")
        elif not source or source_named(source) != source:
            find(("survivorship", name, i), f"a source must be the name of a library as in context.library.name; got {source!r:.60}")
