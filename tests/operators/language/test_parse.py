"""Rules to trees: each form of the language, what is bound by the rows of the calls, and that any text gives a tree or problems."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operators.language.calls import CALLS
from operators.language.check import Known, check
from operators.language.nodes import (
    And,
    Arith,
    Call,
    Compare,
    Const,
    Duration,
    If,
    In,
    IsNone,
    ListOf,
    Method,
    Neg,
    Node,
    Not,
    On,
    Or,
    Prop,
    Trait,
)
from operators.language.parse import METHODS, parse, rule
from operators.language.syntax import MAX_CHARACTERS, MAX_DEPTH
from schemas.errors import FindingsError

DAY = 86_400_000
SEGMENTS = ("buyers", "warm_leads")
A = Call("did", (("events", ("A",)),))
B = Call("did", (("events", ("B",)),))
C = Call("did", (("events", ("C",)),))
COUNT = Call("count", (("events", ("A",)),))
SINCE = Call("since", (("events", ("A",)),))
X, Y = Trait(("x",)), Trait(("y",))

TREES: dict[str, Node] = {
    # calls, and what their rows bind
    "did('A')": A,
    'did("A")': A,
    "did(['A'])": A,
    "count(['B', 'A', 'B'])": Call("count", (("events", ("A", "B")),)),
    "did('Email *')": Call("did", (("events", ("Email *",)),)),
    "count('A', within='1d12h')": Call("count", (("events", ("A",)), ("within", DAY * 3 // 2))),
    "did('A', after='B', within='24h')": Call("did", (("events", ("A",)), ("within", DAY), ("after", On(("B",), None)))),
    "did('A', after=['C', 'B'])": Call("did", (("events", ("A",)), ("after", On(("B", "C"), None)))),
    "last('A', 'x.y')": Call("last", (("events", ("A",)), ("property", ("x", "y")))),
    "segment('buyers')": Call("segment", (("id", "buyers"),)),
    "in_segment_for('buyers')": Call("in_segment_for", (("id", "buyers"),)),
    "age(trait.birthday)": Call("age", (("x", Trait(("birthday",))),)),
    "bucket('test')": Call("bucket", (("name", "test"),)),
    "has(trait.x)": Call("has", (("x", X),)),
    "coalesce(trait.x, trait.y, 0)": Call("coalesce", (("items", (X, Y, Const(0))),)),
    "coalesce(trait.x)": Call("coalesce", (("items", (X,)),)),
    "everyone": Call("everyone", ()),
    # traits and properties
    "trait.x": X,
    "trait.a.b": Trait(("a", "b")),
    "trait('any name')": Trait(("any name",)),
    "trait('any name').deeper": Trait(("any name", "deeper")),
    "trait.lower": Trait(("lower",)),
    "did('A', where=price > 3)": Call("did", (("events", ("A",)), ("where", Compare(">", Prop(("price",)), Const(3))))),
    "did('A', where=a.b)": Call("did", (("events", ("A",)), ("where", Prop(("a", "b"))))),
    "did('A', where=prop('any name'))": Call("did", (("events", ("A",)), ("where", Prop(("any name",))))),
    "did('A', where=prop('any name').deeper)": Call("did", (("events", ("A",)), ("where", Prop(("any name", "deeper"))))),
    "did('A', where=segment == count)": Call("did", (("events", ("A",)), ("where", Compare("==", Prop(("segment",)), Prop(("count",)))))),
    "did('A', where=has(coupon))": Call("did", (("events", ("A",)), ("where", Call("has", (("x", Prop(("coupon",))),))))),
    # constants
    "trait.x == 'it\\'s'": Compare("==", X, Const("it's")),
    "trait.x == 'a' 'b'": Compare("==", X, Const("ab")),
    "trait.x == -5": Compare("==", X, Const(-5)),
    "trait.x == 1_000.5": Compare("==", X, Const(1000.5)),
    "trait.x == False": Compare("==", X, Const(value=False)),
    "trait.x == '7d'": Compare("==", X, Const("7d")),
    "trait.x == ['a', 1]": Compare("==", X, ListOf((Const("a"), Const(1)))),
    # and, or, not, if
    "did('A') and did('B') and did('C')": And((A, B, C)),
    "did('A') and (did('B') and did('C'))": And((A, B, C)),
    "did('A') or (did('B') or did('C'))": Or((A, B, C)),
    "did('A') and (did('B') or did('C'))": And((A, Or((B, C)))),
    "not did('A') and did('B')": And((Not(A), B)),
    "not (did('A') and did('B'))": Not(And((A, B))),
    "trait.x if did('A') else trait.y": If(A, X, Y),
    # comparisons
    "1 < trait.x": Compare("<", Const(1), X),
    "1 < trait.x <= 3": And((Compare("<", Const(1), X), Compare("<=", X, Const(3)))),
    "1 < trait.x < 3 and did('A')": And((Compare("<", Const(1), X), Compare("<", X, Const(3)), A)),
    "trait.x in ['a', 'b']": In(X, ListOf((Const("a"), Const("b"))), negated=False),
    "'a' not in trait.x": In(Const("a"), X, negated=True),
    "trait.x is None": IsNone(X, negated=False),
    "trait.x is not None": IsNone(X, negated=True),
    "trait.x == None": IsNone(X, negated=False),
    "None != trait.x": IsNone(X, negated=True),
    "trait.x in ['a', None]": Or((In(X, ListOf((Const("a"),)), negated=False), IsNone(X, negated=False))),
    "trait.x not in ['a', None]": And((In(X, ListOf((Const("a"),)), negated=True), IsNone(X, negated=True))),
    "trait.x in [None]": IsNone(X, negated=False),
    # arithmetic
    "trait.x + trait.y * 2 > 1": Compare(">", Arith("+", X, Arith("*", Y, Const(2))), Const(1)),
    "(trait.x - trait.y) / 2 > 1": Compare(">", Arith("/", Arith("-", X, Y), Const(2)), Const(1)),
    "-trait.x > 1": Compare(">", Neg(X), Const(1)),
    "- -5 < trait.x": Compare("<", Const(5), X),
    # methods
    "trait.x.lower() == 'a'": Compare("==", Method("lower", X, None), Const("a")),
    "trait.x.lower().contains('a')": Method("contains", Method("lower", X, None), Const("a")),
    "trait.x.startswith(trait.y)": Method("startswith", X, Y),
    "trait.x.matches(r'^a\\d')": Method("matches", X, Const("^a\\d")),
    "trait.x.endswith('a')": Method("endswith", X, Const("a")),
    # durations, wherever one is compared
    "since('A') >= '30m'": Compare(">=", SINCE, Duration(1_800_000)),
    "'-1d' < age(trait.x)": Compare("<", Duration(-DAY), Call("age", (("x", X),))),
    "'1d' <= since('A') < '2d'": And((Compare("<=", Duration(DAY), SINCE), Compare("<", SINCE, Duration(2 * DAY)))),
    "since('A') in ['1d', '48h']": In(SINCE, ListOf((Duration(DAY), Duration(2 * DAY))), negated=False),
    "'1d' in [since('A')]": In(Duration(DAY), ListOf((SINCE,)), negated=False),
    "coalesce(since('A'), in_segment_for('buyers')) > '1d'": Compare(
        ">", Call("coalesce", (("items", (SINCE, Call("in_segment_for", (("id", "buyers"),)))),)), Duration(DAY)
    ),
    "(since('A') if did('B') else since('A')) > '1d'": Compare(">", If(B, SINCE, SINCE), Duration(DAY)),
    "since('A') > in_segment_for('buyers')": Compare(">", SINCE, Call("in_segment_for", (("id", "buyers"),))),
    # layout
    "  did('A')  ": A,
    "did('A')\nand did('B')  # both\n": And((A, B)),
    "# first\ndid(\n  'A'\n)": A,
    "((did('A')))": A,
    "did('A',)": A,
}


@pytest.mark.parametrize("text", TREES)
def test_the_tree_of_a_rule(text: str) -> None:
    assert (TREES[text], []) == parse(text, SEGMENTS)


def test_where_of_its_own_is_read_over_properties() -> None:
    assert (And((Prop(("a",)), Prop(("everyone",)))), []) == parse("a and everyone", where=True)
    assert [problem.at for problem in parse("did('A')", where=True)[1]] == [0]


PROBLEMS = {
    # text -> (offset, what the problem says)
    "": (0, "got nothing"),
    "# only a remark": (0, "got nothing"),
    "did('A'": (3, "never closed"),
    "did('A'))": (8, "closes nothing"),
    "[did('A')": (0, "never closed"),
    "did('A]) and 'x'": (15, "open quote"),
    "did('A') and": (12, "Python's syntax"),
    "did('A') &&  did('B')": (9, "must be `and`"),
    "did('A') || did('B')": (9, "must be `or`"),
    "did('A') OR did('B')": (9, "must be `or`"),
    "did('&&') AND did('B')": (10, "must be `and`"),
    "trait.x <> 3": (8, "must be `!=`"),
    "trait.x = 3": (0, "equality is written `==`"),
    "did('A'), did('B')": (0, "commas between them"),
    "did('A', where=class == 3)": (15, "prop('class')"),
    "didd('A')": (0, "did you mean 'did'?"),
    "not  didd('A')": (5, "did you mean 'did'?"),
    "'ä' == trait.ö and didd('A')": (19, "did you mean 'did'?"),
    "trait.x > 1 and\n  didd('A')": (18, "did you mean 'did'?"),
    "segment('buyer')": (8, "did you mean 'buyers'?"),
    "segment(buyers)": (8, "did you mean 'buyers'?"),
    "buyers": (0, "written as segment(...)"),
    "everyon": (0, "did you mean 'everyone'?"),
    "everyone()": (0, "without parentheses"),
    "trait.x.lowr()": (0, "did you mean 'lower'?"),
    "did('A', wihtin='7d')": (9, "did you mean 'within'?"),
    "did('A', within='7 d')": (16, "a duration must be like"),
    "did('A', within='0d')": (16, "more than 0"),
    "did('A', within=7)": (16, "a duration in quotes"),
    "did('A', 'B')": (9, "a further `'B'`"),
    "did('A', where=trait.x)": (15, "event's properties alone"),
    "did('A', where=trait('x'))": (15, "event's properties alone"),
    "did('A', where=did('B'))": (15, "event's properties alone"),
    "did('A', where=bucket('x') < 1)": (15, "event's properties alone"),
    "did('A', where=x == true)": (20, "written `True`"),
    "prop('x')": (0, "inside `where`"),
    "trait.x is 3": (11, "before None"),
    "since('A') > '30'": (13, "a duration must be like"),
    "since('A') in ['1d', 'x']": (21, "a duration must be like"),
    "did(*['A'])": (4, "a further"),
    "did('A', **{})": (9, "`**`"),
    "first('A', '.x')": (11, "names with dots"),
    "did('A').x": (0, "after a trait or a property"),
    "'\\ud800' == trait.x": (0, "Unicode"),
    "did('\0')": (5, "Unicode"),
    "did('\ud800')": (5, "Unicode"),
    "trait.x < 1e999": (10, "finite"),
    "trait.x < 0x" + "f" * 400: (10, "finite"),
    "1j == trait.x": (0, "a string, a number"),
    "not " * (MAX_DEPTH + 1) + "trait.x": (0, "nest at most"),
    "(" * 1000: (MAX_DEPTH, "nest at most"),
    "x" * (MAX_CHARACTERS + 1): (0, "at most 20000 characters"),
}


@pytest.mark.parametrize("text", PROBLEMS, ids=lambda text: text[:40])
def test_the_problem_with_a_rule(text: str) -> None:
    node, problems = parse(text, SEGMENTS)
    assert node is None
    assert [PROBLEMS[text][0]] == [problem.at for problem in problems]
    assert PROBLEMS[text][1] in problems[0].text


def test_all_problems_come_at_once() -> None:
    node, problems = parse("didd('A') and trait.x.lowr() and count() > 1 and foo")
    assert node is None
    assert [problem.at for problem in problems] == [0, 14, 33, 49]


def test_segments_are_taken_as_they_come_where_they_are_not_known() -> None:
    assert Call("segment", (("id", "any"),)) == rule("segment('any')")


def test_rule_raises_with_line_and_column() -> None:
    with pytest.raises(FindingsError) as caught:
        rule("did('A') and\n  (didd('B')\n or foo)")
    assert [(finding.line, finding.column) for finding in caught.value.findings] == [(2, 4), (3, 5)]


def test_nodes_know_their_place() -> None:
    node = rule("did('A') and  not count('B') > 3")
    assert isinstance(node, And)
    assert isinstance(node.items[1], Not)
    assert (node.items[0].at, node.items[1].at, node.items[1].item.at) == (0, 14, 18)


def test_a_call_more_is_a_row_more(monkeypatch: pytest.MonkeyPatch) -> None:
    row = CALLS["count"]
    monkeypatch.setitem(CALLS, "visits", replace(row, name="visits"))
    assert Compare(">", Call("visits", (("events", ("A",)), ("within", DAY))), Const(3)) == rule("visits('A', within='1d') > 3")


HOSTILE = {
    "minus signs": "-" * 19_990 + "1",
    "attributes": "trait" + ".a" * 9_000,
    "sum": "+".join("1" * 9_000),
    "calls": "f" + "()" * 9_000,
    "conditions": "1 if 1 else " * 1_500 + "1",
    "lambdas": "lambda:" * 2_800 + "1",
    "digits": "9" * 19_990,
    "quotes": "'" * 19_990,
    "triple quotes": "'''\\" * 4_000,
    "formatted": "f'" + "{x}" * 6_000 + "'",
    "mixed brackets": "([{" * 6_000,
    "backslashes": "\\\n" * 9_000,
    "blanks": " " * 19_990,
    "carriage returns": "did('A')\r" * 2_000,
    "identifier": "x" * 19_990,
    "argument": f"did({'x' * 19_000}=1)",
    "attribute": f"did('A').{'x' * 19_000}",
    "method": f"trait.x.{'x' * 19_000}()",
    "segment": f"segment('{'x' * 19_000}')",
    "list": f"trait.x in [{', '.join(['1'] * 6_000)}]",
    "chain": "<".join(["trait.x"] * 2_000),
    "decorators": "a@" * 9_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_gives_a_tree_or_short_problems(name: str) -> None:
    read(HOSTILE[name])


words = st.sampled_from(
    [
        *(*CALLS, *METHODS),
        *["trait", "prop", "buyers", "x", "price", "None", "True", "true", "and", "or", "not", "in", "is", "if", "else", "lambda", "await"],
        *[
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ".",
            ":",
            "=",
            "==",
            "!=",
            "<",
            "<=",
            "+",
            "-",
            "*",
            "/",
            "**",
            ":=",
            "&&",
            "#",
            "\\",
            "'A'",
            '"B"',
            "'7d'",
            "'",
            "'''",
            "f'",
            "0",
            "1.5",
            "1e999",
            "within=",
            "where=",
            "after=",
        ],
        *("\n", "\x00", "\ud800", "ä", " "),
    ]
)


@given(st.text(max_size=200))
@example("\x0c")
@example("a\\")
@example("\ufeffeveryone")
def test_any_text_gives_a_tree_or_problems(text: str) -> None:
    read(text)


@given(st.lists(words, max_size=30), st.sampled_from(["", " "]))
def test_any_row_of_words_gives_a_tree_or_problems(parts: list[str], between: str) -> None:
    read(between.join(parts))


@given(st.sampled_from(sorted(TREES)), st.integers(0, 80), st.integers(0, 3), words)
def test_any_slip_of_the_pen_gives_a_tree_or_problems(text: str, at: int, cut: int, put: str) -> None:
    read(text[:at] + put + text[at + cut :])


def read(text: str) -> None:
    """Parses and checks; what comes out is one of the two things, places lie in the text, and problems are short."""
    for where in (False, True):
        node, problems = parse(text, SEGMENTS, where=where)
        assert (node is None) is bool(problems)
        if node is not None:
            problems = check(node, Known(400 * DAY), text, ("A",) if where else None)
        for problem in problems:
            assert 0 <= problem.at <= len(text)
            assert len(problem.text) < 500
