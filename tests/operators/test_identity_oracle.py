"""The engine's identity against the oracle, on generated plans and streams of people who meet; and against itself.

How many examples: the profiles of `tests/conftest.py` (`--hypothesis-profile=long` for 20,000).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hypothesis import Phase, given, settings

from operators.lane.history import read_history
from operators.lane.memory_store import MemoryStore
from operators.language.canonical import canonical
from operators.language.durations import format_duration
from operators.language.nodes import Prop
from operators.permission import consent, suppression
from operators.plan.checked import Plan
from tests.audited import ids_of, persons_of
from tests.compared import Way, agree, difference, engine_of, oracle_of, plan_of, way
from tests.dice import Dice, drawn
from tests.drawn_identity import merged_in_vain, met, shuffled
from tests.harness import STEPS, Crash, Run
from tests.oracle import Oracle
from tests.oracle_calls import Person, parts, plain
from tests.oracle_consent import consents, suppressed
from tests.strategies import BASE_MS, Scenario

# A failing number is not shrunk: the scenario is made smaller instead.
TOPICS = ("news", "offers")
unshrunk = settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))
# What the oracle looks at too, and each example runs several times.
fewer = settings(unshrunk, max_examples=unshrunk.max_examples // 2)


class Standing(NamedTuple):
    """What is known of a person at the end: segments with the instants of entry, traits, messageIds of the history by time, consents by
    topic, and on which topics nothing is sent."""

    members: dict[str, int]
    traits: dict[str, Any]
    history: list[str]
    consents: dict[str, bool | None]
    suppressed: list[str]


def standings_of(oracle: Oracle) -> dict[str, Standing]:
    """Those of the oracle."""
    return {
        id_: Standing(
            {segment: at - BASE_MS for segment, at in person.entered.items()},
            {name: value for name, value in person.traits().items() if value is not None},
            [event.cause for event in person.events],
            {topic: consents(person.events, topic) for topic in TOPICS},
            [topic for topic in TOPICS if suppressed(person.events, topic, person.traits().get("email"))],
        )
        for id_, person in oracle.persons.items()
    }


def standings_in(run: Run, plan: Plan) -> dict[str, Standing]:
    """Those of the engine, out of its store."""
    names, wanted = ids_of(plan), {segment.id for segment in plan.segments}
    return {
        person.id: Standing(
            {names[no]: at - BASE_MS for no, at in person.members.items() if names[no] in wanted},
            {name: value for name, (_, value, *_) in person.traits.items() if value is not None},
            ["made" if id_.startswith("made-") else id_ for id_, _ in read_history(run.store, person.id)],
            {topic: consent(person.acts, topic)[0] for topic in TOPICS},
            [topic for topic in TOPICS if suppression(person.acts, topic, person.traits.get("email", (0, None))[1]) is not None],
        )
        for person in persons_of(run.store)
    }


def otherwise(scenario: Scenario, run: Run) -> str | None:
    """What the engine did or, as far as its store is still open, holds otherwise than the oracle."""
    oracle = oracle_of(scenario)
    seen = standings_in(run, oracle.plan) if isinstance(run.store, MemoryStore) else None
    return (
        difference(oracle.outcome, run)
        or (None if seen is None else unlike("standing", standings_of(oracle), seen))
        or next(unlike_whys(oracle, run), None)
    )


def unlike(what: str, told: Mapping[str, Any], seen: Mapping[str, Any]) -> str | None:
    wrong = sorted(id_ for id_ in told.keys() | seen.keys() if told.get(id_) != seen.get(id_))
    return f"{what} of {wrong[0]}\noracle: {told.get(wrong[0])}\nengine: {seen.get(wrong[0])}" if wrong else None


def unlike_whys(oracle: Oracle, run: Run) -> Iterator[str]:
    """Calls to which a transition gives another value than the oracle has at that instant."""
    every = [node for segment in oracle.plan.segments for node in parts(segment.when)]
    nodes = {canonical(node): node for node in every if not isinstance(node, Prop)}  # one may read like a call
    persons: dict[str, list[Person]] = defaultdict(list)
    for person in oracle.outcome.seen:
        persons[person.id].append(person)
    for record in run.records:
        if record["type"].startswith("beckon.segment."):
            person = persons[record["subject"]].pop(0)
            for text, shown in record["data"]["why"].items():
                value = person.value(nodes[text])
                if not shows(shown, value):
                    yield f"why of {record['subject']} at {record['time']}: {text}\noracle: {value}\nengine: {shown}"


def shows(shown: Any, value: Any) -> bool:
    """Whether a why shows this value: a duration is a text, and a count may be told only as far as it is kept."""
    if isinstance(value, tuple):
        return bool(shown == format_duration(value[0]))
    if isinstance(shown, str) and shown.startswith(">= ") and not isinstance(value, str):
        return float(value) >= float(shown.removeprefix(">= "))
    return bool(plain(shown) == plain(value))


@unshrunk
@given(drawn(lambda dice: (met(dice), way(dice))))
def test_persons_and_transitions_are_those_of_the_oracle(example: tuple[Scenario, Way]) -> None:
    agree(example[0], lambda each: otherwise(each, example[1].run(each)))


@fewer
@given(drawn(lambda dice: (met(dice), way(dice), Crash(dice.below(7), dice.pick(STEPS)))))
def test_output_is_the_same_to_the_byte_whatever_the_batches_and_crashes(example: tuple[Scenario, Way, Crash]) -> None:
    drawn_, how, crash = example

    def differs(each: Scenario) -> str | None:
        return None if engine_of(each).published == how.run(each, crash=crash).published else f"{how}, {crash}"

    agree(drawn_, differs)


def persons_at_the_end(standings: Mapping[str, Standing]) -> set[tuple[frozenset[str], frozenset[str]]]:
    """The persons, whatever they are called: their events and their segments."""
    return {(frozenset(each.history), frozenset(each.members)) for each in standings.values()}


@fewer
@given(drawn(shuffled))
def test_the_same_links_in_any_order_make_the_same_persons(orders: list[Scenario]) -> None:
    found = [persons_at_the_end(standings_in(engine_of(each), plan_of(each))) for each in orders]
    assert found[1:] == found[:1] * (len(orders) - 1)


@fewer
@given(drawn(merged_in_vain))
def test_merged_and_parted_again_is_as_never_merged(example: tuple[Scenario, Scenario]) -> None:
    merged, never = (standings_in(engine_of(each), plan_of(each)) for each in example)
    assert merged == never, "\n".join(map(str, example))


def test_drawn_streams_have_what_identity_is_made_of() -> None:
    """Fails where they come to be without moves, conflicts, merges, un-merges or blocked values."""
    oracles = [oracle_of(met(Dice(number))) for number in range(100)]
    found = {
        "moves": sum(line[1] not in oracle.persons for oracle in oracles for line in oracle.outcome.transitions),
        "conflicts": sum(len(oracle.outcome.conflicts) for oracle in oracles),
        "merges": sum(len(oracle.known.merges) for oracle in oracles),
        "undone": sum(len(oracle.undone) for oracle in oracles),
        "blocked": sum(reason == "blocked_id" for oracle in oracles for _, reason in oracle.outcome.rejects),
    }
    assert min(found.values()) >= 20, found
