"""Plans read: the whole value of a good one, all findings of broken ones (`broken/<name>/expected.txt`), one or the other of any text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operators.duplicates.find import REVIEW_AT
from operators.language.canonical import canonical
from operators.language.nodes import Call, Compare, Const, IsNone, Prop
from operators.language.parse import rule
from operators.plan.checked import Campaign, Cap, DuplicatePersons, Plan, Segment, Send, Topic
from operators.plan.circles import circles_of, depths_of
from operators.plan.read import STEPS, read_plan
from operators.plan.yaml_tree import Place, read_tree
from schemas.errors import FindingsError
from schemas.forms import FORM_MODELS
from schemas.plan import STEP_KINDS, CampaignFile, PlanModel, SegmentFile, share
from schemas.plan_files import FILES, plan_schema

ROOT = Path(__file__).resolve().parents[3]
BROKEN = Path(__file__).resolve().parent / "broken"
DAY = 86_400_000

PLAN = "name: shop\n"
SEGMENTS = "segments:\n  buyers: did('Order Completed')\n"
CAMPAIGN = "on: enters buyers\nsteps: [{send: thanks}]\n"

FULL = {
    "plan.yaml": """\
name: shop
timezone: Europe/Berlin
lateness: 1m30s
history: 90d
duplicates: off
holdout: 5%
caps: [{most: 3, within: 7d}, {most: 1, within: 1d}]
""",
    "segments.yaml": """\
segments:
  z_buyers: did('Order Completed', within='30d')
  quiet: not segment("z_buyers") and not segment("big")
  a_deep: segment('quiet')
  big:
    title: Big spenders
    description: Not for the engine.
    when: >-
      count('Order Completed')
      > 3
""",
    "tracking.yaml": """\
events:
  Order Completed:
    description: The order is paid.
    schema: {type: object, properties: {total: {type: number}, cart_id: {type: string}}}
  Product Added:
""",
    "campaigns/win-back.yaml": """\
title: We miss you
on: exits z_buyers
re_enter: after 30d
holdout: 0.1
state: draft
steps:
  - send: win_back
  - send: second
""",
    "campaigns/cart.yaml": "on: event Order Completed where total > 3\nkey: cart_id\nre_enter: always\nsteps: [{send: cart}]\n",
    "campaigns/added.yaml": "on: event Product *\nwhere: a.b is not None\nsteps: [{send: folder/inner}]\n",
    "templates/win_back.html": "",
    "templates/second.html.j2": "",
    "templates/cart/body.html": "",
    "templates/folder/inner.txt": "",
    "templates/notes.yaml": "no: [plan",
    "computed.yaml": "# nothing yet\n",
    "models.yaml": "{}\n",
    "cases/first.yaml": "anything: at all\n",
    "catalog.jsonl": "{}\n",
    "README.md": "Words.\n",
    ".hidden/x.yaml": "[",
}


def read(**files: str) -> Plan:
    """A plan of these files, `plan` being plan.yaml and so on; plan.yaml and segments.yaml are there in any case."""
    return read_plan({"plan.yaml": PLAN, "segments.yaml": SEGMENTS} | {f"{name}.yaml": text for name, text in files.items()})


def findings(files: dict[str, str]) -> list[str]:
    """The findings of the files."""
    try:
        read_plan(files)
    except FindingsError as error:
        return [str(finding) for finding in error.findings]
    return []


def test_a_whole_plan() -> None:
    plan = read_plan(FULL)
    assert (*(plan.name, plan.timezone, plan.lateness_ms, plan.history_ms, plan.duplicates_ms, plan.holdout),) == (
        "shop",
        "Europe/Berlin",
        90_000,
        90 * DAY,
        None,
        0.05,
    )
    assert (Cap(3, 7 * DAY), Cap(1, DAY)) == plan.caps
    assert [segment.id for segment in plan.segments] == ["big", "z_buyers", "quiet", "a_deep"]
    count = Compare(">", Call("count", (("events", ("Order Completed",)),)), Const(3))
    assert Segment("big", "Big spenders", count, plan.segments[0].version) == plan.segments[0]
    assert (
        Campaign(
            "added",
            "",
            "event",
            None,
            ("Product *",),
            IsNone(Prop(("a", "b")), negated=True),
            None,
            "never",
            0.0,
            "live",
            (Send("folder/inner"),),
        ),
        Campaign(
            "cart",
            "",
            "event",
            None,
            ("Order Completed",),
            rule("total > 3", where=True),
            ("cart_id",),
            "always",
            0.0,
            "live",
            (Send("cart"),),
        ),
        Campaign(
            "win-back", "We miss you", "exits", "z_buyers", (), None, None, 30 * DAY, 0.1, "draft", (Send("win_back"), Send("second"))
        ),
    ) == plan.campaigns


def test_a_plan_of_two_lines() -> None:
    plan = read()
    assert (*(plan.timezone, plan.lateness_ms, plan.history_ms, plan.duplicates_ms, plan.holdout, plan.caps, plan.campaigns),) == (
        "UTC",
        10_000,
        400 * DAY,
        7 * DAY,
        0.0,
        (),
        (),
    )


def test_the_order_of_files_is_no_matter() -> None:
    assert read_plan(FULL) == read_plan(dict(reversed(FULL.items())))


def test_the_example_plan_is_a_plan() -> None:
    shop = ROOT / "deploy" / "shop"
    files = {file.relative_to(shop).as_posix(): file.read_text(encoding="utf-8") for file in shop.rglob("*") if file.is_file()}
    assert read_plan(files).name == "shop"


@pytest.mark.parametrize("text", ["none", "off", "false"])
def test_history_and_duplicates_can_be_switched_off(text: str) -> None:
    plan = read(plan=f"name: shop\nhistory: {text}\nduplicates: {text}\n", segments="segments: {a: \"did('A', within='9999d')\"}")
    assert (plan.history_ms, plan.duplicates_ms) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "off": None,
        "review": DuplicatePersons(REVIEW_AT, None),
        "{}": DuplicatePersons(REVIEW_AT, None),
        "{review: 50%, merge: 0.99}": DuplicatePersons(0.5, 0.99),
    }.items(),
)
def test_duplicate_persons_are_looked_for_when_the_plan_says_so(text: str, expected: DuplicatePersons | None) -> None:
    plan = read(plan=f"name: shop\nduplicate_persons: {text}\n")
    assert expected == plan.duplicate_persons
    assert (expected is None) == (plan.version == read().version)


def test_off_is_off_in_yaml_1_1_too() -> None:
    assert read(plan="%YAML 1.1\n---\nname: shop\nduplicates: off\n").duplicates_ms is None


@pytest.mark.parametrize(
    ("text", "number"), {"5%": 0.05, "12.5%": 0.125, "0%": 0, "100%": 1, "0": 0, "1": 1, "0.25": 0.25, "1e-2": 0.01}.items()
)
def test_a_share_is_per_cent_or_a_number(text: str, number: float) -> None:
    assert number == read(plan=f"name: shop\nholdout: {text}\n").holdout


@pytest.mark.parametrize("value", ["5", "101%", "-1%", "%", "5 %", "٥%", 1.5, -0.1, float("nan"), float("inf"), True, None, [], "1e1%"])
def test_what_is_no_share(value: object) -> None:
    with pytest.raises(ValueError, match="a share must be like"):
        share(value)


# --- the plan's version ---------------------------------------------------------------------------------------------------------------

SAME = {
    "a title": ("segments.yaml", "Big spenders", "Large spenders"),
    "a description": ("segments.yaml", "Not for", "Nothing for"),
    "a campaign's title": ("campaigns/win-back.yaml", "We miss you", "Come back"),
    "a spelling": ("segments.yaml", "did('Order Completed', within='30d')", 'did(["Order Completed"],within="720h")'),
    "the tracking plan": ("tracking.yaml", "The order is paid.", "Paid."),
    "a duration's spelling": ("plan.yaml", "1m30s", "90s"),
    "a default written out": ("campaigns/added.yaml", "steps:", "re_enter: never\nsteps:"),
}
OTHER = {
    "the name": ("plan.yaml", "shop", "store"),
    "the time zone": ("plan.yaml", "Europe/Berlin", "Europe/Paris"),
    "the lateness": ("plan.yaml", "1m30s", "1m31s"),
    "the history": ("plan.yaml", "90d", "none"),
    "the duplicates": ("plan.yaml", "off", "7d"),
    "the hold-out": ("plan.yaml", "5%", "6%"),
    "a cap": ("plan.yaml", "most: 3", "most: 4"),
    "a rule": ("segments.yaml", "> 3", "> 4"),
    "an id": ("segments.yaml", "a_deep", "b_deep"),
    "a campaign's start": ("campaigns/win-back.yaml", "exits", "enters"),
    "a campaign's event": ("campaigns/added.yaml", "Product *", "Product Added"),
    "a campaign's where": ("campaigns/added.yaml", "a.b", "a.c"),
    "a campaign's key": ("campaigns/cart.yaml", "key: cart_id", "key: total"),
    "a campaign's re-entry": ("campaigns/win-back.yaml", "after 30d", "after 31d"),
    "a campaign's hold-out": ("campaigns/win-back.yaml", "0.1", "0.2"),
    "a campaign's state": ("campaigns/win-back.yaml", "draft", "live"),
    "a step": ("campaigns/win-back.yaml", "send: second", "send: cart"),
}


@pytest.mark.parametrize("what", SAME)
def test_the_version_stays_with(what: str) -> None:
    assert read_plan(FULL).version == read_plan(changed(*SAME[what])).version


@pytest.mark.parametrize("what", OTHER)
def test_the_version_changes_with(what: str) -> None:
    assert read_plan(FULL).version != read_plan(changed(*OTHER[what])).version


TOPICAL = {
    "plan.yaml": "name: shop\ntopics: {news: {title: News, consent: none}, offers: }\n",
    "segments.yaml": "segments: {buyers: did('Order Completed')}\n",
    "campaigns/thanks.yaml": "on: enters buyers\ntopic: news\nsteps: [{send: thanks}]\n",
    "campaigns/later.yaml": "on: enters buyers\nstate: draft\nsteps: [{send: thanks}]\n",
}


def test_topics_and_what_campaigns_are_about() -> None:
    plan = read_plan(TOPICAL)
    news, offers = Topic("news", "News", required=False), Topic("offers", "", required=True)
    assert (news, offers) == plan.topics
    assert {"thanks": news, "later": None} == {campaign.id: campaign.topic for campaign in plan.campaigns}


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("plan.yaml", "title: News", "title: Letters", True),
        ("plan.yaml", "offers: ", "offers: {consent: required}", True),
        ("plan.yaml", "offers: ", "others: ", False),
        ("plan.yaml", ", consent: none", "", False),
        ("campaigns/thanks.yaml", "topic: news", "topic: offers", False),
    ],
)
def test_the_version_goes_by_topics(file: str, old: str, new: str, same: bool) -> None:
    assert old in TOPICAL[file]
    assert same == (read_plan(TOPICAL).version == read_plan(TOPICAL | {file: TOPICAL[file].replace(old, new)}).version)


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """The full plan with one change."""
    assert old in FULL[file]
    return FULL | {file: FULL[file].replace(old, new)}


# --- findings -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(folder.name for folder in BROKEN.iterdir()))
def test_a_broken_plan_has_exactly_these_findings(name: str) -> None:
    folder = BROKEN / name
    files = {file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*")) if file.is_file()}
    expected = files.pop("expected.txt").splitlines()
    assert sorted(expected) == sorted(findings(files))


STYLES = {
    "plain": "did('A') and not cuont('B') > 1",
    "plain on two lines": "did('A')\n      and not cuont('B') > 1",
    "single quotes": "'did(''A'') and not cuont(''B'') > 1'",
    "single quotes on lines": "'did(''A'')\n\n      and not cuont(''B'') > 1'",
    "double quotes": "\"did('A')\\tand not cuont('B') > 1\"",
    "escapes": "\"did(\\x27\\u0041\\U00000027) and not cuont('B') > 1\"",
    "an escaped line": "\"did('A') \\\n      and not cuont('B') > 1\"",
    "literal": "|\n      did('A')\n      and not\n        cuont('B') > 1",
    "literal, kept, indented": "|2+\n      did('A') and\n      not cuont('B') > 1\n\n",
    "folded": ">\n      did('A')\n\n        and\n      not cuont('B') > 1",
    "an alias": "&here did('A') and not cuont('B') > 1",
    "no letters of ASCII": "trait.größe == 'ä' and cuont('B') > 1",
    "in braces": "{when: did('A') and not cuont('B') > 1}",
}


@pytest.mark.parametrize("style", STYLES)
def test_a_finding_points_into_the_yaml(style: str) -> None:
    text = f"segments:\n  a: everyone\n  b: {STYLES[style]}\n"
    lines = text.split("\n")
    line, column = next((number, line.index("cuont")) for number, line in enumerate(lines, 1) if "cuont" in line)
    expected = f"segments.yaml:{line}:{column + 1}: a call must be one of the language; got `cuont`; did you mean 'count'?"
    assert [expected] == findings({"plan.yaml": PLAN, "segments.yaml": text})


def test_windows_line_ends_are_line_ends() -> None:
    text = "segments:\r\n  a: everyone\r\n  b: |\r\n    did('A')\r\n    and cuont('B') > 1\r\n"
    assert findings({"plan.yaml": PLAN, "segments.yaml": text}) == [
        "segments.yaml:5:9: a call must be one of the language; got `cuont`; did you mean 'count'?"
    ]


def test_an_unknown_segment_is_no_finding_where_the_segments_cannot_be_read() -> None:
    assert findings({"plan.yaml": PLAN, "segments.yaml": "\tsegments:", "campaigns/a.yaml": CAMPAIGN}) == [
        "segments.yaml:1:1: YAML must be indented with spaces; got a tab"
    ]


def test_aliases_stand_for_what_they_name() -> None:
    plan = read(segments="segments:\n  a: &rule did('A')\n  b: *rule\n")
    assert [canonical(segment.when) for segment in plan.segments] == ["did('A')"] * 2


def test_aliases_cannot_blow_up() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)]
    _, found = read_tree("plan.yaml", "\n".join(lines))
    assert [one.text for one in found] == [
        "a plan file must have at most 500000 values; got more, aliases counted as often as they are used"
    ]


def test_too_much_text_is_refused_at_once() -> None:
    assert "plan.yaml:1:1: a plan file must have at most 5000000 characters; got 5000001" in findings(
        {"plan.yaml": "#" * 5_000_001, "segments.yaml": SEGMENTS}
    )


def test_ten_thousand_segments_and_no_more() -> None:
    entries = [f"  s{number}: count('A') > {number}\n" for number in range(10_001)]
    assert len(read(segments="segments:\n" + "".join(entries[:-1])).segments) == 10_000
    assert findings({"plan.yaml": PLAN, "segments.yaml": "segments:\n" + "".join(entries)}) == [
        "segments.yaml:2:3: `segments` must be at most 10000 in number; got a mapping"
    ]


def test_a_long_chain_of_segments_is_no_circle() -> None:
    count = 2_000
    chain = [f"  s{number}: segment('s{number + 1}')\n" for number in range(count)]
    plan = read(segments=f"segments:\n{''.join(chain)}  s{count}: everyone\n")
    assert [f"s{number}" for number in range(count, -1, -1)] == [segment.id for segment in plan.segments]


# --- order and circles ----------------------------------------------------------------------------------------------------------------


@st.composite
def references(draw: st.DrawFn) -> dict[str, list[str]]:
    """Which id refers to which."""
    ids = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1))
    return {id: sorted(draw(st.sets(st.sampled_from(ids), max_size=3))) for id in sorted(ids)}


@given(references())
def test_depths_and_circles_share_all_ids(refers: dict[str, list[str]]) -> None:
    depths, circles = depths_of(refers), circles_of(refers)
    for id, depth in depths.items():
        assert depth == max((depths[other] + 1 for other in refers[id]), default=0)
    for circle in circles:
        assert len(circle) == len(set(circle))
        assert all(after in refers[before] for before, after in zip(circle, [*circle[1:], circle[0]], strict=True))
        assert not set(circle) & depths.keys()
    assert bool(circles) is (len(depths) < len(refers))
    assert all(reachable(id, refers) & {id for circle in circles for id in circle} for id in refers.keys() - depths.keys())


def reachable(start: str, refers: dict[str, list[str]]) -> set[str]:
    """The ids that can be reached from one, itself included."""
    found = [start]
    for id in found:
        found += [other for other in refers[id] if other not in found]
    return set(found)


# --- the schema for editors -----------------------------------------------------------------------------------------------------------


def test_the_schema_is_json_and_whole() -> None:
    schema = plan_schema()
    assert schema == json.loads(json.dumps(schema))
    for where in refs(schema):
        assert where.removeprefix("#/$defs/") in schema["$defs"]
    models: list[type[PlanModel]] = [*FILES.values(), SegmentFile, CampaignFile, *FORM_MODELS, *STEP_KINDS.values()]
    for model in models:
        properties = schema["$defs"][model.__name__]["properties"]
        assert {info.alias or name for name, info in model.model_fields.items()} == properties.keys()
        assert all(value.get("description") for value in properties.values())
        assert schema["$defs"][model.__name__]["additionalProperties"] is False


def refs(value: Any) -> Iterator[str]:
    """Every `$ref` in a schema."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def test_each_kind_of_step_has_its_reader() -> None:
    assert STEP_KINDS.keys() == STEPS.keys()


# --- anything at all ------------------------------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        *(
            "name: shop\n",
            "segments:\n",
            "  a: ",
            "  b: did('A')\n",
            "caps:\n",
            "- ",
            "most: 3",
            "events: ",
            "schema: ",
            "properties: ",
            "when: ",
        ),
        *(
            "steps: ",
            "send: ",
            "on: ",
            "enters a",
            "event A where ",
            "after 7d",
            "5%",
            "null",
            "true",
            "1e999",
            ".nan",
            "0x",
            "-",
            "ä",
            "#",
        ),
        *("{", "}", "[", "]", ", ", ": ", "\n", "\t", "  ", "'", '"', "|\n", ">-\n", "\\", "&a ", "*a", "!!str ", "!x ", "<<: ", "? "),
        *("---\n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "\x00", "\ud800", "\ufeff", "\x85", "\u2028"),
    ]
)
texts = st.one_of(st.text(max_size=200), st.lists(pieces, max_size=25).map("".join))
NAMES = ["plan.yaml", "segments.yaml", "tracking.yaml", "campaigns/a.yaml", "computed.yaml", "forms/a.yaml"]


@given(st.dictionaries(st.sampled_from(NAMES), texts))
@example({"plan.yaml": "? "})
@example({"segments.yaml": 'segments: {a: "\\ud800"}'})
def test_any_text_is_a_plan_or_has_findings(files: dict[str, str]) -> None:
    check_any(files)


@given(st.sampled_from([name for name in FULL if name.endswith(".yaml")]), st.integers(0, 300), st.integers(0, 10), pieces)
def test_any_slip_of_the_pen_is_a_plan_or_has_findings(file: str, at: int, cut: int, put: str) -> None:
    check_any(FULL | {file: FULL[file][:at] + put + FULL[file][at + cut :]})


@given(st.text(max_size=100))
def test_any_rule_is_a_rule_or_has_findings_inside_it(text: str) -> None:
    lines = ["segments:", "  a:", f"    when: {json.dumps(text)}", "  b: everyone"]
    for found in check_any({"plan.yaml": PLAN, "segments.yaml": "\n".join(lines)}):
        assert (found.line, found.column >= len("    when: ") + 1) == (3, True)


def check_any(files: dict[str, str]) -> list[Place]:
    """Reads the files; what comes out is a plan or findings, each with a place in a file and of bounded length."""
    try:
        plan = read_plan(files)
    except FindingsError as error:
        for finding in error.findings:
            assert 1 <= finding.line <= len(files.get(finding.file, "").splitlines()) + 1
            assert finding.column >= 1
            assert len(finding.text) < 1_000
        return [Place(finding.line, finding.column) for finding in error.findings]
    assert plan.version
    return []
