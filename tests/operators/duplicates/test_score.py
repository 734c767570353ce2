"""Who is taken for one person, who is put up for review, and who for neither; and what holds of any two records."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.duplicates.find import MERGE_AT, REVIEW_AT
from operators.duplicates.record import Record, record_of
from operators.duplicates.score import bits_of, score

MILLION = 1_000_000
HOME = {"address": {"street": "12 Herschell Circuit", "city": "Lawrence", "postalCode": "2272"}, "phone": "+61 3 9555 0142"}
ANNA: dict[str, Any] = {"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02", "email": "anna.berg@example.com", **HOME}


def changed(**traits: Any) -> dict[str, Any]:
    """Anna, with other traits; None takes one away."""
    return {**ANNA, **traits}


def outcome(a: dict[str, Any], b: dict[str, Any], persons: int = MILLION) -> str:
    """What becomes of two persons with these traits."""
    bits = score(record_of(a), record_of(b), persons).bits
    return "merge" if bits >= bits_of(MERGE_AT) else "review" if bits >= bits_of(REVIEW_AT) else "apart"


CASES = {
    "itself": (changed(), "merge"),
    "another address, telephone and e-mail": (
        changed(email="a.b@example.org", phone="0171 555000", address={"street": "Ring 3", "city": "Bonn", "postalCode": "53111"}),
        "apart",
    ),
    "a slip in the name": (changed(firstName="Annaa", email=None), "merge"),
    "a name that is only alike": (changed(firstName="Anne", email=None), "review"),
    "day and month swapped": (changed(birthday="1985-02-03", email=None), "merge"),
    "names swapped": (changed(firstName="Berg", lastName="Anna", email=None), "merge"),
    "married": (changed(lastName="Smith"), "merge"),
    "moved, with the same telephone": (changed(address={"street": "Ring 3", "city": "Bonn", "postalCode": "53111"}, email=None), "review"),
    "another e-mail": (changed(email="berg@example.org"), "merge"),
    "a household: other names, other birthdays": (changed(firstName="Hans", lastName="Kern", birthday="1979-11-20", email=None), "apart"),
    "a household: one family name": (changed(firstName="Hans", birthday="1979-11-20", email=None), "apart"),
    "a household: nothing known but names": (changed(firstName="Hans", birthday=None, email=None), "apart"),
    "twins": (changed(firstName="Lena", email=None), "review"),
    "mother and daughter of one name": (changed(birthday="2010-07-14", email=None), "review"),
    "one e-mail alone": ({"email": "Anna.Berg+news@example.com"}, "apart"),
    "a name alone": ({"firstName": "Anna", "lastName": "Berg"}, "apart"),
    "one telephone alone": ({"phone": "(03) 9555 0142", "firstName": "Hans", "birthday": "1979-11-20"}, "apart"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_becomes_of(case: str) -> None:
    other, expected = CASES[case]
    assert expected == outcome(ANNA, other)


def named(name: str, email: str) -> dict[str, Any]:
    return {"name": name, "email": email}


@pytest.mark.parametrize(
    ("a", "b", "level"),
    [
        (named("Paul Ernst", "paul@ernst.de"), named("Paula Ernst", "paula@ernst.de"), "named"),
        (named("Anna Meier", "anna.meier@firma.de"), named("Anne Meier", "anne.meier@firma.de"), "named"),
        (named("Anna Meier", "am@firma.de"), named("Bernd Meier", "bm@firma.de"), "named"),
        (named("Anna Meier", "anna.meier@gmx.de"), named("Anna Meier", "anna.meier@web.de"), "named"),
        (named("Jan Möller", "x.möller@firma.de"), named("Jan Möller", "y.möller@firma.de"), "named"),
        (named("Anna Meier", "sunflower@gmx.de"), named("Anna Meier", "sunflowr@gmx.de"), "close"),
        (named("Anna Meier", "sunflower@gmx.de"), named("Anne Meier", "sunflowr@gmx.de"), "close"),
        (named("Anna Meier", "sunflowr@gmx.de"), named("Anne Meier", "sunflower@gmx.de"), "close"),
        (named("Anna Meier", "sunflower@gmx.de"), named("Anne Meier", "sunflower@web.de"), "alike"),
        (named("Anna Meier", "anna@meier.de"), named("Anne Meier", "anna@meier.de"), "equal"),
    ],
)
def test_a_mailbox_that_is_alike_as_the_names_are_is_no_proof_of_its_own(a: dict[str, Any], b: dict[str, Any], level: str) -> None:
    found = score(record_of(a), record_of(b), 1_000)
    [email] = [each for each in found.evidence if each.field == "email"]
    assert (email.level, email.weight > 0) == (level, level != "named")
    without = score(record_of(a | {"email": None}), record_of(b | {"email": None}), 1_000)
    assert found.bits == pytest.approx(without.bits + email.weight)


def test_the_more_people_there_are_the_more_must_agree() -> None:
    namesake = {"firstName": "Anna", "lastName": "Berg", "birthday": "1985-03-02"}
    assert outcome(namesake, namesake, 1_000) == "merge"
    assert outcome(namesake, namesake, 100_000_000) == "review"


TEXT = st.text(alphabet="abcdeé 019-", max_size=8)
DAYS = st.sampled_from(["", "19850302", "19850203", "19850312", "20011111"])
RECORDS = st.builds(Record, TEXT, TEXT, TEXT.map(lambda text: text and f"{text}@example.com"), TEXT, DAYS, TEXT, TEXT, TEXT, TEXT, TEXT)


@given(RECORDS, RECORDS, st.integers(0, 10_000_000))
def test_a_score_is_the_same_from_both_sides_and_the_sum_of_its_evidence(a: Record, b: Record, persons: int) -> None:
    found, other = score(a, b, persons), score(b, a, persons)
    assert other.bits == pytest.approx(found.bits)
    assert found.bits == pytest.approx(sum(each.weight for each in found.evidence))
    assert 0 <= found.chance <= 1


@given(RECORDS, st.integers(0, 10_000_000))
def test_nobody_is_more_alike_than_oneself(record: Record, persons: int) -> None:
    assert all(each.level in ("equal", "shared", "chance") for each in score(record, record, persons).evidence)
