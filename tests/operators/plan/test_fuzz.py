"""Whatever the files of a plan hold, there is a plan or findings at places in them, in steps that length and depth bound."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operators.plan import yaml_tree
from operators.plan.read import read_plan
from operators.plan.yaml_tree import MAX_CHARACTERS, MAX_DEPTH, read_tree
from schemas.errors import Finding, FindingsError

FILES = {
    "plan.yaml": """\
name: shop
timezone: Europe/Berlin
lateness: 1m30s
history: 90d
duplicates: off
identity: {limits: {email: 3}, blocked: ['test-.*']}
holdout: 5%
caps: [{most: 3, within: 7d}]
""",
    "segments.yaml": """\
segments:
  buyers: did('Order Completed', within='30d')
  "quiet": 'not segment("buyers") and computed("points") > 3'
  big:
    title: Big # spenders
    when: >-
      count('Order Completed')
      > 3
""",
    "computed.yaml": "computed:\n  points: count('Product Viewed') + 1\n  double: {title: Twice, value: 2 * computed('points')}\n",
    "tracking.yaml": """\
events:
  Order Completed:
    schema: {type: object, properties: {total: {type: number}}}
  Product Viewed:
""",
    "campaigns/cart.yaml": "on: event Order Completed where total > 3\nkey: total\nre_enter: after 1d\nsteps: [{send: cart}]\n",
    "campaigns/back.yaml": "on: exits buyers\nholdout: 0.1\nstate: draft\nsteps:\n  - send: back\n",
}


def settle(files: dict[str, str]) -> None:
    """Reads a plan, and asserts what holds of all files."""
    for finding in findings_of(files):
        lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", files.get(finding.file, ""))
        assert 1 <= finding.line <= len(lines) + 1
        assert finding.column >= 1
        assert len(finding.text) < 1000
        assert finding.text.isprintable()


def findings_of(files: dict[str, str]) -> tuple[Finding, ...]:
    """The findings, none where there is a plan."""
    try:
        read_plan(files)
    except FindingsError as error:
        return error.findings
    return ()


# --- files with mistakes --------------------------------------------------------------------------------------------------------------

TOKEN = re.compile(r"\n *|\w+|.", re.DOTALL)
PIECES = (
    *(
        "\n",
        "\n  ",
        "\n- ",
        "  ",
        "\t",
        ": ",
        ":",
        "- ",
        "? ",
        "# ",
        "'",
        '"',
        "{",
        "}",
        "[",
        "]",
        ",",
        "|",
        ">-",
        "&a ",
        "*a",
        "!x ",
        "!!int ",
        "%",
    ),
    *(
        "---\n",
        "...",
        "<<: ",
        "~",
        "null",
        "true",
        "no",
        ".inf",
        ".nan",
        "0x1f",
        "1e400",
        "9" * 200,
        "2026-01-05",
        "7d",
        "\0",
        "\x85",
        "\ufeff",
    ),
    *(
        "everyone",
        "segment('big')",
        "enters",
        "event",
        "after",
        "name",
        "segments",
        "when",
        "steps",
        "send",
        "on",
        "\ud800",
        "\U0001f600",
        "\\x00",
    ),
)
CHANGES: dict[str, Callable[[list[str], int, int, str], list[str]]] = {
    "insert": lambda tokens, i, j, piece: [*tokens[:i], piece, *tokens[i:]],
    "delete": lambda tokens, i, j, piece: [*tokens[:i], *tokens[i + 1 :]],
    "delete many": lambda tokens, i, j, piece: [*tokens[: min(i, j)], *tokens[max(i, j) :]],
    "swap": lambda tokens, i, j, piece: [tokens[{i: j, j: i}.get(place, place)] for place in range(len(tokens))],
    "repeat": lambda tokens, i, j, piece: [*tokens[:i], *tokens[min(i, j) : max(i, j) + 1] * 2, *tokens[i:]],
    "replace": lambda tokens, i, j, piece: [*tokens[:i], piece, *tokens[i + 1 :]],
}
"""What becomes of tokens at the places `i` and `j`."""

changes = st.lists(
    st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0), st.integers(0), st.sampled_from(PIECES) | st.characters()),
    min_size=1,
    max_size=4,
)
files = st.sampled_from(sorted(FILES))


def changed(tokens: list[str], mistakes: list[tuple[str, int, int, str]]) -> list[str]:
    for kind, i, j, piece in mistakes:
        tokens = CHANGES[kind](tokens, i % len(tokens), j % len(tokens), piece) if tokens else [piece]
    return tokens


@given(files, changes, st.booleans())
def test_good_files_with_mistakes(file: str, mistakes: list[tuple[str, int, int, str]], by_token: bool) -> None:
    tokens = TOKEN.findall(FILES[file]) if by_token else list(FILES[file])
    settle(FILES | {file: "".join(changed(tokens, mistakes))})


@given(files, changes)
def test_good_files_with_broken_bytes(file: str, mistakes: list[tuple[str, int, int, str]]) -> None:
    tokens = [chr(byte) for byte in FILES[file].encode()]
    settle(FILES | {file: "".join(changed(tokens, mistakes))})


@given(
    st.dictionaries(
        files | st.text(max_size=10).map(lambda name: name + ".yaml"), st.lists(st.sampled_from(PIECES), max_size=20).map("".join)
    )
)
def test_pieces_of_yaml_in_any_order(drawn: dict[str, str]) -> None:
    settle(drawn)


# --- values in wrong places -----------------------------------------------------------------------------------------------------------

KEYS = sorted(
    {*re.findall(r"(\w+):", "".join(FILES.values())), "holdout", "caps", "most", "within", "computed", "value", "key", "where", "state"}
    | {"duplicate_persons", "review", "merge"}
)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*PIECES, "did('Order Completed')", "after 7d"])
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4)
)


@given(files, values)
@example("plan.yaml", {"name": "a", "caps": [{"most": 10**400, "within": "1d"}]})
@example("plan.yaml", {"name": "a", "holdout": float("nan")})
def test_any_value_as_a_file(file: str, value: Any) -> None:
    settle(FILES | {file: json.dumps(value, ensure_ascii=False)})


@given(st.dictionaries(files, values, max_size=3), st.data())
def test_any_value_in_any_place(others: dict[str, Any], data: st.DataObject) -> None:
    file = data.draw(files)
    value = read_tree(file, FILES[file])[0].value
    box, key = value, data.draw(st.sampled_from(sorted(value)))
    while isinstance(box[key], dict | list) and box[key] and data.draw(st.booleans()):
        box = box[key]
        key = data.draw(st.sampled_from(sorted(box))) if isinstance(box, dict) else data.draw(st.integers(0, len(box) - 1))
    box[key] = data.draw(values)
    settle(FILES | {name: json.dumps(other) for name, other in others.items()} | {file: json.dumps(value)})


# --- deep and long --------------------------------------------------------------------------------------------------------------------

DEEP: dict[str, Callable[[int], str]] = {
    "lists": lambda n: "[" * n + "]" * n,
    "lists without end": lambda n: "[" * n,
    "lists on lines": lambda n: "[\n" * n,
    "mappings": lambda n: "{a: " * n + "1" + "}" * n,
    "dashes": lambda n: "- " * n + "1",
    "question marks": lambda n: "? " * n + "1",
    "indented keys": lambda n: "".join(" " * i + "a:\n" for i in range(n)),
    "indented dashes": lambda n: "".join(" " * i + "-\n" for i in range(n)),
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_files_are_refused(text: Callable[[int], str]) -> None:
    for depth in (MAX_DEPTH + 5, 400):
        tree, findings = read_tree("segments.yaml", text(depth))
        assert len(findings) == 1
        assert f"at most {MAX_DEPTH} deep" in findings[0].text or not tree.value


def test_a_file_that_stands_in_itself_is_refused() -> None:
    assert "deep" in str(findings_of({"plan.yaml": "name: a", "segments.yaml": "segments: &a {b: *a}"}))


def test_aliases_count_as_often_as_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_VALUES", 10_000)
    doubled = "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    _, findings = read_tree("segments.yaml", "a0: &a0 [x]\n" + doubled)
    assert "at most 10000 values" in findings[0].text


def rules(text: str) -> dict[str, str]:
    return {"segments.yaml": json.dumps({"segments": {"a": text}})}


def referring(to: list[int]) -> dict[str, str]:
    return {"segments.yaml": "segments:\n" + "".join(f"  s{i}: segment('s{other}')\n" for i, other in enumerate(to))}


LONG: dict[str, Callable[[int], dict[str, str]]] = {
    "segments": lambda n: {"segments.yaml": "segments:\n" + "".join(f"  s{i}: everyone\n" for i in range(n // 20))},
    "segments that refer to the next": lambda n: referring([i + 1 for i in range(n // 25)]),
    "segments in a circle": lambda n: referring([(i + 1) % (n // 25) for i in range(n // 25)]),
    "segments with unknown names": lambda n: {"segments.yaml": "segments:\n" + "".join(f"  s{i}: nobody\n" for i in range(n // 20))},
    "a rule of unknown names": lambda n: rules("[" + "y, " * (n // 3) + "y]"),
    "a rule of unknown names on many lines": lambda n: {"segments.yaml": "segments:\n  a: >-\n" + "    y or\n" * (n // 9) + "    y\n"},
    "a rule that is too long": lambda n: rules("did('A') or " * n),
    "keys that are none": lambda n: {"plan.yaml": "".join(f"key{i}: 1\n" for i in range(n // 10))},
    "repeated keys": lambda n: {"plan.yaml": "name: a\n" * (n // 8)},
    "caps": lambda n: {"plan.yaml": "name: a\ncaps: [" + "{most: x, within: y}, " * (n // 22) + "]"},
    "events of a tracking plan": lambda n: {"tracking.yaml": "events:\n" + "".join(f"  E{i}: {{schema: 5}}\n" for i in range(n // 20))},
    "computed values that use the next": lambda n: {
        "computed.yaml": "computed:\n" + "".join(f"  c{i}: computed('c{i + 1}') + 1\n" for i in range(n // 30))
    },
    "anchors": lambda n: {"segments.yaml": "segments:\n" + "".join(f"  s{i}: &x{i} everyone\n" for i in range(n // 20))},
    "a name": lambda n: {"plan.yaml": "name: " + "x" * n},
    "comments": lambda n: {"plan.yaml": "# x\n" * (n // 4) + "name: a\n"},
    "blank lines": lambda n: {"plan.yaml": "\n" * n + "name: a\n"},
    "spaces": lambda n: {"plan.yaml": " " * n + "name: a\n"},
    "signs": lambda n: {"plan.yaml": "!" * n},
    "an open quote": lambda n: {"plan.yaml": "name: '" + "a\n" * (n // 2)},
    "documents": lambda n: {"plan.yaml": "---\n" * (n // 4)},
}


def steps(files: dict[str, str]) -> int:
    """How many functions are called while a plan is read."""
    count = 0

    def count_call(_frame: FrameType, event: str, _function: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        findings_of({"plan.yaml": "name: a", "segments.yaml": "segments: {a: everyone}"} | files)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("files", LONG.values(), ids=LONG)
def test_the_steps_grow_as_the_length_does(files: Callable[[int], dict[str, str]]) -> None:
    some, half, whole = (steps(files(n)) for n in (100, 5000, 10_000))
    assert whole - some <= 2.5 * (half - some) + 2000


def test_what_is_too_long_is_refused_before_it_is_read() -> None:
    assert steps({"segments.yaml": "x" * (MAX_CHARACTERS + 1)}) <= steps({"segments.yaml": "x"}) + 1000
