"""Persons that an alias makes one, and an unmerge two again: as if it had never been."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.duplicates.watch import read_candidates
from operators.identity.resolve import linked_in
from operators.lane.history import read_history
from operators.lane.keys import META, PERSONS, PERSONS_END, Meta
from operators.lane.store import Store
from schemas.person import Person
from tests.harness import STEPS, Crash, Run, make_plan, run_engine
from tests.strategies import BASE_MS, batch_sizes, lines, segments, stamp

SECOND = 1000
RULES = {"fresh": "did('A', within='1m')", "twice": "count('A') >= 2", "vip": "trait.tier == 'gold'"}


def record(at: float, kind: str = "A", user: str = "", anonymous: str = "", id: str = "", **more: Any) -> dict[str, Any]:
    """A track of that name, or an identify with these traits, some seconds after the start."""
    made: dict[str, Any] = {"messageId": id or f"{kind}{at:g}", "timestamp": stamp(round(at * SECOND))}
    made |= {"type": "identify", "traits": more} if kind == "identify" else {"type": "track", "event": kind, "properties": more}
    return made | ({"userId": user} if user else {}) | ({"anonymousId": anonymous} if anonymous else {})


def says(kind: str, at: float, user: str, previous: str, id: str = "", **more: Any) -> dict[str, Any]:
    """An alias or unmerge."""
    return {
        "type": kind,
        "userId": user,
        "previousId": previous,
        "messageId": id or f"{kind}{at:g}",
        "timestamp": stamp(round(at * SECOND)),
    } | more


def ran(given: Sequence[dict[str, Any]], rules: dict[str, str] = RULES, **more: Any) -> Run:
    settings = more.pop("settings", {})
    return run_engine(make_plan(rules, **settings), [json.dumps(each).encode() for each in given], **more)


def came(run: Run) -> list[tuple[Any, ...]]:
    return [((t - BASE_MS) / SECOND, *rest) for t, *rest in run.transitions]


def rows(store: Store) -> dict[str, Person]:
    found = [msgspec.msgpack.decode(value, type=Person) for _, value in store.scan(PERSONS, PERSONS_END, 10_000)]
    return {p.id: p for p in found}


def persons(store: Store) -> dict[str, Person]:
    return {id: p for id, p in rows(store).items() if p.to is None}


def number_of_persons(run: Run) -> int:
    raw = run.store.get(META)
    assert raw is not None
    return msgspec.msgpack.decode(raw, type=Meta).persons


TWO = [record(0, user="v"), record(1, "identify", "v", tier="gold"), record(2, user="u"), says("alias", 3, "u", "v")]


def test_an_alias_makes_one_of_two() -> None:
    run = ran(TWO)
    assert came(run) == [
        (0, "v", "entered", "fresh", "A0"),
        (1, "v", "entered", "vip", "identify1"),
        (2, "u", "entered", "fresh", "A2"),
        (3, "v", "exited", "fresh", "alias3"),
        (3, "v", "exited", "vip", "alias3"),
        (3, "u", "entered", "twice", "alias3"),
        (3, "u", "entered", "vip", "alias3"),
    ]
    p = persons(run.store)["u"]
    assert p.ties is not None
    assert [(each.kind, each.user, each.previous, each.source, each.undone) for each in p.ties.merges] == [
        ("alias", "u", "v", "alias3", None)
    ]
    assert (number_of_persons(run), set(persons(run.store))) == (1, {"u"})


def test_events_of_either_go_to_the_one() -> None:
    run = ran([*TWO, record(4, user="v"), record(5, user="u"), record(6, "A", "v", "phone"), record(7, anonymous="phone")])
    assert persons(run.store)["u"].count == 8
    assert [id for id, _ in read_history(run.store, "u")] == ["A0", "identify1", "A2", "alias3", "A4", "A5", "A6", "A7"]


def test_an_unmerge_gives_both_back_and_says_what_that_changes() -> None:
    run = ran([*TWO, record(4, user="v"), says("unmerge", 4, "u", "v")])
    assert came(run)[7:] == [
        (4, "u", "exited", "twice", "unmerge4"),
        (4, "u", "exited", "vip", "unmerge4"),
        (4, "v", "entered", "fresh", "unmerge4"),
        (4, "v", "entered", "twice", "unmerge4"),
        (4, "v", "entered", "vip", "unmerge4"),
    ]
    assert (number_of_persons(run), set(persons(run.store))) == (2, {"u", "v"})


@pytest.mark.parametrize("again", ["alias", "unmerge"])
def test_a_record_that_comes_again_changes_nothing(again: str) -> None:
    given = [*TWO, says("unmerge", 4, "u", "v")]
    once, twice = ran(given), ran([*given, *(each for each in given if each["type"] == again)])
    assert once.published == twice.published
    assert twice.counts["duplicates"] == 1
    assert persons(once.store) == persons(twice.store)


def test_who_was_parted_can_be_merged_again_by_another_record() -> None:
    assert set(persons(ran([*TWO, says("unmerge", 4, "u", "v"), says("alias", 5, "u", "v")]).store)) == {"u"}


@pytest.mark.parametrize(
    "again", [says("alias", 5, "u", "v"), says("alias", 5, "u", "v", anonymousId="v"), record(5, user="u", anonymous="v")]
)
def test_an_undone_merge_is_kept_once_by_those_who_become_one_again(again: dict[str, Any]) -> None:
    first = [record(0, anonymous="v"), record(1, user="u"), says("alias", 3, "u", "v"), says("unmerge", 4, "u", "v")]
    [p] = persons(ran([*first, again]).store).values()
    assert p.ties is not None
    assert [each.source for each in p.ties.merges if each.undone] == ["alias3"]


def test_an_unmerge_of_those_who_are_not_merged_changes_nothing() -> None:
    for stream in ([*TWO[:3]], [*TWO[:3], record(3, "Login", "u", "phone")]):
        run = ran([*stream, says("unmerge", 9, "u", "v"), says("unmerge", 9, "u", "phone"), says("unmerge", 9, "x", "y")])
        assert persons(run.store) == persons(ran(stream).store)
        assert run.counts["duplicates"] == 3


def test_an_alias_to_an_anonymous_id_of_the_same_record_is_a_link() -> None:
    run = ran([record(0, anonymous="a"), says("alias", 1, "u", "a", anonymousId="a")])
    p = persons(run.store)["u"]
    assert set(linked_in(p).known) == {"a"}
    assert p.ties is not None
    assert p.ties.merges == []


def test_an_id_that_nobody_had_yet_leads_to_the_person_and_goes_again() -> None:
    given = [record(0, user="u"), says("alias", 1, "u", "old"), record(2, user="old")]
    assert persons(ran(given).store)["u"].count == 3
    assert rows(ran([*given[:2], says("unmerge", 3, "u", "old")]).store).keys() == {"u"}
    parted = ran([*given, says("unmerge", 3, "u", "old")])
    assert {id: p.count for id, p in persons(parted.store).items()} == {"u": 1, "old": 1}


def test_a_duplicate_keeps_its_evidence() -> None:
    fields = [{"field": "email", "similarity": 1.0, "weight": 7.5}]
    told = {"kind": "duplicate", "fields": fields}
    p = persons(ran([*TWO[:3], says("alias", 3, "u", "v", properties=told)]).store)["u"]
    assert p.ties is not None
    assert [(each.kind, each.evidence) for each in p.ties.merges] == [("duplicate", {"fields": fields})]


def test_chains_are_named_by_the_last() -> None:
    given = [record(0, user="a"), record(1, user="b"), record(2, user="c"), says("alias", 3, "b", "a"), says("alias", 4, "c", "b")]
    run = ran(given)
    assert {id: p.count for id, p in persons(run.store).items()} == {"c": 5}
    assert {id: p.count for id, p in persons(ran([*given, says("unmerge", 5, "c", "b")]).store).items()} == {"c": 1, "b": 3}
    assert {id: p.count for id, p in persons(ran([*given, says("unmerge", 5, "b", "a")]).store).items()} == {"c": 3, "a": 1}


def test_links_go_on_under_a_merge() -> None:
    given = [
        *TWO,
        record(4, user="v", anonymous="phone"),
        record(5, anonymous="phone"),
        record(6, anonymous="tab"),
        record(7, user="v", anonymous="tab"),
    ]
    run = ran([*given, says("unmerge", 8, "u", "v")])
    never = ran([each for each in given if each["type"] != "alias"])
    assert same(run.store) == same(never.store)


def test_what_one_of_the_merged_has_already_links_nobody() -> None:
    again = record(4, "Login", "u", "tab", id="A0")
    run = ran([*TWO, again, record(5, anonymous="tab")])
    assert {id: p.count for id, p in persons(run.store).items()} == {"u": 5 - 1, "tab": 1}
    assert run.counts["duplicates"] == 1


def test_a_copy_is_there_again_for_whom_it_is_no_copy_alone() -> None:
    given = [*TWO, record(4, user="u", id="A0"), record(5, user="v", id="A0"), record(6, "B", user="u")]
    run = ran([*given, says("unmerge", 7, "u", "v")])
    assert same(run.store) == same(ran([each for each in given if each["type"] != "alias"]).store)
    assert run.counts["duplicates"] == 2


def test_an_unmerge_leaves_the_other_merges_of_the_same_person_with_it() -> None:
    given = [says("alias", 0, "u", "a"), says("alias", 1, "v", "a"), record(2, "B", "u", "a"), says("unmerge", 3, "v", "a")]
    run = ran(given)
    assert [id for id, _ in read_history(run.store, "u")] == ["alias0", "B2"]
    assert set(persons(run.store)) == {"u"}


@pytest.mark.parametrize(("user", "previous"), [("c", "a"), ("c", "b"), ("b", "a")])
def test_those_who_stay_merged_are_as_if_the_one_merge_had_never_been(user: str, previous: str) -> None:
    first = {"b": says("alias", 13, "b", "a"), "c": says("alias", 13, "c", "a")}[user if previous == "a" else "c"]
    then = says("alias", 16, "c", "b")
    before, between, after = (
        [record(at + each, user=id) for each, id in enumerate(ids, 1)] for at, ids in ((0, "cbabca"), (13, "ab"), (16, "cbabca"))
    )
    undone = then if previous == "b" else first
    every = [*before, first, *between, then, *after]
    never = ran([each for each in every if each is not undone])
    run = ran([*every, says("unmerge", 30, undone["userId"], undone["previousId"])])
    assert same(run.store) == same(never.store)
    assert len(persons(run.store)) == 2


def test_who_were_linked_since_are_as_if_they_had_never_been_merged() -> None:
    given = [*TWO[:3], record(3, anonymous="a"), says("alias", 4, "v", "a"), record(5, anonymous="a"), record(6, "Login", "v", "a")]
    run = ran([*given, says("unmerge", 7, "v", "a")])
    assert same(run.store) == same(ran([each for each in given if each["type"] != "alias"]).store)


@pytest.mark.parametrize("settings", [{"history": "none"}, {"duplicates": "off"}, {"history": "none", "duplicates": "off"}])
def test_with_less_history_it_works_as_far_as_that_goes(settings: dict[str, Any]) -> None:
    run = ran([*TWO, record(4, user="v"), says("unmerge", 5, "u", "v"), record(6, user="v"), record(7, user="u")], settings=settings)
    assert set(persons(run.store)) == {"u", "v"}
    if settings.get("history") != "none":
        assert same(run.store) == same(
            ran([*TWO[:3], record(4, user="v"), record(6, user="v"), record(7, user="u")], settings=settings).store
        )


# --- as if it had never been --------------------------------------------------------------------------------------------------------------


def same(store: Store) -> dict[str, Any]:
    """Of each person all that is not told by what it was sent, but for the clock, which an unmerge moves; and its history, but for the
    places in the log."""
    found = {}
    for id, p in persons(store).items():
        history = [(name, msgspec.structs.replace(each, came=-1, number=0, joined=False)) for name, each in read_history(store, id)]
        found[id] = (p.count, p.members, p.slots, p.traits, p.entered, sorted(p.heap), p.rank, linked_in(p).known.keys(), history)
    return found


IDS: tuple[dict[str, str], ...] = (
    {"userId": "u"},
    {"userId": "v"},
    {"userId": "u", "anonymousId": "a"},
    {"userId": "v", "anonymousId": "b"},
    {"anonymousId": "a"},
    {"anonymousId": "b"},
    {"anonymousId": "c"},
    {"userId": "v", "anonymousId": "c"},
)


def with_ids(given: list[bytes], ids: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """The records that can be read, with these ids in turn, each with a messageId of its own."""
    found: list[dict[str, Any]] = []
    for line in given:
        try:
            made = json.loads(line)
        except ValueError:
            continue
        if isinstance(made, dict) and made.get("type") in ("track", "identify", "page") and isinstance(made.get("timestamp"), str):
            made = {key: made[key] for key in ("type", "event", "properties", "traits", "name", "timestamp") if made.get(key) is not None}
            if isinstance(made.get("traits"), dict):
                made["traits"].pop("email", None)
            found.append(made | ids[len(found) % len(ids)] | {"messageId": f"m{len(found)}"})
    return found


STREAMS = st.builds(with_ids, lines(30), st.lists(st.sampled_from(IDS), min_size=1, max_size=12))
SETTINGS = st.fixed_dictionaries({"duplicates": st.sampled_from(["7d", "off"]), "lateness": st.sampled_from(["10s", "0s"])})


@given(segments(4), STREAMS, SETTINGS, st.integers(1, 30), st.integers(0, 30), batch_sizes())
def test_an_unmerge_leaves_all_as_if_nobody_had_been_merged(
    rules: dict[str, str], stream: list[dict[str, Any]], settings: dict[str, Any], first: int, later: int, sizes: list[int]
) -> None:
    """Whatever was linked meanwhile."""
    if not stream or not any(each.get("userId") == "v" for each in stream[:first]):
        return
    at = stream[min(first, len(stream)) - 1]["timestamp"]
    alias = {"type": "alias", "userId": "u", "previousId": "v", "messageId": "alias", "timestamp": at}
    merged = [*stream[:first], alias, *stream[first : first + later]]
    parted = ran(
        [*merged, alias | {"type": "unmerge", "messageId": "back"}, *stream[first + later :]], rules, settings=settings, batches=sizes
    )
    never = ran(stream, rules, settings=settings)
    assert same(parted.store) == same(never.store), f"{rules}\n{merged}"


@given(
    segments(4),
    STREAMS,
    st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(["alias", "unmerge"]), st.sampled_from("uvabcx"), st.sampled_from("uvabcx")),
        max_size=5,
    ),
    batch_sizes(),
    st.builds(Crash, st.integers(0, 5), st.sampled_from(STEPS)),
)
def test_neither_batches_nor_crashes_make_a_difference(
    rules: dict[str, str], stream: list[dict[str, Any]], said: list[tuple[int, str, str, str]], sizes: list[int], crash: Crash
) -> None:
    if not stream:
        return
    given = list(stream)
    for number, (place, kind, user, previous) in enumerate(said):
        at = given[min(place, len(given) - 1)]["timestamp"]
        given.insert(place, {"type": kind, "userId": user, "previousId": previous, "messageId": f"said{number}", "timestamp": at})
    whole, broken = ran(given, rules), ran(given, rules, batches=sizes, crash=crash, rewind=2)
    assert whole.published == broken.published
    assert whole.store.scan(b"p", b"q", 1000) == broken.store.scan(b"p", b"q", 1000)
    assert whole.store.scan(b"h", b"i", 1000) == broken.store.scan(b"h", b"i", 1000)
    assert number_of_persons(whole) == len(persons(whole.store))


SOON = {"soon": "did('A', within='1s')"}


@pytest.mark.parametrize("other", [[record(0, user="v")], []], ids=["known", "unknown"])
def test_what_is_due_before_an_unmerge_happens_first(other: list[dict[str, Any]]) -> None:
    mine = record(0, "B", user="u") if other else record(0, user="u")
    given = [mine, *other, says("alias", 0.001, "u", "v"), says("unmerge", 5, "u", "v"), record(6, "B", user="u")]
    last = [(time, *rest) for time, *rest in came(ran(given, SOON)) if time > 0.001]
    assert [each[:4] for each in last] == [(1.0, "u", "exited", "soon")]


@pytest.mark.parametrize(("at", "parted"), [(1.0, ["u exited", "v entered"]), (1.001, ["u exited"])], ids=["in time", "over"])
def test_the_parts_are_as_they_are_at_the_unmerge(at: float, parted: list[str]) -> None:
    given = [record(0.001, "B", user="u"), record(0.001, user="v"), says("alias", 0.5, "u", "v"), says("unmerge", at, "u", "v", "m")]
    run = ran(given, SOON)
    assert [f"{person} {kind}" for time, person, kind, *_, cause in came(run) if (time, cause) == (at, "m")] == parted


KARLA = {"firstName": "Karla", "lastName": "Quint", "birthday": "1990-01-01"}
LOOKING = {"duplicate_persons": {"review": 0.6, "merge": 0.99}}


def named(at: float, user: str) -> dict[str, Any]:
    return record(at, "identify", user, **KARLA)


@pytest.mark.parametrize("decided", ["parted", "refused"])
def test_two_who_are_two_are_not_made_one_by_way_of_a_third(decided: str) -> None:
    first = [named(0, "u1"), named(1, "u2")]
    if decided == "parted":
        given, settings = [*first, says("unmerge", 2, "u1", "u2")], LOOKING
    else:
        given, settings = [record(2, "Duplicate Refused", "u1", other="u2"), *first], LOOKING
    assert set(persons(ran(given, settings=settings).store)) == {"u1", "u2"}
    # A third is like both: which of them it is, nobody can tell.
    run = ran([*given, named(5, "u3")], settings=settings)
    assert set(persons(run.store)) == {"u1", "u2", "u3"}
    assert {(each.person, each.other) for each in read_candidates(run.store)} == {("u1", "u3"), ("u2", "u3")}
    # Once it is one of them, it is not the other.
    later = ran([*given, named(5, "u3"), says("alias", 6, "u1", "u3"), named(7, "u3"), named(8, "u2")], settings=settings)
    assert set(persons(later.store)) == {"u1", "u2"}
    assert [each for each in read_candidates(later.store) if "u2" in (each.person, each.other)] == []


def test_who_is_like_one_of_two_is_no_candidate_of_the_other() -> None:
    home: dict[str, Any] = {"address": {"street": "Ring 3", "city": "Bonn", "postalCode": "53111"}}
    tim, tom = home | KARLA | {"firstName": "Tim"}, home | KARLA | {"firstName": "Tom"}
    given = [record(0, "identify", "u1", **tim), record(1, "identify", "u2", **tom), record(2, "Duplicate Refused", "u1", other="u2")]
    run = ran([*given, record(5, "identify", "u3", **tim)], settings=LOOKING)
    assert set(persons(run.store)) == {"u1", "u2"}
    assert read_candidates(run.store) == []
