"""Every kind of value: published and plain cases, and that what is cleaned stays as it is."""

from __future__ import annotations

from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from operators.clean.addresses import clean_address
from operators.clean.countries import countries
from operators.clean.kinds import CLEANERS
from operators.clean.phones import e164
from schemas.plan import CleanKind

WORDS = {
    "text": st.text(),
    "email": st.one_of(st.emails(), st.text()),
    "phone": st.one_of(st.from_regex(r"\+?[0-9 ()/.-]{3,20}", fullmatch=True), st.integers(0, 10**16)),
    "name": st.one_of(
        st.text(),
        st.from_regex(r"\A[A-ZÉÖß'. ,-]{1,20}\Z"),
        st.from_regex(r"\A[a-zéöß'. ,-]{1,20}\Z"),
        st.lists(st.sampled_from(["VON", "de", "la", "ANNA", "anna", "O'NEIL", "jr", "III", ",", "É", "x", "McKay"])).map(" ".join),
    ),
    "country": st.sampled_from(["de", "Germany", "GERMANY ", "u.k.", "deu", "276", "Schweiz", "Atlantis", "EU", "uk", "España"]),
    "language": st.one_of(
        st.from_regex(r"\A[a-zA-Z]{2,3}([-_][a-zA-Z]{4})?([-_][a-zA-Z]{2}|[-_][0-9]{3})?([-_][a-z0-9]{1,8})*\Z"),
        st.sampled_from(["German", "deutsch", "en-GB,en;q=0.8", "pt_BR.UTF-8", "ger"]),
    ),
    "currency": st.sampled_from(["eur", "€", "$", "Euro", "US Dollar", "kr", "zł", "Swiss franc", "none"]),
    "date": st.one_of(
        st.dates().map(str),
        st.from_regex(r"\A[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}\Z"),
        st.sampled_from(["24. Dezember 1990", "Dec 24, 1990", "1990-12-24T00:00:00Z", "1990-12-24T10:00:00+01:00", "19901224"]),
    ),
}
WORDS["name_part"] = WORDS["name"]
ADDRESSES = st.fixed_dictionaries(
    {},
    optional={
        "street": st.text(),
        "city": WORDS["name"],
        "state": st.sampled_from(["california", "CA", "Bayern", "NSW", "Ontario", "東京都", "x"]),
        "postalCode": st.one_of(
            st.sampled_from(["D-80331", "sw1a1aa", "1234ab", "902 10", "902101234", "00950", "2725079"]), st.integers(), st.text()
        ),
        "country": st.one_of(WORDS["country"], st.sampled_from(["GB", "NL", "US", "PL", "PT", "BR", "JP", "SE", "CA", "IE"])),
    },
)
VALUES = {**WORDS, "address": st.one_of(ADDRESSES, st.text())}
OTHERS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.lists(st.text()), st.dictionaries(st.text(), st.text())
)


@pytest.mark.parametrize("kind", CLEANERS)
@given(st.data(), st.sampled_from([None, "DE", "US", "GB", "SE", "JP"]))
def test_what_is_cleaned_stays_as_it_is(kind: CleanKind, data: st.DataObject, country: str | None) -> None:
    value = data.draw(st.one_of(VALUES[kind], VALUES[kind], OTHERS))
    cleaned, sound = CLEANERS[kind](value, country)
    assert (cleaned, sound) == CLEANERS[kind](cleaned, country)


@pytest.mark.parametrize("kind", CLEANERS)
@given(st.one_of(st.text(), OTHERS), st.sampled_from([None, "DE"]))
def test_anything_is_taken(kind: CleanKind, value: Any, country: str | None) -> None:
    cleaned, sound = CLEANERS[kind](value, country)
    assert (cleaned, sound) == CLEANERS[kind](cleaned, country)


NUMBERS = [
    (region, kind, number)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in phonenumbers.PhoneNumberType.values()
    if (number := phonenumbers.example_number_for_type(region, kind)) is not None
]
"""The example of every type of number of every region: what `examplenumberstest.py` of phonenumbers goes through."""


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_example_of_phonenumbers_is_read_as_it_is_written(region: str) -> None:
    for own, _, number in NUMBERS:
        if own != region:
            continue
        expected = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        if not phonenumbers.is_valid_number(number):
            # The library's own test leaves such ones out too: short codes that cannot be dialled from abroad.
            continue
        for form in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966, PhoneNumberFormat.NATIONAL):
            assert expected == e164(phonenumbers.format_number(number, form), region), form


def test_there_are_examples() -> None:
    assert len(NUMBERS) > 1000


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        # From `phonenumbertest.py` of phonenumbers 9.0 (Apache-2.0), as far as the numbers are those of the real plans.
        ("03-331 6005", "NZ", "+6433316005"),
        ("03 331 6005", "NZ", "+6433316005"),
        ("tel:03-331-6005;phone-context=+64", "NZ", "+6433316005"),
        ("tel:03-331-6005;isub=12345;phone-context=+64", "NZ", "+6433316005"),
        ("0064 3 331 6005", "NZ", "+6433316005"),
        ("01164 3 331 6005", "US", "+6433316005"),
        ("+64 3 331 6005", "US", "+6433316005"),
        ("64(0)64123456", "NZ", None),
        ("+01164 3 331 6005", "US", "+6433316005"),
        ("+0064 3 331 6005", "NZ", "+6433316005"),
        ("(1)(650) 253-0000", "US", "+16502530000"),
        ("1-650-253-0000", "US", "+16502530000"),
        ("0116502530000", "US", None),
        ("+1 (650) 253-0000 extn. 4567", None, "+16502530000"),
        ("+39 02-36618 300", None, "+390236618300"),
        ("＋１ （６５０） ２５３-００００", "SG", "+16502530000"),
        ("+800 1234 5678", None, "+80012345678"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("This is not a phone number", "NZ", None),
        ("1 Still not a number", "NZ", None),
        ("+---", "DE", None),
        ("01495 72553301873 810104", "GB", None),
        ("123 456 7890", None, None),
        ("tel:555-1234;phone-context=www.google.com", "US", None),
    ],
)
def test_a_phone_number(text: str, country: str | None, expected: str | None) -> None:
    assert expected == e164(text, country)


@pytest.mark.parametrize(
    ("kind", "country", "value", "expected"),
    [
        ("name", None, "MÜLLER, HANS-PETER", "Hans-Peter Müller"),
        ("name", None, "d'angelo", "D'Angelo"),
        ("name", None, "García Márquez, Gabriel", "Gabriel García Márquez"),
        ("name", None, "ANNA  de LA cruz", "Anna de LA cruz"),
        ("name", None, "Smith, Anna, PhD", "Smith, Anna, PhD"),
        ("name", None, "JOHN SMITH III", "John Smith III"),
        ("name", None, "山田太郎", "山田太郎"),
        ("name_part", None, "VAN DER BERG", "van der Berg"),
        ("name_part", None, "XI", "Xi"),
        ("name_part", None, "von", "Von"),
        ("country", None, "Deutschland", "DE"),
        ("country", None, "united states of america", "US"),
        ("country", None, "Côte d'Ivoire", "CI"),
        ("country", "HU", "Magyarország", "HU"),
        ("country", None, "Magyarország", None),
        ("country", None, "EU", None),
        ("country", None, "UK", "GB"),
        ("country", None, "840", "US"),
        ("language", None, "EN_us", "en-US"),
        ("language", None, "sr-latn-rs", "sr-Latn-RS"),
        ("language", None, "es-419", "es-419"),
        ("language", None, "iw", "he"),
        ("language", None, "Français", "fr"),
        ("language", None, "de-DE-1996", "de-DE-1996"),
        ("language", None, "klingonese", None),
        ("currency", None, "usd", "USD"),
        ("currency", "SE", "kr", "SEK"),
        ("currency", None, "kr", None),
        ("date", "DE", "1.2.1990", "1990-02-01"),
        ("date", "US", "1/2/1990", "1990-01-02"),
        ("date", "US", "13/2/1990", "1990-02-13"),
        ("date", None, "1/2/1990", None),
        ("date", None, "1.2.90", None),
        ("date", None, "2 de marzo de 1990", "1990-03-02"),
        ("date", None, "29.2.1991", None),
        ("date", None, "1990-12-24T23:30:00+01:00", "1990-12-24T23:30:00+01:00"),
    ],
)
def test_a_plain_case(kind: CleanKind, country: str | None, value: str, expected: str | None) -> None:
    assert ((value, False) if expected is None else (expected, True)) == CLEANERS[kind](value, country)


@pytest.mark.parametrize(
    ("country", "raw", "expected"),
    [
        ("DE", "D-80331", "80331"),
        ("GB", "ec1y8sy", "EC1Y 8SY"),
        ("NL", "1234ab", "1234 AB"),
        ("SE", "11455", "114 55"),
        ("CA", "h3z2y7", "H3Z 2Y7"),
        ("US", "221621010", "22162-1010"),
        ("PL", "00950", "00-950"),
        ("PT", "2725 079", "2725-079"),
        ("BR", "40301110", "40301-110"),
        ("JP", "1540023", "154-0023"),
        ("DE", 80331, "80331"),
        ("DE", "8033", None),
        ("US", "9021", None),
    ],
)
def test_a_postal_code(country: str, raw: Any, expected: str | None) -> None:
    address, sound = clean_address({"postalCode": raw, "country": country})
    assert (expected if expected is not None else raw, expected is not None) == (address["postalCode"], sound)


def test_every_country_has_a_format_or_none() -> None:
    for country in countries():
        assert clean_address({"postalCode": "", "state": "x", "country": country}) == (
            {"postalCode": "", "state": "x", "country": country},
            True,
        )
