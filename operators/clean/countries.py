"""Countries: `country_code`, the two letters of ISO 3166-1, of codes and of names as people write them.

Names are those of CLDR, in English, in the languages of the country at hand and in the others that are written most around here.
"""

from __future__ import annotations

from functools import cache, lru_cache
from unicodedata import combining, normalize

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.languages import get_official_languages

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "pt")
_NO_COUNTRIES = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})
"""Codes of CLDR for what is no country of ISO 3166-1. Kosovo (XK) is taken: addresses there have it."""

_OTHER_NAMES = {
    "US": ("america", "unitedstatesofamerica"),
    "GB": ("england", "scotland", "wales", "northernireland", "greatbritain", "britain"),
    "NL": ("holland",),
    "CZ": ("czechrepublic",),
    "TR": ("turkey",),
    "RU": ("russianfederation",),
    "CI": ("ivorycoast",),
    "HK": ("hongkong",),
    "MO": ("macau", "macao"),
    "IE": ("republicofireland",),
    "KR": ("korea",),
    "MM": ("burma",),
    "CV": ("capeverde",),
    "SZ": ("swaziland",),
    "MK": ("macedonia",),
    "PS": ("palestine",),
    "VA": ("vaticancity",),
    "DE": ("brd",),
}
"""English names in use that CLDR has not, folded."""


def country_code(text: str, country: str | None = None) -> str | None:
    """The country's code; None where it is none. `country` is the one whose languages are looked at too.

    >>> country_code("de"), country_code("DEU"), country_code("U.K."), country_code("Österreich"), country_code("Sverige", "SE")
    ('DE', 'DE', 'GB', 'AT', 'SE')
    >>> country_code("Atlantis") is None
    True
    """
    return text if text in countries() else _looked_up(text, country)


@lru_cache(maxsize=1024)
def _looked_up(text: str, country: str | None) -> str | None:
    code = text.strip().replace(".", "").upper()
    if code in countries():
        return code
    aliases: list[str] = get_global("territory_aliases").get(code, [])
    if len(aliases) == 1 and aliases[0] in countries():
        return aliases[0]
    name = folded(text)
    return next((names[name] for language in languages_around(country) if name in (names := _names(language))), None)


def folded(text: str) -> str:
    """A name as it is looked up: letters and digits in lower case, without accents.

    >>> folded("Côte d’Ivoire")
    'cotedivoire'
    """
    return "".join(c for c in normalize("NFKD", text.casefold()) if c.isalnum() and not combining(c))


@cache
def languages_around(country: str | None) -> tuple[str, ...]:
    """The languages in which names are looked up: English, those of the country, and the others."""
    own = get_official_languages(country, de_facto=True) if country else ()
    return tuple(dict.fromkeys(("en", *(language.replace("-", "_") for language in own), *LANGUAGES)))


@cache
def locale_of(language: str) -> Locale | None:
    """What CLDR knows of a language; None where that is nothing."""
    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return None


@cache
def countries() -> frozenset[str]:
    """The codes of all countries."""
    english = locale_of("en")
    assert english is not None
    return frozenset(code for code in map(str, english.territories) if len(code) == 2 and code.isalpha()) - _NO_COUNTRIES


@cache
def _names(language: str) -> dict[str, str]:
    locale = locale_of(language)
    names = {folded(name): code for code, name in locale.territories.items() if code in countries()} if locale is not None else {}
    return names | {name: code for code, others in _OTHER_NAMES.items() for name in others} if language == "en" else names
