"""The canonical text: one for all spellings of a tree, a rule again, and told apart wherever meanings differ."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.language.canonical import canonical, version
from operators.language.nodes import (
    And,
    Arith,
    ArithOp,
    Call,
    Compare,
    CompareOp,
    Const,
    If,
    In,
    IsNone,
    Item,
    ListOf,
    Method,
    MethodName,
    Neg,
    Node,
    Not,
    On,
    Or,
    Prop,
    Step,
    Trait,
)
from operators.language.parse import parse, rule

SPELLINGS = {
    "count('Product Viewed', within='7d')": [
        'count("Product Viewed",within="7d")',
        "count(['Product Viewed'], within='168h')",
        "(count('Product Viewed', within='1w'))",
    ],
    "did(['A', 'B'], within='1d', after='C')": [
        "did(['B','A','B'], after='C', within='24h')",
        "did(['A', 'B'],\n  after=['C'],  # last\n  within='1d')",
    ],
    "trait.x == 'it\\'s'": ['trait("x") == "it\'s"', "trait.x=='it' '\\'s'"],
    "trait('any name').x is None": ["trait('any name').x == None", "None is trait('any name').x"],
    "trait.x > 1": ["trait.x > 1.0", "trait.x>0x1", "trait.x > - -1"],
    "did('A') and did('B') and did('C')": ["(did('A') and did('B')) and did('C')", "did('A') and (did('B') and did('C'))"],
    "1 < trait.x and trait.x < 3": ["1 < trait.x < 3", "(1) < trait.x < (3)"],
    "since('A') >= '1d12h'": ["since('A') >= '36h'", "since('A') >= '12h1d'"],
    "did('A', where=prop('a b').c == 1 and d.e)": ["did('A', where=(prop('a b').c == 1) and prop('d').e)"],
    "not (did('A') or did('B'))": ["not(did('A')or did('B'))"],
    "everyone": [" everyone ", "(everyone)"],
    "coalesce(trait.a, trait.b, 0) > 1 - (2 - trait.c)": ["coalesce(trait.a,trait.b,0)>1-(2-trait.c)"],
    "bucket('x') < 0.05": ["bucket('x') < 5e-2"],
}

DIFFERENT = [
    ("did('A', where=x == 1)", "did('A', where=x == True)"),
    ("did('A', where=x == 1)", "did('A', where=x == '1')"),
    ("did('A', where=x.y)", "did('A', where=prop('x.y'))"),
    ("trait.x.y", "trait('x.y')"),
    ("did(['A', 'B'])", "did('A, B')"),
    ("did('A')", "did('A ')"),
    ("did('A') or did('B') and did('C')", "(did('A') or did('B')) and did('C')"),
    ("1 - (2 - trait.x) > 0", "1 - 2 - trait.x > 0"),
    ("-(trait.x + 1) > 0", "-trait.x + 1 > 0"),
    ("not trait.x == 1", "(not trait.x) == 1"),
    ("trait.x == '\\\\n'", "trait.x == '\\n'"),
    ("trait.x in ['a']", "trait.x not in ['a']"),
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_all_spellings_have_one_text_and_one_version(text: str) -> None:
    for spelling in [text, *SPELLINGS[text]]:
        assert text == canonical(rule(spelling))
        assert version(rule(text)) == version(rule(spelling))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_meanings_have_two_texts(one: str, other: str) -> None:
    assert canonical(rule(one)) != canonical(rule(other))


def test_a_version_never_changes() -> None:
    assert version(rule("did('Order Completed', within='30d')")) == "fd10316c"


names = st.one_of(
    st.sampled_from(["x", "price", "trait", "true", "NULL", "None", "class", "everyone", "a b", "größe", "a.b", "it's"]),
    st.text(min_size=1, max_size=5),
)
events = st.lists(names, min_size=1, max_size=3).map(lambda found: tuple(sorted(set(found))))
steps = st.lists(st.sampled_from(["x", "lower", "y1"]), max_size=2)
paths = st.builds(lambda first, rest: (first, *rest), names, steps)
dotted = st.lists(names.filter(lambda name: "." not in name), min_size=1, max_size=3).map(tuple)
windows = st.integers(1, 10**10)
numbers = st.one_of(st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False))
constants = st.one_of(st.booleans(), numbers, st.text(max_size=8)).map(Const)
compares: Sequence[CompareOp] = ("==", "!=", "<", "<=", ">", ">=")
ariths: Sequence[ArithOp] = ("+", "-", "*", "/")
methods: Sequence[MethodName] = ("startswith", "endswith", "contains")


def call(name: str, /, **arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Node]:
    """Calls with all of the arguments given."""
    return st.builds(lambda values: Call(name, tuple((key, values[key]) for key in arguments)), st.fixed_dictionaries(arguments))


def flat(make: type[And] | type[Or], items: list[Node]) -> Node:
    """As the parser makes it: `and` within `and` is one."""
    return make(tuple(inner for item in items for inner in (item.items if isinstance(item, make) else (item,))))


def negative(item: Node) -> Node:
    """As the parser makes it: the sign of a number is part of it."""
    if isinstance(item, Const) and isinstance(item.value, int | float) and not isinstance(item.value, bool):
        return Const(-item.value)
    return Neg(item)


def trees(leaves: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Trees that a rule can have, with every form in every other one."""

    def forms(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        return st.one_of(
            st.builds(flat, st.just(And), st.lists(inner, min_size=2, max_size=3)),
            st.builds(flat, st.just(Or), st.lists(inner, min_size=2, max_size=3)),
            st.builds(Not, inner),
            st.builds(If, inner, inner, inner),
            st.builds(Compare, st.sampled_from(compares), inner, inner),
            st.builds(In, inner, inner, st.booleans()),
            st.builds(IsNone, inner, st.booleans()),
            st.builds(Arith, st.sampled_from(ariths), inner, inner),
            st.builds(negative, inner),
            st.builds(Method, st.just("lower"), inner, st.none()),
            st.builds(Method, st.sampled_from(methods), inner, inner),
            st.lists(inner, max_size=3).map(lambda items: ListOf(tuple(items))),
            call("has", x=inner),
            call("coalesce", items=st.lists(inner, min_size=1, max_size=3).map(tuple)),
            call("len", x=inner),
            *(call(name, list=inner, item=items) for name in ("any", "all", "total")),
        )

    return st.recursive(leaves, forms, max_leaves=8)


inside = st.lists(st.sampled_from(["x", "lower", "y1"]), max_size=2).map(tuple)
items: st.SearchStrategy[Node] = st.deferred(lambda: trees(st.one_of(constants, paths.map(Prop), st.builds(Item, inside))))
wheres = trees(st.one_of(constants, paths.map(Prop)))
ons = st.builds(On, events, st.none() | wheres)
times = st.integers(1, 1000)
instants = st.sampled_from(["2026-01-31", "2026-01-31T12:00:00.5Z"])
filters = {
    "within": windows,
    "where": wheres,
    "after": ons,
    "from_": instants,
    "until": instants,
    "this": names,
    "same": dotted,
    "as_": ons,
}
path_steps = st.lists(st.builds(Step, ons, st.booleans()), min_size=1, max_size=4).map(tuple)
rules: st.SearchStrategy[Node] = trees(
    st.one_of(
        constants,
        paths.map(Trait),
        call("did", events=events),
        call("count", events=events, **filters),
        call("unique", events=events, property=dotted, **filters),
        call("regularly", events=events, every=windows, at_least=times, of=times, where=wheres),
        call("stopped", events=events, active=windows, silent=windows),
        call("funnel", steps=path_steps, within=windows),
        call("held", rule=st.deferred(lambda: rules), at_least=windows),
        call("anniversary", x=paths.map(Trait), within=windows),
        call("score", model=names),
        st.just(Call("weekday", ())),
        call("first", events=events, property=dotted, where=wheres),
        call("segment", id=names),
        call("bucket", name=names),
        st.just(Call("everyone", ())),
    )
)


@given(rules)
def test_the_canonical_text_is_a_rule_with_an_equal_tree(node: Node) -> None:
    again, problems = parse(canonical(node))
    assert (node, []) == (again, problems)
    assert canonical(node) == canonical(rule(canonical(node)))


@given(wheres)
def test_so_is_that_of_a_where(node: Node) -> None:
    assert (node, []) == parse(canonical(node), where=True)
