"""Currencies: `currency_code`, the three letters of ISO 4217, of codes, signs and English names."""

from __future__ import annotations

from functools import cache

from operators.clean.countries import folded, locale_of

_SIGNS = {
    "AUD": ("a$",),
    "BRL": ("r$",),
    "CAD": ("c$", "ca$"),
    "CHF": ("sfr", "fr."),
    "CNY": ("元", "rmb"),
    "CZK": ("kč",),
    "EUR": ("€", "euros"),
    "GBP": ("£", "pounds", "pound sterling"),
    "HKD": ("hk$",),
    "HUF": ("ft",),
    "ILS": ("₪",),
    "INR": ("₹",),
    "JPY": ("¥", "円", "yen"),
    "KRW": ("₩",),
    "NGN": ("₦",),
    "NZD": ("nz$",),
    "PHP": ("₱",),
    "PLN": ("zł",),
    "RUB": ("₽",),
    "THB": ("฿",),
    "TRY": ("₺",),
    "UAH": ("₴",),
    "USD": ("us$", "dollars", "us dollars"),
    "VND": ("₫",),
}
"""Signs, and names that CLDR has not, by the code they stand for."""
_BY_SIGN = {sign: code for code, signs in _SIGNS.items() for sign in signs}
_SHARED_SIGNS = {
    "$": {"US": "USD", "CA": "CAD", "AU": "AUD", "NZ": "NZD", "SG": "SGD", "HK": "HKD", "MX": "MXN", "CL": "CLP", "CO": "COP", "AR": "ARS"},
    "kr": {"SE": "SEK", "NO": "NOK", "DK": "DKK", "IS": "ISK"},
}
"""Signs that mean another currency in each country."""


def currency_code(text: str, country: str | None = None) -> str | None:
    """The currency's code; None where it is none. A sign that several countries share is that of `country`.

    >>> currency_code("eur"), currency_code("€"), currency_code("Swiss Franc"), currency_code("$", "CA"), currency_code("$")
    ('EUR', 'EUR', 'CHF', 'CAD', None)
    """
    code = text.strip().upper()
    if code in _codes():
        return code
    sign = code.lower()
    shared = _SHARED_SIGNS.get(sign)
    if shared is not None:
        return shared.get(country or "")
    return _BY_SIGN.get(sign) or _names().get(folded(text))


@cache
def _codes() -> frozenset[str]:
    return frozenset(_names().values())


@cache
def _names() -> dict[str, str]:
    english = locale_of("en")
    assert english is not None
    return {folded(name): code for code, name in english.currencies.items()}
