"""Maps, and what is found in broken ones."""

from __future__ import annotations

from datetime import UTC
from json import dumps
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.plan.read import read_shaped
from operators.rows.checked import Column, ImportMap, RowMap
from operators.rows.read import read_import
from schemas.errors import Finding
from schemas.mapping import COLUMN_TYPES, ImportMapFile, RowMapFile

GOOD = """\
source: crm
userId: Customer No
email: E-Mail
traits:
  address.city: City
  score: {column: Score, type: number, decimal: ","}
  tags: {column: Tags, type: list, separator: ";"}
  born: {column: Born, type: date, format: "%d.%m.%Y"}
set: {customer: true}
time: {column: Changed, zone: Europe/Berlin}
at: 2026-01-05T00:00:00Z
skip: {Status: [deleted, 1, true], Kind: test}
empty: clear
encoding: cp1252
delimiter: ";"
columns: [Customer No, E-Mail]
skip_lines: 2
"""


def read(text: str) -> tuple[ImportMap, list[str]]:
    """The map, and its findings."""
    tree, findings = read_shaped("map.yaml", text, ImportMapFile)
    found = read_import(tree, lambda path, words: findings.append(Finding("map.yaml", *tree.at(path), words)))
    return found, [str(each) for each in sorted(set(findings))]


def test_a_map_as_it_is_checked() -> None:
    found, findings = read(GOOD)
    assert findings == []
    assert (
        RowMap(
            source="crm",
            user_id=Column("Customer No", ("Customer No",)),
            email=Column("E-Mail", ("E-Mail",)),
            fields=(
                (("address", "city"), Column("City", ("City",))),
                (("score",), Column("Score", ("Score",), "number", decimal=",")),
                (("tags",), Column("Tags", ("Tags",), "list", separator=";")),
                (("born",), Column("Born", ("Born",), "date", "%d.%m.%Y")),
            ),
            set=((("customer",), True),),
            time=Column("Changed", ("Changed",), "time", zone=ZoneInfo("Europe/Berlin")),
            skip=((Column("Status", ("Status",)), frozenset({"deleted", "1", "true"})), (Column("Kind", ("Kind",)), frozenset({"test"}))),
            clear=True,
        )
        == found.rows
    )
    assert (found.at_ms, found.encoding, found.delimiter, found.header, found.skip_lines) == (
        1767571200000,
        "cp1252",
        ";",
        ("Customer No", "E-Mail"),
        2,
    )
    assert {
        "Customer No": (2, 9),
        "City": (5, 17),
        "Score": (6, 19),
        "Changed": (10, 16),
        "Status": (12, 16),
    }.items() <= found.places.items()
    assert list(found.rows.columns()) == ["Customer No", "E-Mail", "Changed", "City", "Score", "Tags", "Born", "Status", "Kind"]


KEYS = (*RowMapFile.model_fields, "source", "at", "encoding", "delimiter", "columns", "skip_lines")
BROKEN = {
    "userId: No": ["map.yaml:1:1: `source` must be there; got none"],
    "source: crm": ["map.yaml:1:1: a map must name the column of an id: userId, anonymousId, email; got none"],
    "[]": ["map.yaml:1:1: map.yaml must be a mapping; got a list"],
    "source: a@b\nuserId: No": [
        "map.yaml:1:9: a source must be like 'crm' (a letter, then up to 49 of A-Z a-z 0-9 _ . / - and space); got 'a@b'"
    ],
    "source: crm\nuserID: No\nemail: M": [
        f"map.yaml:2:1: a key must be one of {', '.join(KEYS)}; got 'userID'; did you mean 'userId'?",
    ],
    "source: crm\nuserId: 7": ["map.yaml:2:9: a column must be its name, or a mapping with `column`; got 7"],
    "source: crm\nuserId:": ["map.yaml:2:1: a column must be its name, or a mapping with `column`; got nothing"],
    "source: crm\nuserId: {column: No, tpye: text}": [
        "map.yaml:2:22: a key must be one of column, type, format, zone, separator, prefix, decimal; got 'tpye'; did you mean 'type'?"
    ],
    "source: crm\nuserId: No\ntraits: {a: {column: A, type: int}}": [
        "map.yaml:3:31: `type` must be 'text', 'number', 'boolean', 'date', 'time' or 'list'; got 'int'"
    ],
    "source: crm\nuserId: No\ntraits: {a: A, a.b: B}": [
        "map.yaml:3:21: each name must be given once, and none be within another; got 'a.b' again"
    ],
    "source: crm\nuserId: No\ntraits: {a.b: B}\nset: {a: 1}": [
        "map.yaml:4:10: each name must be given once, and none be within another; got 'a' again"
    ],
    "source: crm\nuserId: No\ntraits: {a..b: B}": ["map.yaml:3:16: a name must be like `city` or `address.city`; got 'a..b'"],
    "source: crm\nuserId: No\ntraits: {a: {column: A, zone: UTC}}": ["map.yaml:3:31: `zone` must stand with the type time; got no type"],
    "source: crm\nuserId: No\ntraits: {a: {column: A, type: date, format: '%d.%m.%Q'}}": [
        "map.yaml:3:45: `format` must be in the letters of strptime, such as %d.%m.%Y, or ms or s; got '%d.%m.%Q'"
    ],
    "source: crm\nuserId: No\ntime: {column: A, zone: Europe/Berln}": [
        "map.yaml:3:25: `zone` must be a zone such as Europe/Berlin; got 'Europe/Berln'; did you mean 'Europe/Berlin'?"
    ],
    "source: crm\nuserId: No\ntime: {column: A, type: date}": [
        "map.yaml:3:25: the column of the time must be of the type time; got 'date'"
    ],
    "source: crm\nuserId: No\nevent: Bought": ["map.yaml:3:8: rows that are events must have a `time`; got none"],
    "source: crm\nuserId: No\nevent: Bought\ntime: T\ntraits: {a: A}": ["map.yaml:5:9: `traits` must stand without `event`; got it with"],
    "source: crm\nuserId: No\nproperties: {a: A}": ["map.yaml:3:13: `properties` must stand with `event`; got it without"],
    "source: crm\nuserId: No\nevent: Bought\ntime: T\nempty: clear": [
        "map.yaml:5:8: `empty: clear` must stand where rows have traits; got it with `event`"
    ],
    "source: crm\nuserId: {column: No, prefix: a-}\ntraits: {a: {column: A, prefix: b}}": [
        "map.yaml:3:33: `prefix` must stand with the column of userId or anonymousId; got it with another"
    ],
    "source: crm\nuserId: No\nat: today": ["map.yaml:3:5: `at` must be a time such as 2026-01-05T10:00:00Z; got 'today'"],
    "source: crm\nuserId: No\nencoding: rot13": [
        "map.yaml:3:11: `encoding` must be one that Python knows, such as utf-8, cp1252 or utf-16; got 'rot13'"
    ],
    "source: crm\nuserId: No\ndelimiter: ';;'": ["map.yaml:3:12: `delimiter` must be at most 1 characters long; got ';;'"],
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_found_in_a_map(text: str) -> None:
    assert BROKEN[text] == read(text)[1]


def test_every_type_of_column_is_one_of_the_map() -> None:
    for kind in COLUMN_TYPES:
        found, findings = read(f"source: crm\nuserId: No\ntraits: {{a: {{column: A, type: {kind}}}}}")
        assert ([], kind, UTC) == (findings, found.rows.fields[0][1].type, found.rows.fields[0][1].zone)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["column", "type", "format", "zone", "a.b"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["source", *ImportMapFile.model_fields]), json))
def test_whatever_a_map_is_it_is_checked_or_has_findings(raw: dict[str, object]) -> None:
    found, findings = read(dumps(raw))
    assert findings or found.rows.source
