"""Compiled rules: an event costs what it touches, equal calls share a slot, and a closure gives what the words say."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.emit import Emit
from operators.language.compile import Context, compile_rules
from operators.language.count_slots import CountSlot
from operators.language.feeds import Feed, Rules
from operators.language.kinds import COMPARE, different, equal
from operators.language.parse import parse
from operators.language.slots import Handler
from operators.person import PersonStage
from operators.plan.checked import Segment
from schemas.errors import FindingsError
from schemas.event import Event
from schemas.person import SLOT_MASK, Person, new_person
from tests.harness import make_plan, run_engine

BASE = 1_767_571_200_000


def compiled(*rules: str) -> Rules:
    return PersonStage(make_plan({f"r{number}": rule for number, rule in enumerate(rules)})).rules


def shape(feed: Feed) -> tuple[int, int, int, int]:
    """How many slots an event looks at: always, by a test, by a key, as an event of `after`."""
    keyed = [slot for values in feed.keyed.values() for inner in values.values() for slot in (*inner.always, *inner.filtered)]
    return len(feed.always), len(feed.filtered), len(keyed), len(feed.followers)


# --- what an event touches ------------------------------------------------------------------------------------------------------------

FEEDS: dict[str, tuple[list[str], str, tuple[int, int, int, int]]] = {
    "its own name": (['did("A")', 'did("B")'], "A", (1, 0, 0, 0)),
    "another name": (['did("A")'], "B", (0, 0, 0, 0)),
    "a list of names": (['did(["A", "B"])'], "B", (1, 0, 0, 0)),
    "a where": (['did("A", where=x > 1)'], "A", (0, 1, 0, 0)),
    "equality with a text": (['did("A", where=x == "1")'], "A", (0, 0, 1, 0)),
    "equality the other way round": (["did('A', where='1' == x.y)"], "A", (0, 0, 1, 0)),
    "equality with a number": (['did("A", where=x == 1)'], "A", (0, 1, 0, 0)),
    "equality and more": (['did("A", where=x == "1" and y == "2")'], "A", (0, 0, 1, 0)),
    "a star": (['did("Email *")'], "Email Opened", (1, 0, 0, 0)),
    "the star's own beginning": (['did("Email *")'], "Email ", (1, 0, 0, 0)),
    "no name of the star": (['did("Email *")'], "E-mail Opened", (0, 0, 0, 0)),
    "every name": (['did("*")'], "anything", (1, 0, 0, 0)),
    "two stars and a name": (['did("*")', 'did("E*")', 'did("Email Opened")'], "Email Opened", (3, 0, 0, 0)),
    "one call with stars that overlap": (['did(["*", "E*", "Email Opened"])'], "Email Opened", (1, 0, 0, 0)),
    "a star with equality": (['did("E*", where=x == "1")', 'did("Ea", where=x == "1")'], "Ea", (0, 0, 2, 0)),
    "after": (['did("A", after="B")'], "B", (0, 0, 0, 1)),
    "after a star": (['did("A", after="B*")'], "Ba", (0, 0, 0, 1)),
    "after itself": (['did(["A", "B"], after="A")'], "A", (1, 0, 0, 1)),
}


@pytest.mark.parametrize(("rules", "name", "expected"), FEEDS.values(), ids=FEEDS)
def test_the_slots_that_an_event_looks_at(rules: list[str], name: str, expected: tuple[int, int, int, int]) -> None:
    feeds = compiled(*rules)
    assert [expected, expected] == [shape(feeds.feed(name)), shape(feeds.feed(name))]


class Watched:
    """A stage whose slots and rules count what is asked of them."""

    def __init__(self, rules: dict[str, str]) -> None:
        self.stage = PersonStage(make_plan(rules, history="none"))
        self.p = new_person("u")
        self.evaluated: Counter[str] = Counter()
        self.tested: Counter[int] = Counter()
        self.number = 0
        self.added = 0
        for feed in self.stage.rules.feeds.values():
            self.watch(feed)
        for rule in self.stage.rules.rules:
            rule.test = self.watched(rule.test, self.evaluated, rule.id)

    def watch(self, feed: Feed) -> None:
        """Counts what the feed hands on and tests."""
        feed.always = [self.counted(add) for add in feed.always]
        feed.filtered = [(self.watched(test, self.tested, number), self.counted(add)) for number, (test, add) in enumerate(feed.filtered)]
        for inner in [inner for values in feed.keyed.values() for inner in values.values()]:
            self.watch(inner)

    def counted(self, add: Handler) -> Handler:
        def counted(p: Person, t: int, n: int, properties: dict[str, Any], now: int) -> int:
            self.added += 1
            return add(p, t, n, properties, now)

        return counted

    @staticmethod
    def watched(test: Any, counter: Counter[Any], key: Any) -> Any:
        def counted(subject: Any, now: int) -> Any:
            counter[key] += 1
            return test(subject, now)

        return counted

    def do(self, name: str, t: int = 0, **properties: Any) -> tuple[int, int, int]:
        """How many slots took the event, how many `where` were tested, how many rules evaluated."""
        self.added = 0
        self.tested.clear()
        self.evaluated.clear()
        self.number += 1
        event = Event(BASE + t, "track", name, f"m{self.number}", "u", None, properties)
        self.stage.apply(self.p, event, 0, Emit("test", 1))
        return self.added, self.tested.total(), self.evaluated.total()


def test_an_event_costs_what_it_touches_not_what_the_plan_holds() -> None:
    watched = Watched({f"r{number}": f'count("E{number % 100}", within="{number + 1}d") >= 3' for number in range(300)})
    assert watched.do("E7") == (3, 0, 0)
    assert watched.do("other") == (0, 0, 0)
    assert watched.do("E7") == (3, 0, 0)
    assert watched.do("E7") == (3, 0, 3)  # the third: a threshold is crossed
    assert watched.do("E7") == (3, 0, 0)  # the fourth tells nothing new
    assert watched.do("E8") == (3, 0, 0)


def test_an_equality_with_a_text_is_looked_up_not_tested() -> None:
    watched = Watched({f"r{number}": f'did("A", where=sku == "s{number}", within="1d")' for number in range(300)})
    assert watched.do("A", sku="s17") == (1, 0, 1)
    assert watched.do("A", sku="s17", t=-90_000_000) == (1, 0, 0)  # outside the window
    assert watched.do("A", sku="s17", t=5) == (1, 0, 0)
    for other in ("s300", 17, None, ["s17"], {"s17": 1}, True):
        assert watched.do("A", sku=other) == (0, 0, 0)
    assert watched.do("B", sku="s17") == (0, 0, 0)


def test_an_equality_with_a_text_among_other_things_leaves_the_tests_of_its_own_value() -> None:
    watched = Watched({f"r{number}": f'did("A", where=x > 1 and sku == "s{number % 100}", within="1d")' for number in range(300)})
    assert watched.do("A", x=5) == (0, 0, 0)
    assert watched.do("A", x=5, sku="s17") == (1, 1, 3)
    assert watched.do("A", x=1, sku="s17") == (0, 1, 0)


def test_only_the_tests_of_the_name_are_made() -> None:
    watched = Watched({f"r{number}": f'did("E{number % 10}", where=x > {number}, within="1d")' for number in range(100)})
    assert watched.do("E3", x=50) == (5, 10, 5)


def test_a_trait_touches_the_rules_that_read_it() -> None:
    plan = make_plan({**{f"r{number}": f"trait.t{number} == 1" for number in range(50)}, "two": "trait.t1 == 1 and trait.t2.x == 1"})
    rules = PersonStage(plan).rules
    assert [rules.traits[f"t{number}"].bit_count() for number in range(3)] == [1, 2, 2]
    assert "x" not in rules.traits


def test_rules_that_refer_to_a_segment_follow_it_and_no_others() -> None:
    rules = PersonStage(make_plan({"a": 'did("A")', "b": 'segment("a") and did("B")', "c": 'not segment("b")', "d": 'did("D")'})).rules
    dependents = {rule.id: {rules.rules[no].id for no in range(4) if rule.dependents >> no & 1} for rule in rules.rules}
    assert {"a": {"b"}, "b": {"c"}, "c": set(), "d": set()} == dependents


def test_only_rules_that_hold_of_nobody_are_looked_at_for_a_new_person() -> None:
    plan = make_plan(
        {
            "all": "everyone",
            "not_yet": 'not did("A")',
            "some": 'bucket("x") < 0.5',
            "dated": 'age("2026-01-01") > "1d"',
            "counted": 'count("A") == 0',
            "active": 'did("A")',
            "gold": 'trait.plan == "gold"',
            "away": 'since("A") > "1d"',
        }
    )
    rules = PersonStage(plan).rules
    born = {rule.id for rule in rules.rules if rules.birth >> rule.no & 1}
    assert {"all", "not_yet", "some", "dated", "counted"} == born


# --- slots that are shared ------------------------------------------------------------------------------------------------------------

SHARED: dict[str, tuple[list[str], int]] = {
    "the same call": (['did("A")', 'did("A") and did("B")'], 2),
    "another spelling": (["did('A', within='24h')", 'did( "A" , within="1d" )'], 1),
    "names in another order": (['did(["B", "A"])', 'did(["A", "B", "A"])'], 1),
    "did and count": (['did("A", within="1d")', 'count("A", within="1d") > 7', 'count("A", within="1d") < 3'], 1),
    "since and last": (['since("A") > "1d"', 'last("A", "x") == 1'], 2),
    "where in another spelling": (['did("A", where=x==1)', 'did("A", where=(x == 1.0))'], 1),
    "another where": (['did("A", where=x == 1)', 'did("A", where=x == 2)'], 2),
    "another window": (['did("A", within="1d")', 'did("A", within="2d")', 'did("A")'], 3),
    "another after": (['did("A", after="B")', 'did("A", after="C")', 'did("A", after=["B", "C"])'], 3),
    "another property": (['last("A", "x") == 1', 'last("A", "y") == 1', 'last("A", "x.y") == 1'], 3),
    "in_segment_for": (['did("A")', 'in_segment_for("r0") > "1d"', 'in_segment_for("r0") > "2d"'], 2),
    "age": (['age(trait.x) > "1d"', 'age(trait.x) < "2d"', 'age(trait.y) < "2d"'], 2),
}


@pytest.mark.parametrize(("rules", "slots"), SHARED.values(), ids=SHARED)
def test_equal_calls_share_a_slot(rules: list[str], slots: int) -> None:
    found = compiled(*rules)
    assert slots == len(found.slots)
    assert list(range(slots)) == [slot.no for slot in found.slots]


def test_a_shared_slot_names_all_its_rules_and_keeps_what_the_most_demanding_needs() -> None:
    rules = compiled('did("A", within="1d")', 'count("A", within="1d") > 7', 'did("B")')
    slot = rules.slots[0]
    assert isinstance(slot, CountSlot)
    assert (slot.mask, slot.keep) == (0b011, 9)
    assert rules.slots[1].mask == 0b100


def test_names_that_no_rule_knows_do_not_fill_the_memory() -> None:
    rules = compiled('did("A")', 'did("E*", within="1d")')
    for number in range(25_000):
        assert shape(rules.feed(f"x{number}")) == (0, 0, 0, 0)
        assert shape(rules.feed(f"E{number}")) == (1, 0, 0, 0)
    assert len(rules.feeds) < 12_000
    assert shape(rules.feed("A")) == (1, 0, 0, 0)


def test_more_slots_than_a_person_can_hold_are_refused() -> None:
    def segments(slots: int) -> tuple[Segment, ...]:
        found = []
        for number in range(slots):
            node, _ = parse(f'did("E{number}")')
            assert node is not None
            found.append(Segment(f"s{number}", "", node, "00000000"))
        return tuple(found)

    assert len(compile_rules(segments(SLOT_MASK), ZoneInfo("UTC")).slots) == SLOT_MASK
    with pytest.raises(FindingsError, match=f"a plan must need at most {SLOT_MASK} slots; got {SLOT_MASK + 1}"):
        compile_rules(segments(SLOT_MASK + 1), ZoneInfo("UTC"))


# --- what `why` shows -----------------------------------------------------------------------------------------------------------------

LINE = (
    '{{"type":"{}","event":"A","userId":"u","messageId":"m{}","timestamp":"2026-01-05T00:00:{:02d}Z",'
    '"properties":{{"x":{}}},"traits":{{"plan":"gold"}}}}'
)
A3 = [LINE.format("track", number, number, number).encode() for number in range(3)]
WHY: dict[str, dict[str, Any]] = {
    'count("A", within="7d") >= 3': {"count('A', within='7d')": 3},
    'count("A", within="7d") >= 1': {"count('A', within='7d')": 1},
    'count("A") >= 2': {"count('A')": 2},
    'did("A") and not did("B")': {"did('A')": True, "did('B')": False},
    'since("A") >= "1s"': {"since('A')": "1s"},
    'since("B") is None': {"since('B')": None},
    'last("A", "x") == 2': {"last('A', 'x')": 2},
    'trait.plan is None and did("A")': {"trait.plan": None, "did('A')": True},
    'coalesce(last("A", "x"), 7) == 2': {"coalesce(last('A', 'x'), 7)": 2},
    "everyone": {"everyone": True},
    'count("A", within="1d") + 1 > 3 or everyone and count("A", within="1d") > 2': {"count('A', within='1d')": 3, "everyone": True},
}


@pytest.mark.parametrize(("rule", "why"), WHY.items())
def test_why_tells_each_call_and_its_value(rule: str, why: dict[str, Any]) -> None:
    gap = [b'{"type":"track","event":"Z","userId":"u","messageId":"z","timestamp":"2026-01-05T00:01:00Z"}']
    run = run_engine(make_plan({"r": rule}), A3 + gap)
    entered = [record for record in run.records if record["type"] == "beckon.segment.entered"]
    assert [why] == [record["data"]["why"] for record in entered[:1]]


def test_why_says_at_least_where_a_count_is_not_kept_further() -> None:
    plan = make_plan({"some": 'count("A", within="1h") >= 2', "late": 'count("A", within="1h") >= 2 and did("Z")'}, lateness="0s")
    lines = [LINE.format("track", number, number, 0).encode() for number in range(30)]
    lines.append(b'{"type":"track","event":"Z","userId":"u","messageId":"z","timestamp":"2026-01-05T00:00:30Z"}')
    shown = [record["data"]["why"]["count('A', within='1h')"] for record in run_engine(plan, lines).records]
    assert shown == [2, ">= 3"]


# --- closures -------------------------------------------------------------------------------------------------------------------------

SCALARS: list[Any] = [0, 1, 1.0, -1, 0.5, 2**63, "", "a", "b", "1", True, False]
HELD: list[Any] = [*SCALARS, None, [], [1], ["a"], {}, {"a": 1}, 10**400]


def where(text: str) -> Any:
    """The value of an expression over properties, as a function of them."""
    node, problems = parse(text, where=True)
    assert node is not None, problems
    value = Context(ZoneInfo("UTC")).value(node)
    return lambda **properties: value(properties, 0)


@pytest.mark.parametrize("op", COMPARE)
@pytest.mark.parametrize("constant", SCALARS, ids=repr)
def test_a_comparison_with_a_constant_is_that_of_kinds(op: str, constant: Any) -> None:
    behind, before = where(f"x {op} {constant!r}"), where(f"{constant!r} {op} x")
    between = where(f"x {op} y")
    for value in HELD:
        assert COMPARE[op](value, constant) is behind(x=value)
        assert COMPARE[op](constant, value) is before(x=value)
        assert COMPARE[op](value, constant) is between(x=value, y=constant)


@pytest.mark.parametrize("value", HELD, ids=lambda value: f"{value!r:.10}")
def test_in_is_equality_with_one_and_not_in_difference_from_all(value: Any) -> None:
    within, without = where("x in ['a', 1, True]"), where("x not in ['a', 1, True]")
    for other in ("a", 1, True):
        assert equal(value, other) <= within(x=value)
    assert any(equal(value, other) for other in ("a", 1, True)) is within(x=value)
    assert all(different(value, other) for other in ("a", 1, True)) is without(x=value)
    assert where("x in y")(x=value, y=[value]) is (value is not None)
    assert where("x in y")(x=value, y="a") is False
    assert where("x not in y")(x=value, y={}) is False


TRUTH: dict[str, tuple[dict[str, Any], Any]] = {
    "x and y": ({"x": True, "y": 1}, False),
    "x or y": ({"x": 1, "y": True}, True),
    "not x": ({"x": 1}, True),
    "not (x == 1)": ({}, True),
    "x != 1": ({}, False),
    "x is None": ({"x": None}, True),
    "x is not None": ({"x": False}, True),
    "x == None": ({}, True),
    "(1 if x else 2) == 2": ({"x": 1}, True),
    "x + 1 == 2": ({"x": 1.0}, True),
    "(x + 1) is None": ({"x": True}, True),
    "x / y is None": ({"x": 1, "y": 0}, True),
    "x / y is None ": ({"x": 1, "y": 0.0}, True),
    "x * x is None": ({"x": "a"}, True),
    "x + 0.5 is None": ({"x": 10**400}, True),
    "x / 3 is None": ({"x": 10**400}, True),
    "x * 2 > 1": ({"x": 10**400}, True),
    "-x == -1": ({"x": 1}, True),
    "-x is None": ({"x": "1"}, True),
    "x.y.z == 1": ({"x": {"y": {"z": 1}}}, True),
    "x.y.z is None": ({"x": {"y": [1]}}, True),
    'prop("a b") == 1': ({"a b": 1}, True),
    'x.lower() == "é"': ({"x": "É"}, True),
    "x.lower() is None": ({"x": 1}, True),
    'x.startswith("a")': ({"x": "ab"}, True),
    'x.startswith("a") ': ({"x": ["a"]}, False),
    'x.endswith("b")': ({"x": "ab"}, True),
    'x.contains("")': ({"x": ""}, True),
    "x.contains(y) == False": ({"x": "a", "y": None}, True),
    'x.matches("^a+$")': ({"x": "aaa"}, True),
    'x.matches("^a+$") ': ({"x": None}, False),
    "1 < x <= 3": ({"x": 3}, True),
    "1 < x <= 3 ": ({"x": 1}, False),
}


@pytest.mark.parametrize(("text", "properties", "expected"), [(text, *rest) for text, rest in TRUTH.items()], ids=TRUTH)
def test_what_an_expression_gives(text: str, properties: dict[str, Any], expected: Any) -> None:
    assert expected is where(text)(**properties)


@given(x=st.sampled_from(HELD), y=st.sampled_from(HELD), op=st.sampled_from("+-*/"))
def test_arithmetic_gives_a_number_or_none(x: Any, y: Any, op: str) -> None:
    found = where(f"x {op} y")(x=x, y=y)
    numbers = type(x) in (int, float) and type(y) in (int, float)
    assert found is None or (numbers and type(found) in (int, float))
    json.dumps(found, allow_nan=False)
