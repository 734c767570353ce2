"""Cases read: what each form of a file stands for, all findings of broken ones, one or the other of any text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operators.cases.checked import Case, Check, Entry, Want
from operators.instants import parse_instant
from operators.language.durations import parse_duration
from operators.plan.read import read_plan, read_tested_plan
from schemas.cases import CASE_MODELS, ENTRIES
from schemas.errors import FindingsError
from schemas.plan_files import plan_schema

BROKEN = Path(__file__).resolve().parent / "broken"
"""Files of cases, and beside each its findings."""

PLAN = {
    "plan.yaml": "name: shop\ntimezone: Europe/Berlin\nholdout: 5%\n",
    "segments.yaml": "segments:\n  buyers: did('Order Completed')\n  viewers: did('Product Viewed')\n",
    "tracking.yaml": """\
events:
  Order Completed: {schema: {properties: {total: {type: number}, cart: {type: object, properties: {id: {type: string}}}}}}
  Product Viewed:
""",
    "campaigns/thanks.yaml": "on: enters buyers\nsteps: [{send: thank_you}]\n",
    "campaigns/held.yaml": "on: enters viewers\nholdout: 10%\nsteps: [{send: look}]\n",
}
START = parse_instant("2026-01-04T23:00:00Z")
"""Midnight in Berlin."""

WHOLE = """\
cases:
  all there is:
    title: A case with everything
    start: 2026-03-29T00:00:00Z
    holdout: [held]
    given:
      - {at: +0s, type: identify, user: anna, traits: {email: a@example.com}}
      - {at: +1d12h-1ms, event: Order Completed, user: anna, id: o1, properties: {total: 3.5, cart: {id: c}}}
      - {at: -2h, type: page, anonymous: visitor, name: Home, properties: {path: /}}
      - {at: 2026-03-30, event: Product Viewed, user: anna}
    after: +2d
    then:
      - members: {anna: [buyers, viewers], visitor: []}
        not_members: {visitor: [buyers]}
      - after: +3d
        entered: {anna: [buyers: +1d12h-1ms, viewers]}
        exited: {anna: []}
        triggers: {anna: [thanks: {at: +1d12h-1ms, template: thank_you}, thanks]}
        decisions: {anna: [held: holdout, held: {reason: cap, at: +2d}]}
"""


def cases(text: str, file: str = "cases/a.yaml") -> tuple[Case, ...]:
    """The cases in a file of the plan."""
    return read_tested_plan(PLAN | {file: text})[1]


def findings(text: str, **files: str) -> list[str]:
    """The findings of a file of cases, without its name."""
    with pytest.raises(FindingsError) as raised:
        read_tested_plan(PLAN | files | {"cases/a.yaml": text})
    return [str(finding).removeprefix("cases/a.yaml:") for finding in raised.value.findings]


def test_a_whole_case() -> None:
    [case] = cases(WHOLE)
    start, hour = parse_instant("2026-03-29T00:00:00Z"), parse_duration("1h")
    told = (case.file, case.line, case.name, case.title, case.start_ms, case.dated, case.in_holdout, case.holdouts)
    assert told == ("cases/a.yaml", 2, "all there is", "A case with everything", start, True, False, frozenset({"held"}))
    assert [json.loads(each.record) for each in case.given] == [
        {
            "type": "identify",
            "messageId": "event 1",
            "userId": "anna",
            "timestamp": "2026-03-29T00:00:00.000Z",
            "traits": {"email": "a@example.com"},
        },
        {
            "type": "track",
            "messageId": "o1",
            "userId": "anna",
            "timestamp": "2026-03-30T11:59:59.999Z",
            "event": "Order Completed",
            "properties": {"total": 3.5, "cart": {"id": "c"}},
        },
        {
            "type": "page",
            "messageId": "event 3",
            "anonymousId": "visitor",
            "timestamp": "2026-03-28T22:00:00.000Z",
            "properties": {"path": "/"},
            "name": "Home",
        },
        # A date is midnight in Berlin, which has summer time by then.
        {"type": "track", "messageId": "event 4", "userId": "anna", "timestamp": "2026-03-29T22:00:00.000Z", "event": "Product Viewed"},
    ]
    order = start + 36 * hour - 1
    assert case.checks == (
        Check(
            13,
            start + 48 * hour,
            (
                Want("members", "anna", (Entry("buyers"), Entry("viewers"))),
                Want("members", "visitor", ()),
                Want("not_members", "visitor", (Entry("buyers"),)),
            ),
        ),
        Check(
            15,
            start + 72 * hour,
            (
                Want("entered", "anna", (Entry("buyers", order), Entry("viewers"))),
                Want("exited", "anna", ()),
                Want("triggers", "anna", (Entry("thanks", order, "thank_you"), Entry("thanks"))),
                Want("decisions", "anna", (Entry("held", None, "holdout"), Entry("held", start + 48 * hour, "cap"))),
            ),
        ),
    )


SHORT = "given: [{at: +1h, event: Order Completed}]\nafter: +2h\nthen: {members: [buyers]}\n"


def test_a_short_case_is_of_one_person_on_a_monday_in_the_plans_zone() -> None:
    [case] = cases(SHORT, "cases/orders.yaml")
    assert (case.name, case.title, case.line, case.start_ms, case.dated) == ("orders", "", 1, START, False)
    assert (case.given[0].event.user_id, case.given[0].event.t) == ("person", START + 3_600_000)
    assert case.checks == (Check(3, START + 7_200_000, (Want("members", "person", (Entry("buyers"),)),)),)


def indented(text: str, by: str) -> str:
    return "".join(f"{by}{line}\n" for line in text.splitlines())


def test_one_case_a_list_and_a_mapping_are_the_same_cases() -> None:
    [alone] = cases(SHORT)
    listed = cases(f"cases:\n  - title: x\n{indented(SHORT, '    ')}  - title: y\n{indented(SHORT, '    ')}")
    named = cases(f"cases:\n  one:\n    title: x\n{indented(SHORT, '    ')}  two:\n    title: y\n{indented(SHORT, '    ')}")
    assert [(case.name, case.title) for case in (alone, *listed, *named)] == [
        ("a", ""),
        ("1", "x"),
        ("2", "y"),
        ("one", "x"),
        ("two", "y"),
    ]
    assert [case.given for case in (*listed, *named)] == [alone.given] * 4
    assert [[check.wants for check in case.checks] for case in (*listed, *named)] == [[alone.checks[0].wants]] * 4


def test_cases_stand_in_the_order_of_files_and_lines() -> None:
    files = {"cases/b.yaml": SHORT, "cases/a.yaml": f"cases:\n  z:\n{indented(SHORT, '    ')}  y:\n{indented(SHORT, '    ')}"}
    assert [case.name for case in read_tested_plan(PLAN | files)[1]] == ["z", "y", "b"]


def test_a_run_needs_no_cases_and_does_not_look_at_them() -> None:
    assert read_tested_plan(PLAN)[1] == ()
    assert read_plan(PLAN | {"cases/a.yaml": "anything: at all"}) == read_plan(PLAN)


def test_hold_outs_are_all_that_there_are_or_those_that_are_named() -> None:
    everything = cases("holdout: true\n" + SHORT)[0]
    assert (everything.in_holdout, everything.holdouts) == (True, frozenset({"held"}))
    assert cases("holdout: false\n" + SHORT)[0].holdouts == frozenset()


# --- findings -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(file.stem for file in BROKEN.glob("*.yaml")))
def test_a_broken_file_has_exactly_these_findings(name: str) -> None:
    expected = (BROKEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(expected) == sorted(findings((BROKEN / f"{name}.yaml").read_text(encoding="utf-8")))


def test_no_hold_out_is_there_to_be_in() -> None:
    none = {"plan.yaml": "name: shop\n", "campaigns/held.yaml": PLAN["campaigns/thanks.yaml"]}
    assert findings("holdout: true\n" + SHORT, **none) == [
        "1:10: `holdout` must be false where neither the plan nor a campaign has a hold-out; got true"
    ]


def test_findings_of_plan_and_cases_come_together() -> None:
    files = {
        "segments.yaml": "segments:\n  buyers: dit('Order Completed')\n  viewers: everyone\n",
        "plan.yaml": "name: shop\ntimezone: Berlin\n",
    }
    with pytest.raises(FindingsError) as raised:
        read_tested_plan(PLAN | files | {"cases/a.yaml": SHORT.replace("[buyers]", "[sellers]")})
    assert [(finding.file, finding.line) for finding in raised.value.findings] == [
        ("cases/a.yaml", 3),
        ("plan.yaml", 2),
        ("segments.yaml", 2),
    ]


def test_without_a_tracking_plan_every_event_is_taken() -> None:
    files = {name: text for name, text in PLAN.items() if name != "tracking.yaml"} | {"cases/a.yaml": SHORT.replace("Order C", "Other c")}
    assert len(read_tested_plan(files)[1]) == 1


@pytest.mark.parametrize("file", ["cases/a.yml", "cases/deep/a.yaml", "case/a.yaml"])
def test_a_file_in_a_place_where_none_is_read(file: str) -> None:
    with pytest.raises(FindingsError) as raised:
        read_tested_plan(PLAN | {file: SHORT})
    assert [finding.file for finding in raised.value.findings] == [file]


# --- anything at all ------------------------------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        *(
            "cases:\n",
            "  a:\n",
            "given: ",
            "then: ",
            "after: ",
            "- ",
            "{at: +0s, event: Order Completed}",
            "members: ",
            "triggers: ",
            "+1h",
        ),
        *("holdout: ", "true", "start: ", "2026-01-01", "thanks: ", "{", "}", "[", "]", ", ", ": ", "\n", "  ", "'", "null", "7", ".nan"),
        *("&a ", "*a", "!!str ", "<<: ", "? ", "\t", "#", "ä", "properties: ", "user: ", "9999-12-31T23:59:59Z", "+999999d"),
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(pieces, max_size=25).map("".join)))
@example("given: [{at: 9999-12-31T23:59:59Z, type: page}]\nafter: 9999-12-31T23:59:59Z\nthen: {members: []}")
def test_any_text_is_cases_or_has_findings(text: str) -> None:
    check_any(text)


@given(st.integers(0, len(WHOLE)), st.integers(0, 10), pieces)
def test_any_slip_of_the_pen_is_cases_or_has_findings(at: int, cut: int, put: str) -> None:
    check_any(WHOLE[:at] + put + WHOLE[at + cut :])


def check_any(text: str) -> None:
    """Reads the text; what comes out is at least one case or findings, each with a place in the file and of bounded length."""
    try:
        found = cases(text)
    except FindingsError as error:
        for finding in error.findings:
            assert finding.file == "cases/a.yaml"
            assert 1 <= finding.line <= len(text.splitlines()) + 1
            assert finding.column >= 1
            assert len(finding.text) < 2_000
        return
    assert found
    assert all(case.given and case.checks for case in found)


# --- the schema for editors -----------------------------------------------------------------------------------------------------------


def test_the_schema_has_the_models_of_cases() -> None:
    schema = plan_schema()
    [under_cases] = [value for pattern, value in schema["patternProperties"].items() if pattern.startswith("^cases/")]
    assert under_cases == {"anyOf": [{"$ref": "#/$defs/CasesFile"}, {"$ref": "#/$defs/CaseFile"}]}
    for model in CASE_MODELS:
        told: dict[str, Any] = schema["$defs"][model.__name__]
        assert told["properties"].keys() == model.model_fields.keys()
        assert all(value.get("description") for value in told["properties"].values())
        assert told["additionalProperties"] is False
    assert ENTRIES.keys() == schema["$defs"]["CheckFile"]["properties"].keys() - {"after"}


def test_an_event_that_the_tracking_plan_blocks_is_a_finding() -> None:
    tracking = "on_breach: block\nevents:\n  Order Completed: {schema: {properties: {total: {type: number}}}}\n  Product Viewed:\n"
    case = "given: [{at: +0s, event: Order Completed, properties: {total: '3'}}]\nafter: +0s\nthen: {members: []}\n"
    with pytest.raises(FindingsError) as caught:
        read_tested_plan(PLAN | {"tracking.yaml": tracking, "cases/blocked.yaml": case})
    expected = "an event must be one that the engine takes; got one that the tracking plan blocks: Order Completed: total breaks type"
    assert [expected] == [finding.text for finding in caught.value.findings]
