"""`reads_of`: the traits and event properties that a plan's rules look at, and its comparisons, each with its readers.

A reader is a segment or a campaign, by its id. Of an event the empty path stands for the event itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from operators.language.calls.score import scores_of
from operators.language.canonical import canonical
from operators.language.feeds import Comparison
from operators.language.nodes import Call, Compare, Computed, In, Node, On, Prop, Trait, walk
from operators.plan.checked import Plan

Path = tuple[str, ...]
Property = tuple[str, Path]
"""An event, as the rule names it (also a prefix with a star), and the path of a property."""
ADDRESS: Path = ("email",)
"""The trait that every campaign reads."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What is read, each with the ids of its readers, in their order in the plan: segments, then campaigns."""

    traits: dict[Path, list[str]] = field(default_factory=dict)
    properties: dict[Property, list[str]] = field(default_factory=dict)
    comparisons: dict[Comparison, list[str]] = field(default_factory=dict)


def reads_of(plan: Plan) -> Reads:
    """All that the rules of a plan read; a campaign that is a draft reads nothing."""
    reads = Reads()
    for segment in plan.segments:
        _rule(reads, segment.id, segment.when, None)
    for campaign in plan.campaigns:
        if campaign.state == "draft":
            continue
        _note(reads.traits, ADDRESS, campaign.id)
        for event in campaign.events:
            _note(reads.properties, (event, ()), campaign.id)
            if campaign.key is not None:
                _note(reads.properties, (event, campaign.key), campaign.id)
        if campaign.where is not None:
            _rule(reads, campaign.id, campaign.where, campaign.events)
    return reads


def _rule(reads: Reads, reader: str, rule: Node, inside: tuple[str, ...] | None) -> None:
    for node, events in walk(rule, inside):
        match node:
            case Trait(path):
                _note(reads.traits, path, reader)
            case Prop(path):
                for event in events or ():
                    _note(reads.properties, (event, path), reader)
            case Compare() | In():
                _note(reads.comparisons, (events or (), canonical(node)), reader)
            case Computed(_, definition):
                _rule(reads, reader, definition, None)
            case On(names):
                _events(reads, reader, names)
            case Call("score"):
                _rule(reads, reader, scores_of(node["model"]), None)
            case Call():
                names = node["events"] or ()
                _events(reads, reader, names, node["property"], node["same"])
                _events(reads, reader, node["as_"].events if node["as_"] is not None else (), node["same"])


def _events(reads: Reads, reader: str, names: tuple[str, ...], *paths: Path | None) -> None:
    for name in names:
        for path in ((), *paths):
            if path is not None:
                _note(reads.properties, (name, path), reader)


def _note(place: dict[Any, list[str]], key: Any, reader: str) -> None:
    readers = place.setdefault(key, [])
    if reader not in readers:
        readers.append(reader)
