"""`Record`: what two persons are compared by, read from traits and brought to one spelling.

Only what helps a comparison is done here: accents, case and punctuation go, "+49 (0)30 12-34" and "030 1234" become digits, a day of birth
eight digits. The profile itself is not touched.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

NAMES: dict[str, tuple[str, ...]] = {
    "given": ("firstName", "first_name", "given_name"),
    "family": ("lastName", "last_name", "family_name", "surname"),
    "name": ("name",),
    "email": ("email",),
    "number": ("insuranceNumber", "insurance_number", "taxNumber", "tax_number", "nationalId", "national_id"),
    "phone": ("phone", "mobile", "phone_number"),
    "birthday": ("birthday", "birth_date", "date_of_birth"),
    "address": ("address",),
    "street": ("street",),
    "city": ("city",),
    "postcode": ("postalCode", "postal_code", "postcode", "zip"),
}
"""The traits that are looked at, by what they tell: the first that is there counts. `street`, `city` and `postcode` are read inside
`address` too, and `name` is taken apart where there is neither a given nor a family name."""

TRAITS = frozenset(trait for traits in NAMES.values() for trait in traits)
"""All of them: an event that changes none of these changes no `Record`."""

_FOLDS_DOTS = {"gmail.com", "googlemail.com"}
_SAME_PROVIDER = {"googlemail.com": "gmail.com"}
_WORDS = {"st": "street", "str": "strasse", "rd": "road", "ave": "avenue", "av": "avenue", "dr": "drive", "pl": "place", "ln": "lane"}
_MOST = 80
"""Characters of a field that are compared."""


class Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A person as it is compared; an empty text is what is not known. `house` is the number in the street, `phone` and `birthday` are
    digits; `number` is one that each has one of, and alone, such as that of an insurance."""

    given: str = ""
    family: str = ""
    email: str = ""
    phone: str = ""
    birthday: str = ""
    street: str = ""
    house: str = ""
    city: str = ""
    postcode: str = ""
    number: str = ""


NOTHING = Record()
"""A person of whom nothing is known that could be compared."""


def record_of(traits: Mapping[str, Any]) -> Record:
    """The record of a person with these traits.

    >>> found = record_of({"name": "Müller, Anna", "birthday": "2.3.1985", "address": {"street": "Hauptstr. 5a", "city": "Köln"}})
    >>> found == Record("anna", "muller", birthday="19850302", street="hauptstr", house="5a", city="koln")
    True
    """
    told = {what: next((traits[trait] for trait in names if traits.get(trait)), None) for what, names in NAMES.items()}
    address = told["address"]
    if isinstance(address, Mapping):
        for what in ("street", "city", "postcode"):
            told[what] = next((address[name] for name in NAMES[what] if address.get(name)), told[what])
    elif told["street"] is None:
        told["street"] = address
    given, family = plain(told["given"]), plain(told["family"])
    if not given and not family:
        given, family = _apart(told["name"])
    street, house = _street(told["street"])
    return Record(
        given,
        family,
        _email(told["email"]),
        _phone(told["phone"]),
        _birthday(told["birthday"]),
        street,
        house,
        plain(told["city"]),
        plain(told["postcode"]).replace(" ", ""),
        plain(told["number"]).replace(" ", ""),
    )


def plain(value: Any) -> str:
    """The words of a text without accents, case and punctuation; empty for what is no text.

    >>> plain("  Jean-Luc  O'Brián ")
    'jean luc obrian'
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    text = value[: 4 * _MOST]
    if not text.isascii():
        text = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    text = text.casefold().replace("'", "").replace("\u2019", "")
    return " ".join("".join(each if each.isalnum() else " " for each in text).split())[:_MOST]


def _apart(name: Any) -> tuple[str, str]:
    """Given and family name of a whole one: the last word is the family name, or what stands before a comma."""
    if not isinstance(name, str):
        return "", ""
    family, comma, given = name.partition(",")
    if comma and given.strip():
        return plain(given), plain(family)
    given, _, family = plain(name).rpartition(" ")
    return given, family


def _email(value: Any) -> str:
    """The address as it is compared: without a tag, and without dots where the provider ignores them.

    >>> _email("Anna.Berg+news@GoogleMail.com")
    'annaberg@gmail.com'
    """
    if not isinstance(value, str):
        return ""
    local, at, domain = value.strip().casefold()[:320].rpartition("@")
    local = local.partition("+")[0]
    if domain in _FOLDS_DOTS:
        local = local.replace(".", "")
    return f"{local}@{_SAME_PROVIDER.get(domain, domain)}" if at and local and domain else ""


def _phone(value: Any) -> str:
    """The digits without zeros in front; empty where they are too few for a number, or one digit alone.

    >>> _phone("+49 (0)30 123-456 7"), _phone("030 1234567"), _phone("000000")
    ('49301234567', '301234567', '')
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    digits = re.sub(r"\D", "", value[:_MOST].replace("(0)", "")).lstrip("0")[:15]
    return digits if len(digits) >= 6 and len(set(digits)) > 1 else ""


def _birthday(value: Any) -> str:
    """Year, month and day as eight digits, in whatever order they came; a day that is none in the calendar stays, as a typo.

    >>> _birthday("1985-03-02T00:00:00Z"), _birthday("02/03/1985"), _birthday(19850302), _birthday("unknown")
    ('19850302', '19850302', '19850302', '')
    """
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    text = text[:_MOST].strip()
    if found := re.match(r"(\d{4})\D?(\d\d?)\D?(\d\d?)(?!\d)", text):
        year, month, day = found.groups()
    elif found := re.match(r"(\d\d?)\D(\d\d?)\D(\d{4})(?!\d)", text):
        day, month, year = found.groups()
    else:
        return ""
    return f"{year}{month:0>2}{day:0>2}"


def _street(value: Any) -> tuple[str, str]:
    """The street's name, with its usual words written out, and the number of the house.

    >>> _street("6 Tullaroop St."), _street("Straße des 17. Juni 135")
    (('tullaroop street', '6'), ('strasse des juni', '17'))
    """
    words = plain(value).split(" ")
    number = next((word for word in words if word[:1].isdecimal()), "")
    return " ".join(_WORDS.get(word, word) for word in words if not word[:1].isdecimal()), number
