"""What the check refuses, and, above all, what it lets through; the findings word for word stand in tests/operators/plan/broken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from operators.language.calls import CALLS
from operators.language.check import Known, check, kind_of, nearest, never_none, segments_of
from operators.language.nodes import Kind
from operators.language.parse import METHODS, parse, rule

DAY = 86_400_000
CASES = Path(__file__).resolve().parents[4] / "shared" / "design" / "cases"
TRACKING: dict[str, dict[str, Any]] = {
    "Product Viewed": {"properties": {"price": {}, "brand": {"properties": {"name": {}}}}},
    "Order Completed": {"properties": {"total": {}}},
    "Page Viewed": {"properties": {"path": {}}},
    "Email Opened": {},
    "Email Clicked": {"properties": {"link": {}}, "additionalProperties": True},
}
KNOWN = Known(history_ms=400 * DAY, events=TRACKING)

GOOD = [
    # values that are known only when they are met can be of every kind
    *("trait.x", "not trait.vip", "trait.x == trait.y", "trait.x < trait.y", "trait.x != 3", "trait.x == 'a'", "trait.x in trait.y"),
    *(
        "trait.x > 1 and trait.x > 'a'",
        "trait.x + trait.y > 1",
        "-trait.x > 1",
        "trait.x.contains(trait.y)",
        "trait.x if trait.y else trait.z",
    ),
    *(
        "last('A', 'x') == first('B', 'x')",
        "last('A', 'x')",
        "coalesce(trait.x, 0) > 3",
        "coalesce(trait.x, 'a').lower() == 'a'",
        "has(count('A'))",
    ),
    *("age(trait.x) < '-1d'", "age(last('A', 'x')) > '365d'", "age('2026-01-01') > '1d'", "age(0) > '1d'", "trait.x == ['a', 1, None]"),
    # comparisons that can hold and can fail to
    *(
        "count('A') > 0",
        "count('A') >= 1",
        "count('A') == 0",
        "count('A') != 0",
        "count('A') <= 0",
        "count('A') == 2.0",
        "count('A') > 2.5",
        "0 < count('A')",
    ),
    *("count('A') > count('B')", "count('A') == trait.x", "count('A') in [0, 1]", "count('A') - count('B') < 0", "-count('A') < 0"),
    *("did('A') < did('B')", "did('A') == did('B')", "did('A') == True", "did('A') != trait.x", "(did('A') and did('B')) == trait.x"),
    *(
        "bucket('x') < 0.5",
        "bucket('x') >= 0.5",
        "since('A') >= '0s'",
        "since('A') > '0s'",
        "since('A') == '1d'",
        "since('A') < since('B')",
    ),
    *("since('A', within='7d') >= '6d'", "since('A', within='7d') < '7d'", "trait.x == trait.x", "in_segment_for('s') > age(trait.x)"),
    *(
        "since('A') is None",
        "trait.x is None",
        "in_segment_for('s') is not None",
        "first('A', 'x') == None",
        "coalesce(trait.x, trait.y) is None",
    ),
    # wholes
    *("everyone", "not everyone", "True", "has(trait.x)", "segment('s')", "did('A') if trait.x else did('B')", "trait.x.startswith('a')"),
    *(
        "did('A', within='400d')",
        "did('A', where=x)",
        "did('A', where=x == 1 and y.z in ['a'] and not prop('a b').matches('^a'))",
        "did('A', after='B')",
    ),
]
"""Rules that section 4 allows; some say little."""


@pytest.mark.parametrize("text", GOOD)
def test_what_the_language_allows_passes(text: str) -> None:
    node, problems = parse(text)
    assert node is not None, problems
    assert check(node, Known(history_ms=400 * DAY), text) == []


BAD = {
    "count('A')": "a rule must be true or false",
    "None": "a rule must be true or false",
    "since('A')": "a rule must be true or false",
    "trait.x.lower()": "a rule must be true or false",
    "1 if did('A') else 2": "a rule must be true or false",
    "did('A') and 3": "beside `and` must be a boolean",
    "not 'a'": "after `not` must be a boolean",
    "did('A') + 1 > 2": "beside `+` must be a number",
    "count('A').lower() == 'a'": "called on must be a string",
    "trait.x.contains(1)": "argument of `.contains()` must be a string",
    "trait.x.matches('(')": "must be a pattern",
    "count('A') == 'a'": "of one kind",
    "count('A') != 'a'": "of one kind",
    "did('A') == 1": "of one kind",
    "'a' in [1, trait.x]": "of one kind",
    "trait.x in 'abc'": "must be a list",
    "trait.x in []": "must not be empty",
    "['a'] < trait.x": "by == or !=",
    "trait.x < None": "by `is None`",
    "count('A') is None": "never is",
    "did('A') is not None": "never is",
    "coalesce(trait.x, 0) is None": "never is",
    "count('A') >= 0": "always holds",
    "count('A') > -1": "always holds",
    "count('A') != -1": "always holds",
    "count('A') < 0": "never holds",
    "count('A') == -1": "never holds",
    "count('A') == 0.5": "never holds",
    "0 > count('A')": "never holds",
    "-count('A') > 0": "never holds",
    "bucket('x') >= 1": "never holds",
    "bucket('x') <= 1": "always holds",
    "did('A') > True": "never holds",
    "did('A') >= False": "always holds",
    "count('A') > count('A')": "never holds",
    "count('A') == count('A')": "always holds",
    "trait.x != trait.x": "never holds",
    "since('A') < '0s'": "never holds",
    "since('A') < '-1d'": "never holds",
    "since('A', within='7d') >= '7d'": "never holds",
    "1 == 1": "compares constants",
    "'a' in ['a']": "compares constants",
    "2 * 3 > 4 - 1": "compares constants",
    "since('A') > 3": "a duration such as '30m'",
    "since('A') > trait.x": "a duration such as '30m'",
    "since('A') in trait.x": "a duration such as '30m'",
    "since('A') > since('B') + 1": "beside `+` must be a number",
    "coalesce(since('A'), 0) > '1d'": "must all be durations",
    "coalesce(since('A'), trait.x) > '1d'": "must all be durations",
    "(since('A') if trait.x else trait.y) > '1d'": "must all be durations",
    "trait.x / 0 > 1": "division by zero",
    "age(did('A')) > '1d'": "a string or a number",
    "did('A', within='401d')": "the history that is kept, 400d",
    "did('A', where=x + 1)": "`where` must be true or false",
    "did('A', where=x == 'a' + 1)": "beside `+` must be a number",
    "not (did('A') and (did('B') or count('C') < 0))": "never holds",
}


@pytest.mark.parametrize("text", BAD)
def test_what_can_only_be_a_mistake_is_a_problem(text: str) -> None:
    node, problems = parse(text)
    assert node is not None, problems
    assert any(BAD[text] in problem.text for problem in check(node, Known(history_ms=400 * DAY), text))


KINDS: dict[str, Kind] = {
    "None": "none",
    "True": "boolean",
    "1": "number",
    "'a'": "string",
    "['a']": "list",
    "since('A')": "duration",
    "trait.x": "any",
    "trait.x + 1": "number",
    "-trait.x": "number",
    "trait.x.lower()": "string",
    "trait.x.contains('a')": "boolean",
    "trait.x > 1": "boolean",
    "did('A') or trait.x": "boolean",
    "1 if did('A') else 2": "number",
    "1 if did('A') else None": "number",
    "1 if did('A') else 'a'": "any",
    "coalesce(since('A'), since('B'))": "duration",
    "coalesce(trait.x, 1)": "any",
    "coalesce(None)": "none",
}


@pytest.mark.parametrize("text", KINDS)
def test_the_kind_of_an_expression(text: str) -> None:
    assert KINDS[text] == kind_of(rule(text))


@pytest.mark.parametrize(
    ("text", "never"),
    {
        "1": True,
        "None": False,
        "did('A')": True,
        "since('A')": False,
        "trait.x": False,
        "coalesce(trait.x, 1)": True,
        "trait.x.lower()": False,
    }.items(),
)
def test_what_is_never_none(text: str, never: bool) -> None:
    assert never is never_none(rule(text))


def test_the_segments_of_a_rule_are_found_at_any_depth() -> None:
    node = rule("not (segment('a') or coalesce(in_segment_for('b'), since('A')) > '1d') if has(segment('c')) else did('A')")
    assert {"a", "b", "c"} == segments_of(node)


TRACKED = {
    "did('Product Viewed', where=price > 1)": "",
    "did('Product *')": "",
    "did('*', where=total > 1)": "",
    "did('Identified', where=anything)": "",
    "did('Screen Viewed', where=anything)": "",
    "did('Page Viewed', where=path == 'a' and name == 'b' and category == 'c')": "",
    "did('Email Opened', where=anything.at.all)": "",
    "did('Unsubscribed', where=anything)": "",
    "latest('Email Verified', where=status == 'undeliverable')": "",
    "did('Duplicate Refused')": "",
    "did('Unsubscribe')": "did you mean 'Unsubscribed'?",
    "did('Email Clicked', where=anything)": "",
    "did('Product Viewed', where=brand.name == 'a')": "",
    "did('Product Viewed', where=price.deeper)": "",
    "did(['Product Viewed', 'Order Completed'], where=total > 1)": "",
    "first('Product Viewed', 'brand.name')": "",
    "did('Product Vewed')": "did you mean 'Product Viewed'?",
    "did('Cart *')": "got 'Cart *'",
    "did('*', after='Order Complete')": "did you mean 'Order Completed'?",
    "did('Product Viewed', where=prise > 1)": "did you mean 'price'?",
    "did('Product Viewed', where=brand.nam == 'a')": "did you mean 'name'?",
    "did('Page Viewed', where=pth)": "did you mean 'path'?",
    "first('Product Viewed', 'total')": "knows of 'Product Viewed'; got 'total'",
    "did(['Product Viewed', 'Order Completed'], where=tota > 1)": "knows of these events; got 'tota'; did you mean 'total'?",
}


@pytest.mark.parametrize("text", TRACKED)
def test_the_tracking_plan(text: str) -> None:
    problems = check(rule(text), KNOWN, text)
    assert (1 if TRACKED[text] else 0) == len(problems)
    assert all(TRACKED[text] in problem.text for problem in problems)
    assert check(rule(text), Known(history_ms=400 * DAY), text) == []


def test_problems_point_at_the_name_in_quotes() -> None:
    text = "did('Order Completed') or  did(['Product Viewed', 'Oder'], within='900d')"
    assert [text.index("'Oder'"), text.index("'900d'")] == [problem.at for problem in check(rule(text), KNOWN, text)]
    assert [text.index("did(['P")] * 2 == [problem.at for problem in check(rule(text), KNOWN)]


def test_without_history_no_window_is_too_long() -> None:
    assert check(rule("did('A', within='9999d')"), Known(history_ms=None)) == []


def test_the_nearest_name_is_one_that_is_near() -> None:
    assert nearest("wihtin", ["where", "within"]) == "; did you mean 'within'?"
    assert nearest("product viewed", ["Product Viewed"]) == "; did you mean 'Product Viewed'?"
    assert nearest("zzz", ["where", "within"]) == ""
    assert nearest("where", ["where", "within"]) == ""
    assert nearest("", []) == ""


@pytest.mark.skipif(not CASES.is_dir(), reason="the worked cases of the design are not here")
def test_every_rule_of_the_worked_cases_passes() -> None:
    taken = 0
    for file in sorted(CASES.glob("*.yaml")):
        segments = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))["segments"]
        for id, text in segments.items():
            if set(re.findall(r"(?<![.\w])(\w+)\(", text)) <= {*CALLS, "trait", "prop", *METHODS, "and", "or", "not"}:
                node, problems = parse(text, segments)
                assert (file.name, id, []) == (file.name, id, problems or (node and check(node, Known(history_ms=400 * DAY), text)))
                taken += 1
    assert taken > 40


@given(st.integers(-3, 3), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.booleans())
def test_a_comparison_of_a_count_is_refused_where_all_counts_agree_and_only_there(number: int, op: str, turned: bool) -> None:
    text = f"{number} {op} count('A')" if turned else f"count('A') {op} {number}"
    outcomes = {eval(text.replace("count('A')", str(count))) for count in range(10)}  # noqa: S307 - the text is made here
    assert (len(outcomes) == 1) is bool(check(rule(text), Known(), text))
