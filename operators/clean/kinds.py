"""`CLEANERS`: what cleans each kind of value: from the value and the country to `(value, sound)`.

*Guarantees*: a value that cannot be read stays, trimmed; it is not `sound`. What is cleaned stays as it is when it is cleaned again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from operators.clean.addresses import clean_address
from operators.clean.countries import country_code
from operators.clean.currencies import currency_code
from operators.clean.dates import iso_date
from operators.clean.email import canonical_email
from operators.clean.languages import language_tag
from operators.clean.names import clean_name, clean_name_part
from operators.clean.phones import e164
from operators.clean.text import clean_text, clean_texts
from schemas.plan import CleanKind

Cleaned = tuple[Any, bool]
Cleaner = Callable[[Any, str | None], Cleaned]


def _read_by(read: Callable[[str, str | None], str | None]) -> Cleaner:
    """Cleans strings; null and the empty string say that there is nothing."""

    def cleaned(value: Any, country: str | None) -> Cleaned:
        if type(value) is not str:
            return value, value is None
        text = clean_text(value)
        found = read(text, country) if text else text
        return (text, False) if found is None else (found, True)

    return cleaned


def _text(value: Any, _: str | None) -> Cleaned:
    return clean_texts(value), True


def _phone(value: Any, country: str | None) -> Cleaned:
    """Some senders make a number of a phone number."""
    if type(value) is int:
        found = e164(str(value), country) or e164(f"+{value}")
        return (value, False) if found is None else (found, True)
    return _phone_text(value, country)


def _date(value: Any, country: str | None) -> Cleaned:
    """A number is an instant, in ms since 1970."""
    return (value, True) if type(value) in (int, float) else _date_text(value, country)


def _address(value: Any, country: str | None) -> Cleaned:
    return clean_address(value, country) if type(value) is dict else (clean_texts(value), value is None or type(value) is str)


_phone_text = _read_by(e164)
_date_text = _read_by(iso_date)

CLEANERS: dict[CleanKind, Cleaner] = {
    "text": _text,
    "email": _read_by(lambda text, _: canonical_email(text)),
    "phone": _phone,
    "name": _read_by(lambda text, _: clean_name(text)),
    "name_part": _read_by(lambda text, _: clean_name_part(text)),
    "address": _address,
    "country": _read_by(country_code),
    "language": _read_by(language_tag),
    "currency": _read_by(currency_code),
    "date": _date,
}
"""Every kind of value but `off`, by the name that plans give it."""

assert {*CLEANERS, "off"} == set(get_args(CleanKind))
