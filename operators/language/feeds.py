"""Where an event finds its slots: by its name, and by the value of a property where that is all a `where` asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from operators.language.canonical import canonical
from operators.language.expressions import Value
from operators.language.nodes import And, Compare, Const, Node, Prop
from operators.language.path_slots import PathSlot
from operators.language.slots import Handler, Slot, TimerSlot, at_path
from schemas.person import Person

Comparison = tuple[tuple[str, ...], str]
"""The events whose properties are compared (none where it is about the person), and the comparison in canonical form."""


@dataclass(slots=True)
class Rule:
    """A compiled segment. `dependents` is the mask of the rules that refer to it, `calls` what `why` shows of it. A `hidden` one is the
    condition of a `held(...)`: members are kept of it as of any other, but nothing is put out."""

    no: int
    id: str
    version: str
    test: Value
    timers: tuple[TimerSlot, ...]
    calls: tuple[tuple[str, Value], ...]
    dependents: int = 0
    hidden: bool = False


@dataclass(slots=True)
class Feed:
    """The slots of one event name.

    `always` without `where`; `filtered` with the test of one; `keyed` by the value of a property, for each `where` that asks for
    `property == 'text'`, alone or among other things: an event looks at the slots of its own value and at no others. `followers` have the
    name in their `after` or `as_`, and come first. `paths` are slots that look at an event under its name. `asked` are the comparisons that
    `keyed` stands for.
    """

    always: list[Handler] = field(default_factory=list)
    filtered: list[tuple[Value, Handler]] = field(default_factory=list)
    keyed: dict[tuple[str, ...], dict[str, Feed]] = field(default_factory=dict)
    followers: list[tuple[Value | None, Handler]] = field(default_factory=list)
    paths: list[PathSlot] = field(default_factory=list)
    asked: dict[tuple[str, ...], set[Comparison]] = field(default_factory=dict)

    def take(self, handler: Handler, where: Node | None, test: Value | None, events: tuple[str, ...]) -> None:
        """Adds a handler of these events where its `where` says; `test` is the closure of it."""
        if where is None or test is None:
            self.always.append(handler)
            return
        match where:
            case And(items):
                parts, place = items, "filtered"
            case _:
                parts, place = (where,), "always"
        for part in parts:
            match part:
                case Compare("==", Prop(path), Const(str() as text)) | Compare("==", Const(str() as text), Prop(path)):
                    self.asked.setdefault(path, set()).add((events, canonical(part)))
                    feed = self.keyed.setdefault(path, {}).setdefault(text, Feed())
                    if place == "always":
                        feed.always.append(handler)
                    else:
                        feed.filtered.append((test, handler))
                    return
        self.filtered.append((test, handler))

    def merge(self, other: Feed) -> None:
        """Takes over the slots of another feed, each once."""
        lists: tuple[tuple[list[Any], list[Any]], ...] = (
            (self.always, other.always),
            (self.filtered, other.filtered),
            (self.followers, other.followers),
            (self.paths, other.paths),
        )
        for mine, theirs in lists:
            mine.extend(each for each in theirs if each not in mine)
        for path, values in other.keyed.items():
            for text, inner in values.items():
                self.keyed.setdefault(path, {}).setdefault(text, Feed()).merge(inner)
        for path, comparisons in other.asked.items():
            self.asked.setdefault(path, set()).update(comparisons)


@dataclass(slots=True)
class Rules:
    """All segments of a plan, compiled. `birth` is the mask of the rules that can hold for a person of whom nothing is known, `consents` of
    those that read a consent; `about` gives, by segment and event name, the slots that keep the latest event that the segment is about,
    `look` the closure that tells what a part of a rule gives, as `why` tells it of calls. `mismatched` counts the comparisons of two kinds
    that were made."""

    rules: list[Rule] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    feeds: dict[str, Feed] = field(default_factory=dict)
    named: dict[str, Feed] = field(default_factory=dict)
    stars: dict[str, Feed] = field(default_factory=dict)
    traits: dict[str, int] = field(default_factory=dict)
    about: dict[str, list[tuple[str, Slot]]] = field(default_factory=dict)
    birth: int = 0
    consents: int = 0
    mismatched: Counter[Comparison] = field(default_factory=Counter)
    look: Callable[[Node], Value] = field(init=False)

    def feed(self, name: str) -> Feed:
        """The slots of an event name: its own, and those of the stars that it begins with."""
        feed = self.feeds.get(name)
        if feed is None:
            if len(self.feeds) > len(self.named) + _MOST_NAMES:
                self.feeds = dict(self.named)
            feed = self.feeds[name] = self._starred(name, _NOTHING)
        return feed

    def looks_at(self, name: str) -> bool:
        """True where there is a slot for events of this name."""
        feed = self.feed(name)
        return bool(feed.always or feed.filtered or feed.keyed or feed.followers)

    def settle_feeds(self) -> None:
        """Called once, when all slots are known: names that stars begin take over their slots."""
        for name, feed in list(self.feeds.items()):
            self.feeds[name] = self._starred(name, feed)
        self.named = dict(self.feeds)

    def _starred(self, name: str, own: Feed) -> Feed:
        starred = [feed for prefix, feed in self.stars.items() if name.startswith(prefix)]
        if not starred and not own.paths:
            return own
        feed = Feed()
        for each in (own, *starred):
            feed.merge(each)
        feed.always.extend(slot.at(name) for slot in feed.paths)
        return feed


def bring(  # noqa: C901 - each event comes here, and a call costs as much as most of these branches
    rules: Rules, p: Person, name: str, t: int, n: int, properties: dict[str, Any], now: int
) -> int:
    """Brings the `n`-th event of a person into the slots that look at it; gives the mask of the rules whose truth may have changed."""
    feed, dirty = rules.feed(name), 0
    # An event is never after itself: where it is the last of `after`, nothing up to it is kept, itself included.
    for test, follow in feed.followers:
        if test is None or test(properties, now) is True:
            dirty |= follow(p, t, n, properties, now)
    for add in feed.always:
        dirty |= add(p, t, n, properties, now)
    for test, add in feed.filtered:
        if test(properties, now) is True:
            dirty |= add(p, t, n, properties, now)
    for path, values in feed.keyed.items():
        value = properties.get(path[0]) if len(path) == 1 else at_path(properties, path)
        if type(value) is not str:
            if value is not None:
                rules.mismatched.update(feed.asked[path])
            continue
        its = values.get(value)
        if its is not None:
            for add in its.always:
                dirty |= add(p, t, n, properties, now)
            for test, add in its.filtered:
                if test(properties, now) is True:
                    dirty |= add(p, t, n, properties, now)
    return dirty


_NOTHING = Feed()
_MOST_NAMES = 10_000
"""Names that no rule writes out are remembered up to this number."""
