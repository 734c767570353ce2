"""What `beckon test` prints: on a terminal and in a pipe, wide and narrow."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from flows.case_report import missing_line, show_failures, show_results, summary
from flows.cases import Result, run_cases
from operators.plan.read import read_tested_plan
from tests.flows.test_cases import ADDED, PLAN

CASES = f"""\
cases:
  a cart that is left for half an hour is one that is left behind:
    given: [{ADDED}]
    after: +30m
    then: {{entered: [carts: +30m]}}
  short:
    title: An umlaut in a title, ä, and words enough that a narrow terminal has to fold them
    given: [{ADDED.replace("at", "user: anna, at")}, {ADDED.replace("at", "user: ben, at")}]
    then:
      - {{after: +30m-1ms, members: {{anna: [carts]}}, triggers: {{anna: [reminder]}}}}
      - {{after: +30m, not_members: {{ben: [carts, buyers]}}}}
"""


@pytest.fixture(scope="module")
def results() -> list[Result]:
    plan, cases = read_tested_plan(PLAN | {"cases/a.yaml": CASES})
    return list(run_cases(plan, cases))


def printed(results: list[Result], width: int, *, terminal: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n", errors="replace")
    out = Console(
        file=file, width=width, force_terminal=terminal, color_system="standard" if terminal else None, highlight=False, _environ={}
    )
    assert show_results(iter(results), Path("shop"), out) == results
    show_failures(results, Path("shop"), out)
    file.flush()
    return raw.getvalue().decode(encoding)


WIDE = """\
shop/cases/a.yaml
  ✓ a cart that is left for half an hour is one that is left behind
  ✗ An umlaut in a title, ä, and words enough that a narrow terminal has to fold them

✗ An umlaut in a title, ä, and words enough that a narrow terminal has to fold them
  after +30m-1ms  shop/cases/a.yaml:10
    members of anna
      expected  carts
      actual    lucky
      carts: never entered
        rule since('Product Added') >= '30m' and not did('Order Completed', after='Product Added')
        since('Product Added') = 29m59s999ms
        did('Order Completed', after='Product Added') = false
      lucky: in it since +0s, by 'Product Added' of +0s
        rule bucket('draw') < 0.5
        bucket('draw') = 0.04319182167321887
    triggers of anna
      expected  reminder
      actual    none
      reminder: never started; it does when somebody enters carts
  after +30m  shop/cases/a.yaml:11
    not_members of ben
      expected  none of carts, buyers
      actual    carts
      carts: in it since +30m, as time passed
        rule since('Product Added') >= '30m' and not did('Order Completed', after='Product Added')
        since('Product Added') = 30m
        did('Order Completed', after='Product Added') = false
"""


def test_a_line_a_case_and_then_what_failed_with_the_why(results: list[Result]) -> None:
    assert printed(results, 120) == WIDE


def test_a_terminal_gets_the_same_words_with_colours(results: list[Result]) -> None:
    coloured = printed(results, 120, terminal=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == WIDE


def test_what_makes_the_difference_stands_out(results: list[Result]) -> None:
    coloured = printed(results, 120, terminal=True)
    assert "none of carts, buyers" in coloured
    assert "actual    \x1b[1;31mcarts\x1b[0m\n" in coloured


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_a_narrow_terminal_gets_the_same_words_folded(results: list[Result], width: int) -> None:
    narrow = printed(results, width)
    assert narrow.split() == WIDE.split()
    assert [line for line in narrow.splitlines() if len(line) > width and "shop/cases" not in line] == []
    assert [line for line in narrow.splitlines() if line != line.rstrip()] == []


def test_an_output_that_is_no_unicode_gets_words_for_signs(results: list[Result]) -> None:
    assert [line.split()[0] for line in printed(results, 120, encoding="ascii").splitlines()[1:3]] == ["ok", "FAIL"]


def test_the_sum(results: list[Result]) -> None:
    assert summary(results, 2, 0.1234) == "2 cases: 1 failed, 1 passed in 0.12 s"
    assert summary(results[:1], 1, 0) == "1 case: 1 passed in 0.00 s"
    assert summary(results, 1002, 3) == "1,002 cases: 1 failed, 1,000 not run, 1 passed in 3.00 s"


def test_what_is_in_no_case() -> None:
    assert missing_line({"segments": ["a", "b"], "campaigns": ["c"]}) == "in no case: segments a, b; campaigns c"
    assert missing_line({"segments": [], "campaigns": []}) == ""
