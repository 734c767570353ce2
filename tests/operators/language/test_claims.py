"""What is claimed of rules is so in every history (soundness, against the engine), and what should be seen is seen (power)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given

from operators.language.canonical import version
from operators.language.check import Known, check
from operators.language.claims import Claims, settled
from operators.language.parse import parse, rule
from operators.plan.checked import Plan, Segment
from tests.dice import Dice, drawn
from tests.drawn_streams import BASE_MS
from tests.drawn_streams import lines as lines_of
from tests.harness import make_plan, run_engine

# --- generated rules, close to each other so that there is something to claim ---------------------------------------------------------

EVENTS = ("'A'", "'A'", "'B'", "['A', 'B']", "'*'", "'A*'", "'Identified'")
SPANS = ("1s", "2s", "5s")
WHERES = (
    *("x == 1", "x == 2", "x > 0", "x in [1, 2]", "x is not None", "x == 'a'", "x.startswith('a')", "x == 1 and y == 1", "y", "has(x)"),
    *("not (x == 1)", "x != 1", "x == 1 or y == 1", "o.x == 1", "o is None", "x.lower() == 'ab'", "x + 1 > 2", "x < 2"),
)
MARKS = ("'A'", "'B'", "on('A', where=x == 1)", "on('B', where=x > 0)", "['A', 'B']")
FILTERS = (
    "same='x', as_='A'",
    "same='x', as_=on('B', where=x > 0)",
    "from_='2026-01-05T00:00:03Z'",
    "until='2026-01-05T00:00:05Z'",
    "this='day'",
)
TRAITS = ("trait.x", "trait.x", "trait.y", "trait.o", "trait.o.x", "trait.vip", "trait.x.lower()", "coalesce(trait.x, trait.y)", "-trait.x")
FORMS = (
    *("{a}", "{a}", "{a}", "{a}", "not ({a})"),
    *("({a}) and ({b})", "({a}) and not ({b})", "({a}) and ({b}) and not ({c})", "({a}) or ({b})", "({a}) if ({b}) else ({c})"),
)


class Close:
    """Draws rules of few parts, of which all that it draws have some in common."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.others: list[str] = []
        self.events, self.spans, self.wheres = self.some(EVENTS), self.some(SPANS), self.some(WHERES)
        self.marks, self.traits, self.shapes, self.filters = self.some(MARKS), self.some(TRAITS), self.some(SHAPES), self.some(FILTERS)
        self.marked, self.filtered = dice.pick((0, 0, 5)), dice.pick((0, 0, 5))

    def some(self, kind: tuple[str, ...]) -> list[str]:
        return [self.pick(*kind) for _ in range(2)]

    def pick(self, *options: str) -> str:
        return str(self.dice.pick(options))

    def span(self) -> str:
        return f"'{self.pick(*self.spans)}'"

    def over(self, name: str, *arguments: str, filters: bool = True, asks: bool = False) -> str:
        """A call over events."""
        written = [self.pick(*self.events), *arguments]
        if filters:
            written += [f"within={self.span()}"] if self.dice.chance(5) else []
            written += [f"after={self.pick(*self.marks)}"] if self.dice.chance(self.marked) else []
            written += [self.pick(*self.filters)] if self.dice.chance(self.filtered) else []
        written += [f"where={self.pick(*self.wheres)}"] if asks or self.dice.chance(4) else []
        return f"{name}({', '.join(written)})"

    def atom(self) -> str:
        shape = self.pick(*self.shapes)
        if "{other}" in shape and not self.others:
            shape = "{did}"
        return shape.format(**{name: part(self) for name, part in PARTS.items() if f"{{{name}}}" in shape})

    def rule(self) -> str:
        form = self.pick(*FORMS)
        text = form.format(**{name: self.atom() for name in "abc" if f"{{{name}}}" in form})
        node, _ = parse(text, self.others)
        return text if node is not None and not check(node, Known()) else f"did({self.pick(*self.events)})"


PARTS: dict[str, Callable[[Close], str]] = {
    "did": lambda its: its.over("did"),
    "count": lambda its: its.over("count"),
    "since": lambda its: its.over(its.pick("since", "since", "since_first")),
    "looked": lambda its: its.over(its.pick("first", "last", "most", "min", "max", "avg"), "'x'"),
    "sum": lambda its: its.over("sum", "'x'"),
    "distinct": lambda its: its.over("distinct", "'x'"),
    "unique": lambda its: its.over("unique", "'x'"),
    "latest": lambda its: its.over("latest", asks=True),
    "first_time": lambda its: its.over("first_time", f"within={its.span()}", filters=False),
    "stopped": lambda its: its.over("stopped", f"active={its.span()}", f"silent={its.span()}", filters=False),
    "restarted": lambda its: its.over("restarted", f"silent={its.span()}", f"within={its.span()}", filters=False),
    "regularly": lambda its: its.over("regularly", f"every={its.span()}", f"at_least={its.pick('1', '2')}", "of=3", filters=False),
    "events": lambda its: its.pick(*its.events),
    "span": lambda its: its.span(),
    "op": lambda its: its.pick("<", "<=", ">", ">=", "==", "!="),
    "number": lambda its: its.pick("0", "1", "2", "2", "3"),
    "value": lambda its: its.pick("1", "2", "'a'", "'b'", "''", "True", "1.0"),
    "trait": lambda its: its.pick(*its.traits),
    "other": lambda its: its.pick(*its.others),
    "text": lambda its: its.pick("a", "b", "Ab", "ab", ""),
    "method": lambda its: its.pick("startswith", "endswith", "contains"),
}
SHAPES = (
    *("{did}", "{did}", "{did}", "{count} {op} {number}", "{count} {op} {number}", "{since} {op} {span}", "{since} {op} {span}"),
    *(
        "{looked} {op} {value}",
        "{looked} is None",
        "{looked} is not None",
        "{since} is None",
        "{sum} {op} {number}",
        "{distinct} {op} {number}",
    ),
    *("{value} in {unique}", "{latest}", "{first_time}", "{stopped}", "{restarted}", "{regularly}"),
    *("sequence({events}, {events}, within={span})", "sequence({events}, {events})", "funnel({events}, not {events}, within={span})"),
    *("held({did}, at_least={span})", "segment('{other}')", "in_segment_for('{other}') {op} {span}"),
    *("{trait} {op} {value}", "{trait} {op} {value}", "{trait} in [1, 'a', 2]", "{trait} not in [1, 2]", "{trait} is None", "has({trait})"),
    *("trait.x.{method}('{text}')", "trait.x == trait.y", "trait.x != trait.y", "{trait} < {trait}", "({did}) == ({did})", "trait.vip"),
    *("age(trait.d) {op} {span}", "trait.d is None", "bucket('n') {op} 0.5", "len(trait.x) {op} {number}", "any(trait.l, item == 1)"),
    *(
        "trait.l is None",
        "{trait} in trait.l",
        "trait.x + 1 {op} {number}",
        "weekday() {op} 'monday'",
        "coalesce({looked}, 1) {op} {value}",
    ),
)


def close_rules(dice: Dice) -> dict[str, str]:
    """Rules by id; each can refer to those before it."""
    made: dict[str, str] = {}
    close = Close(dice)
    for number in range(4 + dice.below(4)):
        made[f"s{number}"] = close.rule()
        close.others = list(made)
    return made


def plan_of(rules: dict[str, str]) -> Plan:
    """A plan of these rules, also of those that a plan would be refused for. Without links: who goes over to another is in none."""
    nodes = {id: rule(text, rules) for id, text in rules.items()}
    return replace(
        make_plan({"s0": "everyone"}), identity=None, segments=tuple(Segment(id, "", node, version(node)) for id, node in nodes.items())
    )


def standings(plan: Plan, stream: list[bytes]) -> list[set[str]]:
    """The segments that a person is in, after each evaluation that changed some."""
    found = []
    members: dict[str, set[str]] = defaultdict(set)
    transitions = run_engine(plan, stream, until_ms=BASE_MS + 200_000).transitions
    for (_, person, _), changes in groupby(transitions, key=lambda line: (line[0], line[1], line[4])):
        for _, _, kind, id, _ in changes:
            (members[person].add if kind == "entered" else members[person].discard)(id)
        found.append(set(members[person]))
    return found


def hold(plan: Plan, stream: list[bytes]) -> dict[str, int]:
    """Asserts that what is claimed of the rules is so in the run; gives how many claims of each kind there were."""
    claims = Claims({segment.id: segment.when for segment in plan.segments})
    settled = {id: claims.settled(id) for id in claims.rules}
    open_ = [id for id, truth in settled.items() if truth is None]
    inside = [(a, b) for a in open_ for b in open_ if a != b and claims.lies_in(a, b)]
    for standing in standings(plan, stream):
        for id, truth in settled.items():
            assert truth is None or (id in standing) is truth, (id, truth)
        for a, b in inside:
            assert a not in standing or b in standing, (a, b)
    kinds = [*settled.values()]
    return {"never": kinds.count(False), "always": kinds.count(True), "inside": len(inside), "rules": len(kinds)}


@given(drawn(lambda dice: (close_rules(dice), lines_of(dice))))
def test_what_is_claimed_is_so_in_every_run(example: tuple[dict[str, str], list[bytes]]) -> None:
    rules, stream = example
    hold(plan_of(rules), stream)


# --- what should be seen --------------------------------------------------------------------------------------------------------------

NEVER = (
    # numbers of events, and windows in windows
    *("did('A') and count('A') < 1", "count('A', within='7d') > 3 and count('A', within='30d') < 2"),
    *("did('A', within='7d') and not did('A')", "count('A') > 3 and count('A') < 5 and count('A') != 4"),
    *("did(['A', 'B']) and not did('A') and not did('B')", "did('Email Opened') and not did('Email *')", "did('Email *') and not did('*')"),
    *("did('A', where=x == 1 and y == 2) and not did('A', where=x > 0)", "did('A', where=x in [1, 2]) and not did('A', where=x < 3)"),
    "did('A', where=x in [1, 2]) and not did('A', where=x == 1) and not did('A', where=x == 2)",
    "did('A', where=x == 1 or y == 2) and not (did('A', where=x == 1) or did('A', where=y == 2))",
    *("did('A', where=x == 1 and x == 2)", "did('A', after='A')", "did('A', after='B') and did('B', after='A')"),
    *("did('A', after='B') and not did('B')", "did('A', after=on('B', where=x == 1)) and not did('B')"),
    *("did('A', same='x', as_='B') and not did('B', where=x is not None)", "did('A', this='day') and not did('A', this='month')"),
    "did('A', from_='2026-01-01', within='7d') and not did('A', from_='2026-01-01')",
    # ages of events
    *("since('A') < '7d' and not did('A', within='7d')", "since('A') >= '30m' and since('A') < '10m'", "since('A') is None and did('A')"),
    *("since_first('A') < '7d' and since('A') > '8d'", "since_first('A') > '1d' and since_first(['A', 'B']) < '1d'"),
    *("since('A') == '1h' and since('A') == '2h'", "stopped('A', active='7d', silent='1d') and did('A', within='1d')"),
    *("first_time('A', within='7d') and not did('A', within='7d')", "restarted('A', silent='7d', within='1d') and count('A') < 2"),
    "regularly('A', every='7d', at_least=3, of=4) and count('A', within='28d') < 3",
    *("sequence('A', 'B', within='1d') and not did('B', within='1d')", "sequence('A', 'B', within='1d') and not did('A', within='2d')"),
    "funnel('A', 'B', not 'C', within='1d') and not sequence('A', 'B', within='1d')",
    # values of events
    *("last('A', 'x') is not None and not did('A')", "last('A', 'x', within='7d') == 3 and first('A', 'x') is None"),
    *("avg('A', 'x') > 3 and not did('A', where=x is not None)", "sum('A', 'x') > 3 and not did('A')"),
    *("distinct('A', 'x') > 3 and count('A') < 3", "'a' in unique('A', 'x') and not did('A', where=x == 'a')"),
    *("most('A', 'x') == 'a' and not did('A')", "latest('A', where=p == 'pro') and latest('A', where=p == 'free')"),
    *("latest('A', where=p == 'pro') and not did('A', where=p == 'pro')", "score('m') > 0.5 and not did('Scored')"),
    # traits, kinds and None
    *("trait.x > 3 and trait.x < 2", "trait.x > 3 and trait.x == 'a'", "trait.x == 'a' and trait.x == 'b'"),
    *("trait.x == 1 and trait.x is None", "trait.x in ['a', 'b'] and trait.x not in ['a', 'c'] and trait.x != 'b'"),
    *("trait.x == trait.y and trait.x != trait.y", "trait.x and trait.x == 1", "trait.o.x == 1 and trait.o is None"),
    *("trait.o.x == 1 and trait.o == 'a'", "has(trait.x) and trait.x == ''", "trait.x + 1 > 2 and trait.x is None"),
    *("-trait.x > 1 and trait.x > 0", "trait.x.lower() == 'Gold'", "trait.x.lower() == 'gold' and trait.x is None"),
    *("trait.x.lower() == 'a' and trait.x == 1", "trait.x.startswith('ab') and not trait.x.startswith('a')"),
    *("trait.x.startswith('a') and trait.x.startswith('b')", "trait.x.endswith('ab') and not trait.x.contains('b')"),
    *("trait.x.startswith('ab') and trait.x == 'b'", "trait.x.matches('^a') and trait.x == 'b'"),
    *("bucket('n') < 0.3 and bucket('n') > 0.5", "age(trait.d) > '1d' and age(trait.d) < '-1d'", "age(trait.d) > '1d' and trait.d is None"),
    *("weekday() == 'monday' and weekday() == 'sunday'", "month() == 12 and month() < 6", "today(trait.d) and trait.d is None"),
    *("any(trait.l, item == 1) and trait.l is None", "len(trait.x) > 1 and trait.x is None", "'a' in trait.l and trait.l is None"),
    # what is chosen, and conditions held
    *("coalesce(trait.x, 0) >= 1 and trait.x is None", "(trait.x if did('A') else 3) == 4 and not did('A')"),
    *("did('A') == did('B') and did('A') and not did('B')", "held(did('A'), at_least='1d') and not did('A')"),
    *("held(did('A'), at_least='2d') and not held(did('A'), at_least='1d')", "did('A') and False"),
)


@pytest.mark.parametrize("text", NEVER)
def test_a_rule_that_never_holds_is_known_and_so_is_its_opposite(text: str) -> None:
    claims = Claims({"never": rule(text), "always": rule(f"not ({text})")})
    assert (claims.settled("never"), claims.settled("always")) == (False, True)


OPEN = (
    # None, and values of another kind
    *("not (trait.x > 3) and not (trait.x <= 3)", "trait.x != 'a' and trait.x != 'b'", "not (trait.x == trait.x)"),
    *("trait.x is not None and not has(trait.x)", "trait.x == 1 or trait.x != 1", "trait.x < 5 or trait.x >= 5"),
    *("trait.x not in ['a'] or trait.x in ['a']", "since('A') < '7d' or since('A') >= '7d'", "age(trait.d) < '0s' or age(trait.d) >= '0s'"),
    *("trait.x / trait.x != 1", "trait.x + 1 != trait.x + 2"),
    # windows and marks that do not lie in each other
    *("did('A', within='30d') and not did('A', within='7d')", "did('A') and not did('A', after='B')"),
    *("did('A', after='B') and not did('A', after=['B', 'C'])", "did('A', after='B') and did('B', after='C') and did('C', after='D')"),
    *("did('A', after=on('A', where=x == 1))", "did('A', after=on('B', where=x == 1)) and did('B', after='A')"),
    *(
        "did('A', same='x', as_='B') and not did('A', same='y', as_='B')",
        "did('A', from_='2026-01-01') and not did('A', until='2026-01-01')",
    ),
    *("did('A', this='week') and not did('A', this='month')", "did('Email *') and not did('Email Opened')"),
    *("count(['A', 'B']) >= 2 and count('A') < 2 and count('B') < 2", "did('A', where=not (x == 1)) and not did('A', where=x != 1)"),
    *("did('A', where=x == 1) and did('A', where=x == 2)", "last('A', 'x') == 1 and first('A', 'x') == 2"),
    *("latest('A', where=x > 1) and latest('B', where=x < 1)", "last('A', 'x') is None and did('A')"),
    *("avg('A', 'x') is None and did('A', where=x is not None)", "sum('A', 'x') == 0 and did('A')"),
    *("distinct('A', 'x') < 2 and count('A') > 2", "since_first('A', within='7d') > '1d' and since_first('A') > '7d'"),
    "most('A', 'x') == 1 and last('A', 'x') == 2",
    # paths, rhythms, conditions
    *("sequence('A', 'B') and not sequence('B', 'A')", "sequence('A', 'B', within='1d') and not did('A', within='1d')"),
    *("did('A') and did('B') and not sequence('A', 'B')", "sequence('A', 'B', within='1d') and not funnel('A', 'B', not 'C', within='1d')"),
    *("held(did('A'), at_least='1d') and not held(did('A'), at_least='2d')", "did('A') and not held(did('A'), at_least='1ms')"),
    "count('A', within='28d') >= 3 and not regularly('A', every='7d', at_least=2, of=4)",
    # strings
    *("trait.x.contains('ab') and not trait.x.startswith('ab')", "trait.x.startswith('a') and trait.x.startswith('ab')"),
    *(
        "trait.x.lower() == 'ab' and trait.x != 'ab'",
        "trait.x > 'a' and trait.x < 'b'",
        "trait.x.startswith('a') and trait.x.endswith('b')",
    ),
    "trait.x.matches('a') and not trait.x.contains('a')",
)


@pytest.mark.parametrize("text", OPEN)
def test_of_a_rule_that_may_hold_and_may_not_nothing_is_said(text: str) -> None:
    assert Claims({"open": rule(text)}).settled("open") is None


INSIDE = {
    "count('A', within='7d') > 3": "count('A', within='7d') >= 2",
    "did('A', within='7d')": "did('A', within='30d')",
    "did('A', within='30d')": "did('A')",
    "did('A', within='1d')": "did('A', within='7d') or trait.x",
    "since('A') < '7d' and trait.x": "did('A', within='7d')",
    "did('A')": "did(['A', 'B'])",
    "did('A', where=x > 3)": "did('A', where=x >= 2)",
    "trait.x > 3": "not (trait.x <= 3)",
    "trait.x <= 3": "not (trait.x > 3)",
    "trait.x != 'a'": "not (trait.x == 'a')",
    "last('A', 'x') == 1": "did('A')",
    "held(did('A'), at_least='7d')": "did('A')",
    "trait.e.endswith('@test.com')": "trait.e.contains('@test')",
    "weekday() == 'monday'": "weekday() not in ['saturday', 'sunday']",
    "score('m') > 0.5": "score('m') >= 0.5",
    "any(trait.l, item == 1)": "trait.l is not None",
}
SAME = {
    "did('A')": "count('A') >= 1",
    "did(['A', 'B'])": "did('A') or did('B')",
    "since('A') < '7d'": "did('A', within='7d')",
    "since('A') is None": "not did('A')",
    "last('A', 'x') is not None": "did('A', where=x is not None)",
    "stopped('A', active='7d', silent='7d')": "since('A', within='14d') >= '7d'",
    "first_time('A', within='7d')": "since_first('A') < '7d'",
    "coalesce(trait.x, 0) > 3": "trait.x > 3",
    "weekday() in ['saturday', 'sunday']": "weekday() not in ['monday', 'tuesday', 'wednesday', 'thursday', 'friday']",
    "trait.x in ['a', 'b']": "trait.x == 'b' or trait.x == 'a'",
    "did('A') if did('B') else trait.x": "(did('A') and did('B')) or (trait.x and not did('B'))",
}


@pytest.mark.parametrize(("inner", "outer"), INSIDE.items())
def test_a_rule_that_holds_only_where_another_does(inner: str, outer: str) -> None:
    claims = Claims({"inner": rule(inner), "outer": rule(outer)})
    assert (claims.lies_in("inner", "outer"), claims.lies_in("outer", "inner")) == (True, False)


@pytest.mark.parametrize(("a", "b"), SAME.items())
def test_two_rules_that_hold_where_the_other_does(a: str, b: str) -> None:
    claims = Claims({"a": rule(a), "b": rule(b)})
    assert (claims.lies_in("a", "b"), claims.lies_in("b", "a")) == (True, True)


def test_a_segment_stands_for_its_rule() -> None:
    texts = {
        "viewed": "did('A', within='7d')",
        "a": "segment('viewed') and trait.x",
        "b": "in_segment_for('viewed') > '1h'",
        "c": "did('A')",
    }
    claims = Claims({id: rule(text, texts) for id, text in texts.items()})
    lies = [(a, b) for a in texts for b in texts if a != b and claims.lies_in(a, b)]
    assert lies == [("viewed", "c"), ("a", "viewed"), ("a", "c"), ("b", "viewed"), ("b", "c")]


def test_a_computed_value_stands_for_its_definition() -> None:
    node = rule("computed('recent') and not did('A')", computed={"recent": rule("did('A', within='7d')")})
    assert Claims({"a": node}).settled("a") is False


# --- what a plan is told --------------------------------------------------------------------------------------------------------------


def told(**texts: str) -> dict[str, str]:
    """What is wrong with each rule."""
    return {id: problem.text for id, problem in settled({id: rule(text, texts) for id, text in texts.items()})}


MUST = "a rule must be able to hold and not to hold; "


def test_the_conditions_that_exclude_each_other_are_named() -> None:
    found = told(
        two="trait.x and did('A') and trait.y == 1 and count('A') < 1",
        three="count('A') > 1 and count('A') < 3 and trait.x and count('A') != 2",
        one="did('A', after='A') and trait.x",
        whole="(did('A') and not did('A')) or (trait.x == 1 and trait.x == 2)",
        always="did('A') or trait.x or not did('A')",
    )
    assert found == {
        "two": MUST + "`did('A')` and `count('A') < 1` never hold together",
        "three": MUST + "`count('A') > 1`, `count('A') < 3` and `count('A') != 2` never hold together",
        "one": MUST + "`did('A', after='A')` never holds",
        "whole": MUST + "`did('A') and not did('A') or trait.x == 1 and trait.x == 2` never holds",
        "always": MUST + "`did('A')` or `not did('A')` always holds",
    }


def test_a_rule_that_looks_at_nothing_is_meant_so() -> None:
    assert (
        told(all="everyone", nobody="not everyone", off="False", alias="segment('all')", both="segment('all') and not segment('nobody')")
        == {}
    )


def test_what_is_only_so_by_another_segment_is_told_there_alone() -> None:
    found = told(
        a="did('A') and not did(['A', 'B'])",
        b="segment('a') and trait.x",
        c="segment('b') or segment('a')",
        d="segment('a') and trait.x and not trait.x",
    )
    assert {"a", "d"} == found.keys()


CHOSEN = "coalesce(" + ", ".join(f"trait.x{number}" for number in range(300)) + ")"
LARGE = {
    "many": " or ".join(f"trait.x == {number} or did('E{number}', where=y == {number})" for number in range(300)),
    "chosen": f"{CHOSEN} == 1 and {CHOSEN.replace('x', 'y')} == 2",
    "pairs": f"coalesce({', '.join(f'trait.x{i}' for i in range(19))}) == coalesce({', '.join(f'trait.y{i}' for i in range(19))})",
    "windows": " and ".join(f"did('A', within='{number}s')" for number in range(1, 300)),
    "ifs": "(" * 40 + "trait.x" + "".join(f" if trait.a{number} else trait.b{number})" for number in range(40)),
}


@pytest.mark.parametrize("name", LARGE)
def test_of_a_large_rule_nothing_is_said(name: str) -> None:
    claims = Claims({"open": rule(LARGE[name]), "other": rule("did('A', within='2s')")})
    assert (claims.settled("open"), claims.lies_in("open", "other") and name != "windows") == (None, False)


def test_of_a_long_chain_of_segments_nothing_is_said() -> None:
    texts = {"s0": "did('A')"} | {f"s{number}": f"segment('s{number - 1}') or trait.x{number}" for number in range(1, 2000)}
    assert told(**texts) == {}
