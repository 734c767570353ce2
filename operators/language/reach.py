"""`reach_of`: how far back a rule looks."""

from __future__ import annotations

from dataclasses import dataclass

from operators.language.calls import CALLS
from operators.language.nodes import Call, Computed, Node, walk


@dataclass(frozen=True, slots=True)
class Reach:
    """`window_ms` is the longest window of a rule, 0 where it has none. `whole` says that it also looks at the whole history. `segments`
    are those that it refers to."""

    window_ms: int
    whole: bool
    segments: frozenset[str]


def reach_of(rule: Node) -> Reach:
    """How far back the calls of a rule look, computed values and conditions that are held included.

    >>> from operators.language.parse import rule
    >>> reach_of(rule("count('A', within='7d') > 1 and did('B', after='A') and segment('c')", ["c"]))
    Reach(window_ms=604800000, whole=True, segments=frozenset({'c'}))
    """
    calls = list(_calls(rule))
    looking = [call for call in calls if call["events"] is not None or call["steps"] is not None]
    reaches = [CALLS[call.name].reach(call) for call in looking]
    # What came before the window says whether there is an event to begin after, and since when a condition holds.
    beyond = any(call["after"] is not None or call["as_"] is not None or call.name in ("held", "score") for call in calls)
    segments = frozenset(call["id"] for call in calls if call["id"] is not None)
    return Reach(max(reaches, default=0), beyond or 0 in reaches, segments)


def _calls(rule: Node) -> list[Call]:
    found: list[Call] = []
    for node, _ in walk(rule):
        if isinstance(node, Call):
            found.append(node)
        elif isinstance(node, Computed):
            found += _calls(node.node)
    return found
