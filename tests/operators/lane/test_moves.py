"""History that joins another person's: what comes out, and that neither batches nor crashes make a difference."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.lane.history import read_history
from operators.lane.keys import META, PERSONS, PERSONS_END, Meta
from operators.lane.store import Store
from operators.person import PersonStage
from operators.plan.checked import Plan
from schemas.person import Person
from tests.harness import Crash, Run, make_plan, run_engine
from tests.strategies import BASE_MS, batch_sizes, lines, readable, segments, stamp

SECOND = 1000


def record(
    at: float, kind: str = "A", *, user: str | None = None, anonymous: str | None = None, id: str | None = None, **more: Any
) -> bytes:
    """A track of that name, or an identify with these traits, some seconds after the start."""
    made: dict[str, Any] = {"messageId": id or f"{kind}{at:g}", "timestamp": stamp(round(at * SECOND))}
    made |= {"type": "identify", "traits": more} if kind == "identify" else {"type": "track", "event": kind, "properties": more}
    made |= {name: value for name, value in (("userId", user), ("anonymousId", anonymous)) if value is not None}
    return json.dumps(made).encode()


def came(run: Run) -> list[tuple[float, str, str, str, str]]:
    return [((t - BASE_MS) / SECOND, *rest) for t, *rest in run.transitions]  # type: ignore[misc]  # four texts


def persons(store: Store) -> dict[str, Person]:
    found = [msgspec.msgpack.decode(value, type=Person) for _, value in store.scan(PERSONS, PERSONS_END, 10_000)]
    return {p.id: p for p in found if p.to is None}


RULES = {"fresh": "did('A', within='1m')", "twice": "count('A') >= 2"}
LOGIN = record(20, "Login", user="u", anonymous="a")


def test_a_visitor_who_logs_in_is_another_person_no_more() -> None:
    run = run_engine(make_plan(RULES), [record(0, anonymous="a"), record(10, user="u"), LOGIN, record(90, "B", user="u")])
    assert came(run) == [
        (0, "a", "entered", "fresh", "A0"),
        (10, "u", "entered", "fresh", "A10"),
        (20, "a", "exited", "fresh", "Login20"),
        (20, "u", "entered", "twice", "Login20"),
        (70, "u", "exited", "fresh", "time"),
    ]


def test_a_link_behind_the_clock_of_the_person_is_out_of_order() -> None:
    early = record(5, "Login", user="u", anonymous="a")
    assert run_engine(make_plan(RULES), [record(0, anonymous="a"), record(10, user="u"), early]).counts["out_of_order"] == 1
    assert run_engine(make_plan(RULES), [record(10, anonymous="a"), record(0, user="u"), early]).counts["out_of_order"] == 0


@pytest.mark.parametrize("ids", [{"anonymous": "a"}, {"user": "v"}], ids=["linked", "merged"])
def test_a_repeat_that_moves_brings_no_traits(ids: dict[str, str]) -> None:
    join = json.dumps({"type": "alias", "messageId": "j", "timestamp": stamp(8000), "userId": "u", "previousId": "v"}).encode()
    given = [
        record(5, "identify", **ids, id="first", tier="b", age=3),
        record(6, "A", user="u", id="m"),
        record(7, "identify", **ids, id="m", tier="c", plan="x"),
        record(8, "Login", user="u", anonymous="a") if "anonymous" in ids else join,
    ]
    p = persons(run_engine(make_plan(RULES), given).store)["u"]
    assert {name: kept[1] for name, kept in p.traits.items()} == {"tier": "b", "age": 3}


def test_who_has_no_person_yet_goes_on_under_the_new_name() -> None:
    run = run_engine(make_plan(RULES), [record(0, anonymous="a"), LOGIN, record(90, "B", user="u")])
    assert came(run) == [
        (0, "a", "entered", "fresh", "A0"),
        (20, "a", "exited", "fresh", "Login20"),
        (20, "u", "entered", "fresh", "Login20"),
        (60, "u", "exited", "fresh", "time"),
    ]
    assert persons(run.store)["u"].count == 3


def test_what_was_due_before_happens_before() -> None:
    rules = {"quiet": "since('A') >= '5s'", "loud": "did('B', within='15s')"}
    given = [record(0, anonymous="a"), record(1, "B", user="u"), LOGIN]
    assert came(run_engine(make_plan(rules, lateness="1h"), given)) == [
        (1, "u", "entered", "loud", "B1"),
        (5, "a", "entered", "quiet", "time"),
        (20, "a", "exited", "quiet", "Login20"),
        (16, "u", "exited", "loud", "time"),
        (20, "u", "entered", "quiet", "Login20"),
    ]


def test_a_link_by_a_record_of_the_past_is_looked_at_when_the_latest_has_happened() -> None:
    given = [record(0, "B", user="u"), record(30, anonymous="a"), LOGIN, record(100, "B", user="u")]
    run = run_engine(make_plan(RULES), given)
    assert came(run) == [
        (30, "a", "entered", "fresh", "A30"),
        (30, "a", "exited", "fresh", "Login20"),
        (30, "u", "entered", "fresh", "Login20"),
        (90, "u", "exited", "fresh", "time"),
    ]


def test_an_event_that_both_have_is_one() -> None:
    given = [record(0, anonymous="a", id="m"), record(1, user="u", id="m"), LOGIN]
    run = run_engine(make_plan(RULES), given)
    assert [id for id, _ in read_history(run.store, "u")] == ["m", "Login20"]
    assert "twice" not in {segment for _, _, _, segment, _ in came(run)}


def test_a_record_that_somebody_has_links_nobody() -> None:
    given = [record(0, anonymous="a", id="m"), record(1, user="u"), record(2, user="u", anonymous="a", id="m")]
    run = run_engine(make_plan(RULES), given)
    assert set(persons(run.store)) == {"a", "u"}
    assert run.counts["duplicates"] == 1


def test_traits_go_over_by_their_times() -> None:
    given = [
        record(0, "identify", user="u", tier="old", city="Bonn"),
        record(5, "identify", anonymous="a", tier="new", pet="dog"),
        record(7, "identify", user="u", city="Köln"),
        LOGIN,
    ]
    p = persons(run_engine(make_plan(RULES, history="none"), given).store)["u"]
    assert {name: value for name, (_, value, *_) in p.traits.items()} == {"tier": "new", "city": "Köln", "pet": "dog"}


MAIL = {"on": "enters fresh", "re_enter": "after 1h", "steps": [{"send": "x"}]}
BYE = {"on": "exits fresh", "re_enter": "always", "steps": [{"send": "bye"}]}


def test_caps_and_re_entry_know_what_the_other_was_sent() -> None:
    known = [
        record(0, "identify", anonymous="a", email="a@x.example"),
        record(1, anonymous="a"),
        record(2, "Login", user="u", anonymous="a"),
    ]
    run = run_engine(make_plan(RULES, {"mail": MAIL, "bye": BYE}), known)
    assert [(line[1], line[2], line[4]) for line in run.sendings] == [
        ("a@x.example", "trigger", "x to a@x.example"),
        ("u", "decision", "re_entry"),
    ]
    assert len(persons(run.store)["u"].sent) == 0  # the plan has no caps
    capped = run_engine(make_plan(RULES, {"mail": MAIL | {"re_enter": "always"}}, caps=[{"most": 1, "within": "1d"}]), known)
    assert [line[4] for line in capped.sendings] == ["x to a@x.example", "cap"]


def test_names_that_lead_elsewhere_are_no_persons() -> None:
    run = run_engine(make_plan(RULES), [record(0, anonymous="a"), record(1, user="u"), LOGIN, record(21, anonymous="b")])
    raw = run.store.get(META)
    assert raw is not None
    assert msgspec.msgpack.decode(raw, type=Meta).persons == 2


def test_events_that_the_plan_keeps_no_more_do_not_move() -> None:
    given = [record(0, anonymous="a"), record(86_400 * 30, user="u"), record(86_400 * 30, "Login", user="u", anonymous="a")]
    plan = make_plan({"twice": "count('A', within='7d') >= 1"}, history="7d", duplicates="1d")
    for size in (1, 3):
        run = run_engine(plan, given, batches=size)
        assert {id for id, _ in read_history(run.store, "u")} == {"A2.592e+06", "Login2.592e+06"}
        assert read_history(run.store, "a") == []


@pytest.mark.parametrize("duplicates", ["7d", "off"])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_all_rows_move(duplicates: str, size: int) -> None:
    given = [record(number, anonymous="a") for number in range(10)] + [LOGIN] + [record(21, anonymous="a"), record(21.5, user="u")]
    run = run_engine(make_plan(RULES, duplicates=duplicates), given, batches=size)
    kept = read_history(run.store, "u")
    assert list(range(1, 14)) == sorted(each.n for _, each in kept)
    assert [each.linked for _, each in kept] == [True] * 10 + [False] * 3
    assert read_history(run.store, "a") == []


# --- whatever the batches -----------------------------------------------------------------------------------------------------------------

IDS: tuple[dict[str, str], ...] = (
    *({"anonymousId": name} for name in ("a", "b", "a", "b", "null")),
    *({"userId": name} for name in ("u", "v")),
    *({"userId": user, "anonymousId": anonymous} for user in ("u", "v") for anonymous in ("a", "b", "guest")),
)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Streams in which persons become one."""
    found = []
    for line in draw(lines(25)):
        try:
            made = json.loads(line)
            made = {key: value for key, value in made.items() if key not in ("userId", "anonymousId")} | draw(st.sampled_from(IDS))
        except (ValueError, AttributeError):
            continue
        found.append(json.dumps(made).encode())
    return found


SETTINGS = st.fixed_dictionaries(
    {
        "duplicates": st.sampled_from(["7d", "5s", "off"]),
        "history": st.sampled_from(["400d", "10s", "none"]),
        "lateness": st.sampled_from(["10s", "0s"]),
    }
)


@given(
    segments(4),
    streams(),
    SETTINGS,
    batch_sizes(),
    st.sampled_from(["after_poll", "mid_batch", "before_write", "after_write"]),
    st.integers(0, 5),
)
def test_neither_batches_nor_crashes_make_a_difference(
    rules: dict[str, str], stream: list[bytes], settings: dict[str, Any], sizes: list[int], step: str, number: int
) -> None:
    if not stream:
        return
    plan = make_plan(rules, **settings)
    whole = run_engine(plan, stream)
    broken = run_engine(plan, stream, batches=sizes, crash=Crash(number, step), rewind=2)
    assert whole.published == broken.published
    assert whole.store.scan(b"p", b"q", 1000) == broken.store.scan(b"p", b"q", 1000)


def members_of(plan: Plan, p: Person) -> set[str]:
    return {rule.id for rule in PersonStage(plan).rules.rules if rule.no in p.members and not rule.hidden}


def plain(rules: dict[str, str]) -> dict[str, str]:
    """Rules that do not hang on when they were looked at."""
    return {id: "everyone" if "in_segment_for" in rule or "held" in rule else rule for id, rule in rules.items()}


@given(segments(4).map(plain), lines(20), st.integers(0, 20))
def test_a_person_is_as_if_all_its_events_had_had_one_name(rules: dict[str, str], stream: list[bytes], first: int) -> None:
    """Where no event is late."""
    given, latest = list[dict[str, Any]](), 0
    for number, line in enumerate(stream):
        try:
            made = json.loads(line)
        except ValueError:
            continue
        if not isinstance(made, dict) or "type" not in made or not isinstance(made.get("timestamp"), str):
            continue
        latest += SECOND
        made = {key: made[key] for key in ("type", "event", "properties", "traits", "name") if key in made}
        given.append(made | {"messageId": f"m{number}", "timestamp": stamp(latest)})
    if not given:
        return
    login = json.loads(record(latest / SECOND + 1, "Login", user="u", anonymous="a"))
    apart = [
        json.dumps(each | ({"anonymousId": "a"} if number < first else {"userId": "u"})).encode()
        for number, each in enumerate([*given, login])
    ]
    apart[-1] = json.dumps(login).encode()
    whole = [
        json.dumps({key: value for key, value in each.items() if key != "anonymousId"} | {"userId": "u"}).encode()
        for each in [*given, login]
    ]
    plan = make_plan(rules)
    one, other = (persons(run_engine(plan, each).store) for each in (apart, whole))
    told = "\n".join([f"{rules}", *map(readable, apart)])
    assert set(one) == {"u"}, told
    assert members_of(plan, other["u"]) == members_of(plan, one["u"]), told
    assert other["u"].traits == one["u"].traits, told
