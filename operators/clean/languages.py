"""Languages: `language_tag`, the tag of BCP 47 with the shortest code of ISO 639, of tags, locales and names."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from babel.core import get_global

from operators.clean.countries import country_code, folded, languages_around, locale_of

_TAG = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?((?:-[a-z0-9]{1,8})*)", re.ASCII)


@lru_cache(maxsize=1024)
def language_tag(text: str, country: str | None = None) -> str | None:
    """The tag of a language; None where it is none. Of a list as browsers send it the first counts.

    >>> language_tag("de_at"), language_tag("eng"), language_tag("zh-hant-tw"), language_tag("German"), language_tag("fr-CH, fr;q=0.9")
    ('de-AT', 'en', 'zh-Hant-TW', 'de', 'fr-CH')
    """
    first = re.split(r"[,;]", text.strip())[0].strip()
    tag = _TAG.fullmatch(re.split(r"[.@]", first)[0].replace("_", "-").lower())
    language = _known(tag[1]) if tag is not None else None
    if tag is None or language is None:
        return _named(folded(first), country)
    script, region = tag[2], tag[3]
    if region is not None and region.isalpha():
        region = country_code(region.upper())
        if region is None:
            return None
    parts = (language, script.title() if script else None, region)
    return "-".join(part for part in parts if part) + tag[4]


def _known(code: str) -> str | None:
    """The code by which CLDR knows a language."""
    if code in _codes():
        return code
    alias = get_global("language_aliases").get(code)
    return alias if alias in _codes() else None


@cache
def _codes() -> frozenset[str]:
    english = locale_of("en")
    assert english is not None
    aliases = get_global("language_aliases")
    return frozenset(code for code in map(str, english.languages) if len(code) <= 3 and code not in aliases)


def _named(name: str, country: str | None) -> str | None:
    return next((names[name] for language in languages_around(country) if name in (names := _names(language))), None)


@cache
def _names(language: str) -> dict[str, str]:
    locale = locale_of(language)
    return {folded(name): code for code, name in locale.languages.items() if code in _codes()} if locale is not None else {}
