"""Cases through the engine: what counts up to a check, that no check has an effect on another, and the why of what does not hold."""

from __future__ import annotations

import pytest

from flows.cases import Result, run_cases, untested
from flows.plan_folder import open_tested_plan
from operators.cases.explain import Failure
from operators.plan.read import read_tested_plan
from schemas.output import DECISION_REASONS
from tests.command import SHOP
from tests.harness import run_engine

PLAN = {
    "plan.yaml": "name: shop\nholdout: 50%\ncaps: [{most: 2, within: 7d}]\n",
    "segments.yaml": """\
segments:
  carts: since('Product Added') >= '30m' and not did('Order Completed', after='Product Added')
  buyers: did('Order Completed')
  lucky: bucket('draw') < 0.5
""",
    "campaigns/reminder.yaml": "on: enters carts\nre_enter: after 7d\nholdout: 50%\nsteps: [{send: reminder}]\n",
    "campaigns/thanks.yaml": "on: event Order Completed where total > 10\nre_enter: always\nsteps: [{send: thanks}]\n",
    "campaigns/sorry.yaml": "on: exits carts\nre_enter: always\nstate: draft\nsteps: [{send: sorry}]\n",
}
HELLO = "{at: +0s, type: identify, traits: {email: anna@example.com}}"
ADDED = "{at: +0s, event: Product Added}"
ORDER = "{at: +1h, event: Order Completed, properties: {total: 20}}"


def ran(case: str) -> Result:
    """What came of a case, which is the text of a file."""
    plan, cases = read_tested_plan(PLAN | {"cases/a.yaml": case})
    [result] = run_cases(plan, cases)
    return result


def failures(*given: str, then: str) -> list[Failure]:
    """What does not hold."""
    return list(ran(f"given: [{', '.join(given)}]\nthen: {then}\n").failures)


def holds(*given: str, then: str) -> bool:
    """Whether all of it holds."""
    return not failures(*given, then=then)


# --- time -----------------------------------------------------------------------------------------------------------------------------


def test_a_boundary_at_the_instant_of_the_check_counts_and_one_after_it_does_not() -> None:
    assert holds(ADDED, then="{after: +30m-1ms, not_members: [carts]}")
    assert holds(ADDED, then="{after: +30m, entered: [carts: +30m]}")
    assert not holds(ADDED, then="{after: +30m-1ms, entered: [carts]}")


def test_an_event_at_the_instant_of_the_check_counts_and_one_after_it_does_not() -> None:
    late = "{at: +2h, type: page}"
    assert holds(ORDER, late, then="[{after: +1h, entered: [buyers: +1h]}, {after: +2h, entered: [buyers]}]")
    assert holds(ORDER, late, then="[{after: +1h-1ms, not_members: [buyers]}, {after: +2h, entered: [buyers]}]")


def test_checks_may_stand_in_any_order_and_none_has_an_effect_on_another() -> None:
    # By +30m1s Anna's order has not arrived. It arrives in time all the same: Ben's event lies less than the lateness behind.
    given = (
        "{at: +0s, user: anna, event: Product Added}",
        "{at: +30m2s, user: ben, type: page}",
        "{at: +30m-1s, user: anna, event: Order Completed}",
    )
    first, second = "{after: +30m1s, entered: {anna: [carts: +30m]}}", "{after: +1h, not_members: {anna: [carts]}, exited: {anna: []}}"
    assert holds(*given, then=f"[{first}, {second}]")
    assert holds(*given, then=f"[{second}, {first}]")


def test_an_event_below_a_later_one_has_not_arrived_before_that() -> None:
    given = (HELLO, ADDED, "{at: +45m, type: page}", "{at: +20m, event: Order Completed}")
    assert holds(*given, then="[{after: +40m, entered: [carts: +30m]}, {after: +45m, exited: [carts: +45m]}]")
    in_order = (HELLO, ADDED, "{at: +20m, event: Order Completed}", "{at: +45m, type: page}")
    assert holds(*in_order, then="[{after: +40m, not_members: [carts]}, {after: +45m, not_members: [carts]}]")


def test_one_id_is_one_event() -> None:
    order = "{at: +1h, event: Order Completed, id: o, properties: {total: 20}}"
    assert holds(HELLO, order, order, then="{after: +1h, triggers: [thanks]}")
    assert holds(HELLO, order, order.replace("id: o", "id: p"), then="{after: +1h, triggers: [thanks, thanks]}")


# --- hold-outs ------------------------------------------------------------------------------------------------------------------------

NAMES = [f"person-{number}" for number in range(30)]
"""So many that with the plan's shares some would surely be in its hold-outs, and some would not."""


@pytest.mark.parametrize(
    ("holdout", "then"),
    {
        "false": "triggers: [reminder], decisions: []",
        "true": "triggers: [], decisions: [reminder: holdout, thanks: holdout]",
        "[reminder]": "triggers: [thanks], decisions: [reminder: holdout]",
    }.items(),
)
def test_no_name_is_in_a_hold_out_unless_the_case_says_so(holdout: str, then: str) -> None:
    extra = "" if holdout == "false" else f", {ORDER}"
    for name in NAMES:
        given = f"{HELLO}, {ADDED}{extra}".replace("{at", f"{{user: {name}, at")
        result = ran(f"holdout: {holdout}\ngiven: [{given}]\nafter: +1h\nthen: {{{then}}}\n")
        assert result.failures == (), name


def test_bucket_goes_by_the_name() -> None:
    entered = {name: holds(f"{{at: +0s, type: page, user: {name}}}", then="{after: +0s, members: [lucky]}") for name in NAMES}
    assert set(entered.values()) == {True, False}
    assert entered == {name: holds(f"{{at: +0s, type: page, user: {name}}}", then="{after: +9d, members: [lucky]}") for name in NAMES}


# --- the why --------------------------------------------------------------------------------------------------------------------------

RULE = "since('Product Added') >= '30m' and not did('Order Completed', after='Product Added')"
VALUES = {"since('Product Added')": "30m", "did('Order Completed', after='Product Added')": False}

WHY: dict[str, tuple[tuple[str, ...], str, list[tuple[str, str]]]] = {
    "a member too many, by time": ((ADDED,), "{after: +30m, not_members: [carts]}", [("carts: in it since +30m, as time passed", RULE)]),
    "a member too many, by an event": (
        (ORDER,),
        "{after: +2h, not_members: [buyers]}",
        [("buyers: in it since +1h, by 'Order Completed' of +1h", "did('Order Completed')")],
    ),
    "a member that is missing and never was": ((ADDED,), "{after: +30m-1ms, entered: [carts]}", [("carts: never entered", RULE)]),
    "a member that has left": (
        (ADDED, ORDER),
        "{after: +1h, members: [carts, buyers]}",
        [("carts: left at +1h, by 'Order Completed' of +1h", RULE)],
    ),
    "an entry at another instant": ((ADDED,), "{after: +1h, entered: [carts: +31m]}", [("carts: entered at +30m, as time passed", "")]),
    "a late event": (
        (ADDED, "{at: +45m, type: page}", "{at: +20m, event: Order Completed}"),
        "{after: +45m, exited: [carts: +20m]}",
        [("carts: entered at +30m, as time passed", ""), ("carts: left at +45m, by 'Order Completed' of +20m", "")],
    ),
    "a trigger too many, of a segment": (
        (HELLO, ADDED),
        "{after: +30m, triggers: []}",
        [("reminder: sent at +30m, on entering carts, as time passed", "")],
    ),
    "a trigger too many, of an event": (
        (HELLO, ORDER),
        "{after: +1h, triggers: []}",
        [("thanks: sent at +1h, by 'Order Completed' of +1h", "")],
    ),
    "a trigger that was decided against": (
        (ADDED,),
        "{after: +30m, triggers: [reminder]}",
        [("reminder: not sent at +30m (no_address: the person has no e-mail address), on entering carts, as time passed", "")],
    ),
    "a trigger whose segment was not entered": (
        (HELLO, ADDED),
        "{after: +30m-1ms, triggers: [reminder]}",
        [("reminder: never started; it does when somebody enters carts", ""), ("carts: never entered", RULE)],
    ),
    "a trigger whose event did not come": (
        (HELLO, "{at: +1h, event: Order Completed, properties: {total: 3}}"),
        "{after: +1h, triggers: [thanks]}",
        [("thanks: never started, since no event 'Order Completed' where total > 10 came", "")],
    ),
    "a trigger of a draft": ((HELLO, ADDED, ORDER), "{after: +1h, decisions: [sorry: cap]}", [("sorry: a draft starts for nobody", "")]),
    "a decision too many": (
        (HELLO, *[ORDER] * 2, ORDER.replace("+1h", "+2h")),
        "{after: +2h, decisions: []}",
        [(f"thanks: not sent at +2h (cap: {DECISION_REASONS['cap']}), by 'Order Completed' of +2h", "")],
    ),
}


@pytest.mark.parametrize("what", WHY)
def test_what_does_not_hold_says_why(what: str) -> None:
    given, then, expected = WHY[what]
    [failure] = failures(*given, then=then)
    assert [(why.text, why.rule) for why in failure.why] == expected


def test_a_why_has_the_values_of_the_rule_at_the_instant_of_the_check_or_of_the_change() -> None:
    [member] = failures(ADDED, then="{after: +1h, not_members: [carts]}")
    [entry] = failures(ADDED, then="{after: +1h, entered: [carts: +1h]}")
    [sent] = failures(HELLO, ADDED, then="{after: +1h, triggers: []}")
    [nobody] = failures(
        "{at: +0s, user: anna, type: page}",
        "{at: +2h, user: ben, type: page}",
        then=("[{after: +1h, members: {ben: [buyers]}}, {after: +2h, not_members: {anna: [buyers]}}]"),
    )
    assert [why.values for why in member.why] == [VALUES | {"since('Product Added')": "1h"}]
    assert [why.values for why in entry.why] == [why.values for why in sent.why] == [VALUES]
    assert [why.values for why in nobody.why] == [{"did('Order Completed')": False}]


def test_a_failure_says_what_there_is_beside_what_is_expected() -> None:
    then = "[{after: +30m, triggers: [thanks, reminder: +29m]},\n {after: +1h, decisions: [reminder: cap]}]"
    first, second = failures(HELLO, ADDED, then=then)
    assert (first.line, first.after, first.person, first.what) == (2, "+30m", "person", "triggers")
    assert (first.expected, first.actual) == (("reminder at +29m", "thanks"), ("reminder at +30m",))
    assert (first.missing, first.extra) == (("thanks", "reminder at +29m"), ("reminder at +30m",))
    assert (second.line, second.after, second.expected, second.actual) == (3, "+1h", ("reminder: cap",), ())


def test_a_case_that_is_written_with_dates_is_told_in_dates() -> None:
    given = "{at: 2026-01-05T10:00:00+01:00, event: Product Added}"
    [failure] = failures(given, then="{after: 2026-01-06, triggers: [reminder]}")
    assert failure.after == "2026-01-06 00:00:00+00:00"
    assert failure.why[0].text.startswith("reminder: not sent at 2026-01-05 09:30:00+00:00 (no_address: ")


# --- the example plan -----------------------------------------------------------------------------------------------------------------


def test_the_cases_of_the_example_plan_pass() -> None:
    plan, cases = open_tested_plan(SHOP)
    assert [(result.case.name, result.failures) for result in run_cases(plan, cases) if result.failures] == []
    assert len(cases) >= 20


def test_every_segment_and_campaign_of_the_example_plan_is_in_a_case() -> None:
    plan, cases = open_tested_plan(SHOP)
    assert untested(plan, cases) == {"segments": [], "campaigns": []}


def test_a_case_is_what_a_run_over_its_events_gives() -> None:
    plan, cases = open_tested_plan(SHOP)
    [case] = [case for case in cases if case.name.startswith("the fourth mail within seven days")]
    run = run_engine(plan, [each.record for each in case.given], until_ms=case.checks[0].at_ms)
    [triggers, decisions] = [sorted((entry.at_ms or case.start_ms, entry.id) for entry in want.entries) for want in case.checks[0].wants]
    assert sorted((at, campaign) for at, _, kind, campaign, _ in run.sendings if kind == "trigger") == triggers
    assert sorted((at, campaign) for at, _, kind, campaign, _ in run.sendings if kind == "decision") == decisions


def test_what_is_in_no_case_is_named() -> None:
    plan, cases = read_tested_plan(
        PLAN | {"cases/a.yaml": f"given: [{ADDED}]\nafter: +1h\nthen: {{members: [carts], not_members: [buyers]}}"}
    )
    assert untested(plan, cases) == {"segments": ["buyers", "lucky"], "campaigns": ["reminder", "sorry", "thanks"]}
