"""A lane looks for persons that are probably one as their profiles change: the same ones whatever the batches and crashes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from operators.duplicates.rows import BLOCKS, CANDIDATES_END, RECORDS, RECORDS_END
from operators.duplicates.watch import read_candidates
from operators.identity.resolve import present
from operators.lane.keys import person_key
from operators.lane.people import person_of
from operators.plan.checked import Plan
from schemas.person import Person
from tests.febrl import pairs_of, read_febrl
from tests.harness import STEPS, Crash, Run, make_plan, run_engine

GIVEN, FAMILY, DAYS = ("Anna", "Ana", "Hans"), ("Berg", "Kern"), ("1985-03-02", "1985-02-03", "1979-11-20")
HOME = {"phone": "0171 5550142", "address": {"street": "Ring 3", "city": "Bonn", "postalCode": "53111"}}


def record(n: int, person: str, **fields: Any) -> bytes:
    """A record of a person, the n-th second."""
    told = {"type": "identify", "messageId": f"m{n}", "userId": person, "timestamp": f"2026-01-01T00:{n // 60 % 60:02}:{n % 60:02}Z"}
    return json.dumps(told | fields).encode()


def stream(number: int) -> list[bytes]:
    """People who change their minds about who they are, and decisions that they are not the same."""
    dice, lines = random.Random(5), []
    for n in range(number):
        person, other = f"p{dice.randrange(8)}", f"p{dice.randrange(8)}"
        if dice.random() < 0.1:
            lines.append(record(n, person, type="track", event="Duplicate Refused", properties={"other": other}))
        else:
            traits = {"firstName": dice.choice(GIVEN), "lastName": dice.choice(FAMILY), "birthday": dice.choice(DAYS)}
            lines.append(record(n, person, traits=traits | (HOME if dice.random() < 0.3 else {})))
    return lines


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A plan that looks for duplicates."""
    return make_plan({"all_of_them": "everyone"}, duplicate_persons="review")


def kept(run: Run) -> list[tuple[bytes, bytes]]:
    """All that is kept for the search."""
    return run.store.scan(BLOCKS, CANDIDATES_END, 1 << 30) + run.store.scan(RECORDS, RECORDS_END, 1 << 30)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("size", [1, 7])
def test_batches_and_crashes_make_no_difference(plan: Plan, size: int, step: str) -> None:
    lines = stream(200)
    whole = run_engine(plan, lines)
    assert {"open", "refused"} == {each.state for each in read_candidates(whole.store, None)}
    assert kept(whole) == kept(run_engine(plan, lines, batches=size, crash=Crash(20, step), reopen=[5], rewind=3))


def test_a_shared_household_and_device_do_not_make_two_people_one(plan: Plan) -> None:
    lines = [
        record(1, "anna", anonymousId="tablet", traits={"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02"} | HOME),
        record(2, "hans", anonymousId="tablet", traits={"firstName": "Hans", "lastName": "Kern", "birthday": "1979-11-20"} | HOME),
    ]
    assert read_candidates(run_engine(plan, lines).store, None) == []


def test_a_visitor_that_was_linked_is_found_as_whom_it_became(plan: Plan) -> None:
    traits = {"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02"}
    lines = [
        record(1, "", anonymousId="visitor", traits=traits),
        record(2, "anna", anonymousId="visitor", type="page"),
        record(3, "anna-2", traits=traits),
    ]
    for batches in (1, 3):
        found = read_candidates(run_engine(plan, lines, batches=batches).store, None)
        assert [(each.person, each.other) for each in found] == [("anna", "anna-2")]


def test_nothing_is_kept_where_nobody_looks() -> None:
    assert kept(run_engine(make_plan({"all_of_them": "everyone"}), stream(50))) == []


def test_a_refusal_of_what_is_no_other_person_is_an_event_like_others(plan: Plan) -> None:
    others: tuple[Any, ...] = (None, 3, "", "p1", "x" * 5_000)
    lines = [record(n, "p1", type="track", event="Duplicate Refused", properties={"other": other}) for n, other in enumerate(others)]
    run = run_engine(plan, lines)
    assert len(others) == run.counts["events"]
    assert read_candidates(run.store, None) == []


@pytest.fixture(scope="module")
def merging() -> Plan:
    """A plan that merges as well."""
    return make_plan({"all_of_them": "everyone"}, duplicate_persons={"merge": "99%"})


def person_in(run: Run, name: str) -> Person:
    """Whom a name leads to."""
    p = present(lambda name: person_of(run.store.get(person_key(name))), name)
    assert p is not None
    return p


def test_above_the_upper_threshold_two_are_merged_as_by_an_alias(merging: Plan) -> None:
    traits = {"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02"}
    lines = [record(1, "anna", traits=traits), record(2, "hans", traits=traits | {"firstName": "Hans"}), record(3, "anna-2", traits=traits)]
    for batches in (1, 3):
        run = run_engine(merging, lines, batches=batches)
        p = person_in(run, "anna-2")
        assert (p.id, p.rank) == ("anna", 3)
        assert p.ties is not None
        [merge] = p.ties.merges
        assert (merge.kind, merge.user, merge.previous) == ("duplicate", "anna", "anna-2")
        assert [each["field"] for each in merge.evidence["evidence"]] == ["persons", "given", "family", "birthday", "twins"]
        assert person_in(run, "hans").id == "hans"


def test_visitors_are_merged_without_becoming_users(merging: Plan) -> None:
    traits = {"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02"}
    lines = [record(n, "", anonymousId=f"visitor-{n}", traits=traits) for n in (1, 2)]
    p = person_in(run_engine(merging, lines), "visitor-2")
    assert (p.id, p.rank) == ("visitor-1", 1)


def test_an_unmerged_pair_is_not_merged_again(merging: Plan) -> None:
    traits = {"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02"}
    lines = [record(1, "anna", traits=traits), record(2, "anna-2", traits=traits)]
    lines += [record(3, "anna", type="unmerge", previousId="anna-2")]
    lines += [record(4, "anna-2", traits=traits | {"phone": "0171 5550142"})]
    run = run_engine(merging, lines)
    assert person_in(run, "anna-2").id == "anna-2"
    assert [each.state for each in read_candidates(run.store, None)] == ["merged"]


def test_a_household_is_not_merged(merging: Plan) -> None:
    lines = [
        record(1, "anna", traits={"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02"} | HOME),
        record(2, "hans", traits={"firstName": "Hans", "lastName": "Berg", "birthday": "1979-11-20"} | HOME),
    ]
    assert person_in(run_engine(merging, lines), "hans").id == "hans"


@pytest.mark.parametrize("step", STEPS)
def test_merges_come_out_the_same_whatever_the_batches_and_crashes(merging: Plan, step: str) -> None:
    lines = stream(150)
    whole, torn = run_engine(merging, lines), run_engine(merging, lines, batches=7, crash=Crash(9, step), reopen=[4], rewind=3)
    assert "merged" in {each.state for each in read_candidates(whole.store, None)}
    assert kept(whole) == kept(torn)
    assert whole.records == torn.records


@pytest.mark.parametrize("number", [2, 3])
def test_what_the_lane_merges_of_febrl_is_right_and_nearly_all(merging: Plan, number: int) -> None:
    doubles = read_febrl(number)
    run = run_engine(merging, [record(n, each.id, traits=each.traits) for n, each in enumerate(doubles)])
    roots = {each.id: person_in(run, each.id).id for each in doubles}
    numbers = {root: n for n, root in enumerate(sorted(set(roots.values())))}
    got, true = pairs_of({id: numbers[root] for id, root in roots.items()}), pairs_of(doubles)
    print(f"FEBRL {number} merged by a lane: precision {len(got & true) / len(got):.4f}, recall {len(got & true) / len(true):.4f}")
    assert len(got & true) / len(got) >= 0.98
    assert len(got & true) / len(true) >= 0.95


def test_febrl_goes_through_the_lane(plan: Plan) -> None:
    doubles = read_febrl(3)
    lines = [record(n, each.id, traits=each.traits) for n, each in enumerate(doubles)]
    found = {(min(each.person, each.other), max(each.person, each.other)) for each in read_candidates(run_engine(plan, lines).store)}
    true = pairs_of(doubles)
    print(f"FEBRL 3 through a lane: precision {len(found & true) / len(found):.4f}, recall {len(found & true) / len(true):.4f}")
    assert len(found & true) / len(found) >= 0.98
    assert len(found & true) / len(true) >= 0.95
