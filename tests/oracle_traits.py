"""The oracle's part for traits: which of the words that several sources said on a trait counts, from all identify events of a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

ENDINGS = ("_raw", "_verdict")
YES, NO = (True, 1, "1", "yes", "subscribed"), (False, 0, "0", "no", "unsubscribed")
"""What agrees and what refuses, of the values that are drawn."""


class Said(Protocol):
    """An identify event."""

    @property
    def t(self) -> int: ...
    @property
    def arrival(self) -> int: ...
    @property
    def source(self) -> str | None: ...
    @property
    def properties(self) -> dict[str, Any]: ...


def traits_of(events: Iterable[Said], policies: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each trait; `policies` are those of the plan."""
    said: dict[str, list[Said]] = {}
    for event in sorted(events, key=lambda e: (e.t, e.arrival)):
        for name in event.properties:
            said.setdefault(name, []).append(event)
    words = {name: counting(name, said, policies) for name in said}
    return {name: None if word is None else word.properties[name] for name, word in words.items()}


def counting(name: str, said: Mapping[str, Sequence[Said]], policies: Mapping[str, Any]) -> Said | None:
    """The event whose word on a trait counts; None where it is one beside another trait, whose word came without it."""
    of = next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), None)
    if of is None or of not in said:
        return best(name, said[name], policies.get(name))
    word = best(of, said[of], policies.get(of))
    later = [each for each in said[name] if each.source == word.source and (each.t, each.arrival) >= (word.t, word.arrival)]
    return later[-1] if later else None


def best(name: str, said: Sequence[Said], policy: Any) -> Said:
    """Of words in order of time the one that counts."""
    latest = {each.source or "none": each for each in said}
    words = sorted(latest.values(), key=lambda each: (each.t, each.arrival))
    if policy == "strictest":
        return min(reversed(words), key=lambda each: allowed(each.properties[name]))
    listed = [latest[source] for source in policy or () if source in latest]
    for word in listed:
        if word.properties[name] is not None:
            return word
    return ([word for word in words if word not in listed] or words)[-1]


def allowed(value: Any) -> int:
    """How much a value allows: no, who knows, yes."""
    hashable = isinstance(value, str | int | float)
    return 0 if hashable and value in NO else 2 if hashable and value in YES else 1
