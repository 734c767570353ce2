"""`Survive`: the traits of a person, and which value of one counts where more than one source has spoken of it.

A trait is kept as `[time, value, source]`: the word that counts, its source by its number in the person's `sources`, which is left out
where it is 0: what is known of a person with one source is no longer for it. Where more than one has spoken, two items follow: the latest
words of the others, by arrival, and the place among them of the one that counts.

By default the most recent word counts, of equal times the one that arrived last; a null takes the trait away. `strictest` takes the word
that allows least, a list of sources the first of them that has a value. `<trait>_raw` and `<trait>_verdict` follow the trait: they count
where they came from the source whose word on the trait counts, and not before it.

*Guarantees*: whatever the order in which words arrive, but for those of one time, the same one counts. Of a trait the newest words of
`MOST_WORDS` sources are kept, beside the one that counts and those of the sources that the plan lists; older ones are as if they had never
come.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from operators.clean.companions import RAW, VERDICT, is_companion
from operators.clean.email import email_key
from operators.language.values import key_of
from operators.plan.checked import Survivorship
from operators.strictness import leniency
from operators.tracking.sources import NONE, OTHER
from schemas.event import Event
from schemas.person import Person

MOST_WORDS = 8
"""So many words on a trait are kept of sources that the plan does not list."""
MOST_SOURCES = 50
"""So many sources of a person are told apart; those that are met later are `other`."""

Word = list[Any]
"""Time, value and number of the source of what a source last said."""

MOST_NAMES = 10_000
"""So many names of traits are known by heart."""

_Name = tuple[int, str | None, str, str]
"""Of a name of a trait: the rules that read it, the trait that it would stand beside, and what would stand beside it."""


class Survive:
    """The survivorship of a plan. `masks` are the rules that read a trait, as bits."""

    def __init__(self, policies: Mapping[str, Survivorship], masks: Mapping[str, int]) -> None:
        self._policies, self._masks = policies, masks
        self._names: dict[str, _Name] = {}

    def identify(self, p: Person, event: Event) -> int:
        """Takes the traits of an identify event over; gives the mask of the rules that read one that changed."""
        source = number_of(p, event.source)
        if len(p.sources) < 2:
            return self._alone(p.traits, event.t, event.properties)
        dirty, brought = 0, event.properties
        for name, value in brought.items():
            dirty |= self.take(p, name, event.t, value, source, brought)
        return dirty

    def _alone(self, traits: dict[str, list[Any]], t: int, brought: dict[str, Any]) -> int:
        """What `take` does where a person has one source, as nearly all have."""
        dirty, names = 0, self._names
        for name, value in brought.items():
            mask, of, raw, verdict = names.get(name) or self._name(name)
            if name in traits and t < traits[name][0]:
                continue
            if of is not None and of in traits:
                if t >= traits[of][0]:
                    traits[name] = [t, value]
                    dirty |= mask
                continue
            traits[name] = [t, value]
            dirty |= mask
            if raw in traits and raw not in brought:
                dirty |= self._gone(traits, raw, t)
            if verdict in traits and verdict not in brought:
                dirty |= self._gone(traits, verdict, t)
        return dirty

    def _gone(self, traits: dict[str, list[Any]], beside: str, t: int) -> int:
        """What stands beside a trait of one source goes where it is no younger."""
        if traits[beside][0] > t:
            return 0
        del traits[beside]
        return self._masks.get(beside, 0)

    def inherit(self, p: Person, other: Person, without: Container[tuple[str, int]] = ()) -> int:
        """Takes over what is known of another, whose words arrived later, but for those on these traits at these times; gives the mask of
        the rules that read one that changed."""
        told: dict[int, set[str]] = {}
        for name, kept in other.traits.items():
            for word in words_of(kept):
                if (name, word[0]) not in without:
                    told.setdefault(word[2], set()).add(name)
        dirty = 0
        for name, kept in other.traits.items():
            for t, value, source in words_of(kept):
                if (name, t) not in without:
                    dirty |= self.take(p, name, t, value, number_of(p, source_of(other, source)), told[source])
        return dirty

    def take(self, p: Person, name: str, t: int, value: Any, source: int, brought: Container[str]) -> int:
        """Takes a word on a trait over that is no older than the source's last; `brought` are the traits that came with it. Gives the mask
        of the rules that read what changed."""
        traits = p.traits
        dirty, beside_of, raw, verdict = self._names.get(name) or self._name(name)
        kept, of = traits.get(name), traits.get(beside_of) if beside_of is not None else None
        # A late one does not come behind the back of what the source has said since.
        if of is not None and (of[0] > t or len(of) > 3) and _said(of, source) > t:
            return 0
        if kept is None or (len(kept) < 4 and (kept[2] if len(kept) == 3 else 0) == source):
            if kept is not None and t < kept[0]:
                return 0
            traits[name] = [t, value, source] if source else [t, value]
            if of is not None and (len(of) > 3 or (of[2] if len(of) == 3 else 0) != source):
                self._follow(p, name, of, [[t, value, source]])
        elif not self._contest(p, name, [t, value, source], of):
            return 0
        if of is None and raw in traits:
            dirty |= self._beside(p, name, raw, t, source, brought)
        if of is None and verdict in traits:
            dirty |= self._beside(p, name, verdict, t, source, brought)
        return dirty

    def anew(self, p: Person, names: Iterable[str]) -> int:
        """The words that count of these traits under a changed plan; gives the mask of the rules that read one of them."""
        dirty, traits = 0, p.traits
        for name in names:
            kept = traits.get(name)
            if kept is not None and len(kept) > 3:
                self._choose(p, name, words_of(kept))
                mask, _, *besides = self._name(name)
                dirty |= mask
                for beside in (beside for beside in besides if beside in traits):
                    self._follow(p, beside, traits[name], words_of(traits[beside]))
                    dirty |= self._masks.get(beside, 0)
        return dirty

    def _name(self, name: str) -> _Name:
        """What a name of a trait means."""
        of = next((name[: -len(suffix)] for suffix in (RAW, VERDICT) if name.endswith(suffix)), None)
        if len(self._names) >= MOST_NAMES:
            self._names.clear()
        found = self._names[name] = (self._masks.get(name, 0), of, name + RAW, name + VERDICT)
        return found

    def _contest(self, p: Person, name: str, word: Word, of: list[Any] | None) -> bool:
        """Takes a word over where another source has spoken too; false where it is older than the source's last."""
        words = words_of(p.traits[name])
        for place, other in enumerate(words):
            if other[2] == word[2]:
                if word[0] < other[0]:
                    return False
                del words[place]
                break
        words.append(word)
        if of is not None:
            self._follow(p, name, of, words)
        else:
            self._choose(p, name, words)
        return True

    def _choose(self, p: Person, name: str, words: list[Word]) -> None:
        """Lets that word on a trait count which the plan says."""
        policy = self._policies.get(name)
        listed = [_number(p, source) for source in policy] if type(policy) is tuple else []
        p.traits[name] = _kept(words, choose(words, policy, listed), listed)

    def _follow(self, p: Person, name: str, of: list[Any], words: list[Word]) -> None:
        """Lets that word count which belongs to the one that counts on the trait beside which it stands; none where there is no such."""
        source = of[2] if len(of) > 2 else 0
        place = next((place for place, word in enumerate(words) if word[2] == source), -1)
        p.traits[name] = _kept(words, place, []) if place >= 0 else [of[0], None, source, _bounded(words, None, []), -1]

    def _beside(self, p: Person, name: str, beside: str, t: int, source: int, brought: Container[str]) -> int:
        """What stands beside a trait goes with the word that it came with; gives the mask of the rules that read it."""
        traits = p.traits
        kept = traits[beside]
        if beside in brought and len(kept) < 4 and len(traits[name]) < 4:
            return 0
        words = words_of(kept)
        if beside not in brought:
            words = [word for word in words if word[2] != source or word[0] > t]
        if words:
            self._follow(p, beside, traits[name], words)
        else:
            del traits[beside]
        return self._masks.get(beside, 0)


def number_of(p: Person, source: str | None) -> int:
    """The number of a source with a person, which has it from now on."""
    sources = p.sources
    if not sources:
        if source is None:
            return 0
        if p.traits:
            # What is known already came without a source.
            sources.append(None)
    if source not in sources and len(sources) >= MOST_SOURCES:
        source = OTHER
    if source not in sources:
        sources.append(source)
    return sources.index(source)


def source_of(p: Person, number: int) -> str | None:
    """The source of a number; None where it is not known."""
    return p.sources[number] if number < len(p.sources) else None


def words_of(kept: list[Any]) -> list[Word]:
    """The latest word of each source on a trait, by arrival.

    >>> words_of([5, "gold"]), words_of([5, "gold", 0, [[7, "tin", 1]], 0])
    ([[5, 'gold', 0]], [[5, 'gold', 0], [7, 'tin', 1]])
    """
    own: Word = [kept[0], kept[1], kept[2] if len(kept) > 2 else 0]
    if len(kept) < 4:
        return [own]
    rest, place = kept[3], kept[4]
    # Of what stands beside a trait, there may be none that counts.
    return [*rest] if place < 0 else [*rest[:place], own, *rest[place:]]


def differing(p: Person, name: str) -> list[Word]:
    """What sources say of a trait that is another value than the one that counts, by arrival, each with the name of its source. Spellings
    of one mailbox are one value. What stands beside another trait differs from nothing."""
    kept = p.traits[name]
    if len(kept) < 4 or is_companion(name, p.traits):
        return []
    # What is cleaned as an address has a verdict.
    is_email = name + VERDICT in p.traits

    def same(value: Any) -> str:
        return email_key(value) if is_email and type(value) is str else key_of(value)

    own = None if kept[1] is None else same(kept[1])
    said = [word for word in kept[3] if word[1] is not None and same(word[1]) != own]
    return [[t, value, source_of(p, source)] for t, value, source in said]


def choose(words: list[Word], policy: Survivorship | None, listed: list[int]) -> int:
    """The place of the word that counts, the latest of those that are alike; `listed` are the sources of the policy, by number.

    >>> words = [[5, True, 0], [7, None, 1], [6, False, 2]]
    >>> [choose(words, policy, [1, 0]) for policy in (None, "strictest", ("web", "crm"))]
    [1, 2, 0]
    """

    def latest(places: Iterable[int]) -> int:
        return max(places, key=lambda place: (words[place][0], place))

    places = range(len(words))
    if policy is None:
        return latest(places)
    if policy == "strictest":
        least = min(leniency(value) for _, value, _ in words)
        return latest(place for place in places if leniency(words[place][1]) == least)
    said = {words[place][2]: place for place in places}
    first = next((said[source] for source in listed if source in said and words[said[source]][1] is not None), None)
    if first is not None:
        return first
    return latest([place for source, place in said.items() if source not in listed] or places)


def _number(p: Person, source: str) -> int:
    """The number of a source that a plan names; -1 where the person has no such."""
    wanted = None if source == NONE else source
    return p.sources.index(wanted) if wanted in p.sources else 0 if wanted is None and not p.sources else -1


def _said(kept: list[Any], source: int) -> float:
    """When a source has last spoken of a trait; before all times where it has not."""
    return next((word[0] for word in words_of(kept) if word[2] == source), float("-inf"))


def _kept(words: list[Word], place: int, listed: list[int]) -> list[Any]:
    """The words on a trait as they are kept."""
    counts = words[place]
    t, value, source = counts
    if len(words) == 1:
        return [t, value, source] if source else [t, value]
    words = _bounded(words, counts, listed)
    place = next(place for place, word in enumerate(words) if word is counts)
    return [t, value, source, [*words[:place], *words[place + 1 :]], place]


def _bounded(words: list[Word], counts: Word | None, listed: list[int]) -> list[Word]:
    """The words without the oldest where there are too many."""
    if len(words) <= MOST_WORDS:
        return words
    free = [place for place, word in enumerate(words) if word is not counts and word[2] not in listed]
    gone = sorted(free, key=lambda place: (words[place][0], place))[: max(len(free) - MOST_WORDS, 0)]
    return [word for place, word in enumerate(words) if place not in gone]
