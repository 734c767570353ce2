"""Schemas of the tracking plan: whatever is written, there are findings or a schema that can be put to anything, and neither takes long."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operators.tracking.schemas import (
    DRAFTS,
    FORMATS,
    KEYWORDS,
    MANY,
    MOST_DEPTH,
    MOST_RULES,
    NAMED,
    ONE,
    PLAIN,
    REFUSED,
    parts_of,
    wrong_in,
)
from operators.tracking.validators import MOST_PATTERN_BYTES, compiles, validator_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5) | st.sampled_from(["string", "#/$defs/a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYWORDS, *REFUSED, "a"]), inner, max_size=4),
    max_leaves=12,
)


def deep(number: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(number):
        schema = {"not": schema}
    return schema


def chain(number: int, twice: bool = False) -> dict[str, Any]:
    """A schema whose parts each refer to the next, or twice to it."""
    parts: dict[str, Any] = {f"p{i}": {"anyOf": [{"$ref": f"#/$defs/p{i + 1}"}] * (1 + twice)} for i in range(number)}
    return {"$ref": "#/$defs/p0", "$defs": parts | {f"p{number}": {}}}


GOOD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "usual": {"type": "object", "required": ["a"], "properties": {"a": {"type": "number", "minimum": 0}}},
    "every draft": {"allOf": [{"properties": {"a": {"$ref": "#/$defs/a"}}}], "$defs": {"a": {"type": ["string", "null"]}}},
    "a reference used twice": {"properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}},
    "a reference to a property": {"properties": {"a": {"type": "string"}, "b": {"$ref": "#/properties/a"}}},
    "a reference into a list": {"allOf": [{"type": "object"}], "properties": {"a": {"$ref": "#/allOf/0"}}},
    "keywords as names of properties": {"properties": {"$id": {}, "$ref": {}, "tpye": {}, "pattern": {"pattern": "^a$"}}},
    "words of others": {"x-owner": "anna", "tsType": "Order", "example": {"a": 1}},
    "an own id": {"$id": "https://example.com/order.json", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}},
    "a circle where nobody looks": {"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}},
    "huge numbers": {"properties": {"a": {"maximum": 10**400, "multipleOf": 1e-300}}},
    "as deep as is taken": deep(MOST_DEPTH - 1),
    "as many as are taken": chain(10, twice=True),
    **{f"{name} as a format": {"properties": {"a": {"format": name}}} for name in FORMATS},
    **{draft: {"$schema": f"{draft}#" if "draft-0" in draft else draft, "properties": {"a": {"type": "string"}}} for draft in DRAFTS},
}
BAD: dict[str, dict[str, Any]] = {
    "a file": {"$ref": "file:///etc/passwd"},
    "a page": {"properties": {"a": {"$ref": "https://example.com/schema.json"}}},
    "a page as a draft": {"$schema": "https://example.com/schema.json"},
    "the whole": {"properties": {"a": {"$ref": "#"}}},
    "no part": {"$ref": "#/$defs/a"},
    "no schema": {"required": ["a"], "$ref": "#/required"},
    "an escape that leads round a look": {"$ref": "#/%24defs/a", "$defs": {"a": {"$ref": "#/%24defs/a"}}},
    "itself": {"allOf": [{"$ref": "#/allOf/0"}]},
    "each other": {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}}},
    "an anchor": {"$ref": "#a", "$defs": {"x": {"$anchor": "a"}}},
    "a dynamic reference": {"$dynamicRef": "#a"},
    "an id within": {"properties": {"a": {"$id": "x"}}},
    "too deep": deep(MOST_DEPTH),
    "too deep by reference": chain(MOST_DEPTH),
    "too many": chain(13, twice=True),
    "far too many": chain(45, twice=True),
    "a huge pattern": {"properties": {"a": {"pattern": "(x{0,200}){0,200}y"}}},
    "a look behind": {"properties": {"a": {"pattern": "(?<=a)b"}}},
    "a back-reference": {"properties": {"a": {"pattern": r"(a)\1"}}},
    "infinity": {"properties": {"a": {"maximum": float("inf")}}},
    "NaN": {"properties": {"a": {"enum": [float("nan")]}}},
}


@pytest.mark.parametrize("schema", GOOD.values(), ids=GOOD)
def test_schemas_that_are_taken(schema: dict[str, Any]) -> None:
    assert wrong_in(schema) == []
    assert isinstance(validator_of(schema).is_valid({"a": "b"}), bool)


@pytest.mark.parametrize("schema", BAD.values(), ids=BAD)
def test_schemas_that_are_refused(schema: dict[str, Any]) -> None:
    found = wrong_in(schema)
    assert found
    for wrong in found:
        assert "; got " in wrong.text or wrong.text.startswith("`$")
        assert len(wrong.text) < 500


def test_the_tables_name_every_keyword_once_and_know_all_of_the_newest_draft() -> None:
    assert ONE & NAMED == MANY & NAMED == PLAIN & (ONE | MANY | NAMED) == set()
    for keyword in KEYWORDS:
        assert wrong_in({"properties": {keyword: {}}}) == []
    assert all(compiles({"format": name}) for name in FORMATS)
    assert not compiles({"format": "emial"})


def test_parts_are_all_schemas_within() -> None:
    within = {"properties": {"a": {"items": {"type": "string"}}}, "anyOf": [{}, True], "not": {"enum": [{"not": {}}]}}
    schema = within | {"default": {"not": {}}}
    assert [path for path, _ in parts_of(schema)] == [(), ("properties", "a"), ("properties", "a", "items"), ("anyOf", 0), ("not",)]


@example({"type": "object", "properties": {"a": {"type": "nmber"}}}, {})
@example({"items": [{}, 3]}, {"a": [1]})
@example({"pattern": "\0"}, {"a": "\0"})
@given(st.dictionaries(st.sampled_from(KEYWORDS), JSON, max_size=4), st.dictionaries(st.text(max_size=2), JSON, max_size=3))
def test_anything_is_a_schema_or_gets_findings(schema: dict[str, Any], properties: dict[str, Any]) -> None:
    found = wrong_in(schema)
    for wrong in found:
        assert wrong.text.isprintable()
        assert len(wrong.text) < 1000
        assert wrong.path[:1] == () or wrong.path[0] in schema
    if not found:
        instance = json.loads(json.dumps(properties, default=str).replace("NaN", "0").replace("-Infinity", "0").replace("Infinity", "0"))
        assert isinstance(validator_of(json.loads(json.dumps(schema))).is_valid(instance), bool)


TIMES = st.sampled_from(["*", "+", "?", "{0,50}", "{50}", "{9,}"])
PATTERNS = st.recursive(
    st.sampled_from(["a", ".", r"\w", r"\p{L}", "[^b]", "^", "$", "(?i)", r"\d"]),
    lambda inner: st.builds("({}){}".format, inner, TIMES) | st.builds("{}|{}".format, inner, inner),
    max_leaves=6,
)


@given(PATTERNS, st.sampled_from(["a", "b", "aab", "é"]))
def test_a_pattern_is_refused_or_takes_a_long_text_in_one_go(pattern: str, text: str) -> None:
    schema = {"properties": {"a": {"pattern": pattern}}}
    if not wrong_in(schema):
        assert isinstance(validator_of(schema).is_valid({"a": text * 5_000}), bool)
    assert MOST_PATTERN_BYTES < 2 << 20


def test_the_number_of_rules_is_counted_as_often_as_they_are_referred_to() -> None:
    assert f"at most {MOST_RULES} rules" in wrong_in(chain(13, twice=True))[0].text
    assert wrong_in(chain(13)) == []
