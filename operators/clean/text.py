"""`clean_text`: a string without what nobody sees."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

_EDGES = (
    "".join(map(chr, range(33)))
    + "\x7f\x85\xa0\xad\u1680\u180e\u2028\u2029\u202f\u205f\u3000\ufeff\u2060"
    + "".join(map(chr, range(0x2000, 0x2010)))
)
"""White space, control characters and marks without a width."""


def clean_text(value: str) -> str:
    """The string in NFC, without white space and invisible marks at its ends; inside they stay.

    >>> clean_text(" Zoe\\u0308 \\u200b")
    'Zoë'
    """
    if value.isascii():
        return value.strip(_EDGES)
    return normalize("NFC", value).strip(_EDGES)


def clean_texts(value: Any) -> Any:
    """The value with every string in it cleaned, also in lists and objects; names stay.

    >>> clean_texts({"tags": [" new ", 1]})
    {'tags': ['new', 1]}
    """
    kind = type(value)
    if kind is str:
        return clean_text(value)
    if kind is list:
        return [clean_texts(item) for item in value]
    if kind is dict:
        return {name: clean_texts(item) for name, item in value.items()}
    return value
