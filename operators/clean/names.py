"""Names of people: `clean_name` and `clean_name_part` see to case and order, `cased` to case alone.

Who typed upper and lower case meant it: only a name in one case throughout gets another, and a long word in capitals beside others.
"""

from __future__ import annotations

import re

from operators.clean.text import clean_text

_PARTICLES = frozenset(
    {
        *(
            "af",
            "al",
            "am",
            "auf",
            "av",
            "aus",
            "bin",
            "binti",
            "da",
            "das",
            "de",
            "degli",
            "dei",
            "del",
            "della",
            "den",
            "der",
            "di",
            "do",
        ),
        *(
            "dos",
            "du",
            "e",
            "el",
            "ibn",
            "la",
            "las",
            "le",
            "los",
            "of",
            "op",
            "te",
            "ten",
            "ter",
            "tot",
            "und",
            "van",
            "vom",
            "von",
            "vor",
        ),
        *("y", "zu", "zum", "zur"),
    }
)
"""Words inside a name that are written small."""
_SUFFIXES = {"jr": "Jr.", "sr": "Sr.", "ii": "II", "iii": "III", "iv": "IV", "phd": "PhD"}
"""What stands behind a name: after a comma it is no first name."""

_SPACES = re.compile(r"\s+")
_LETTERS = re.compile(r"([^\W\d_]+)")
_APOSTROPHES = ("'", "’", "ʼ", "`")
_INITIALS = 3
"""Beside other words, capitals of so many letters may be initials."""


def clean_name(text: str) -> str:
    """A whole name: first names first, in upper and lower case.

    >>> clean_name("SMITH-JONES,  anna"), clean_name("ludwig van beethoven"), clean_name("bell Hooks"), clean_name("Anna SMITH, jr")
    ('Anna Smith-Jones', 'Ludwig van Beethoven', 'bell Hooks', 'Anna Smith Jr.')
    >>> clean_name("O'NEILL, SHAUN MCKAY"), clean_name("VON DER HEIDE, J.R.")
    ("Shaun Mckay O'Neill", 'J.R. von der Heide')
    """
    text = _SPACES.sub(" ", clean_text(text))
    last, comma, first = (piece.strip() for piece in text.partition(","))
    if comma and last and first and "," not in first:
        text = f"{last} {first}" if _suffix(first) is not None else f"{cased(first)} {cased(last, part=True)}"
    return cased(text)


def clean_name_part(text: str) -> str:
    """A first or last name alone, in upper and lower case.

    >>> clean_name_part("anna-lena"), clean_name_part("VON DER HEIDE"), clean_name_part("DeVito")
    ('Anna-Lena', 'von der Heide', 'DeVito')
    """
    return cased(_SPACES.sub(" ", clean_text(text)), part=True)


def cased(text: str, *, part: bool = False) -> str:
    """A name in upper and lower case; `part` says that it may begin with a small word.

    >>> cased("FRANKFURT AM MAIN"), cased("LA PAZ")
    ('Frankfurt am Main', 'La Paz')
    >>> cased("DE LA", part=True), cased("X Y")
    ('de La', 'X Y')
    """
    words = text.split(" ")
    suffix = _suffix(words[-1]) if len(words) > 1 else None
    named = words if suffix is None else words[:-1]
    if len(text) > 1 and (text.isupper() or text.islower()):
        named = [word.lower() if i < len(named) - 1 and _is_small(word, i, part) else _title(word) for i, word in enumerate(named)]
    else:
        named = [_title(word) if word.isupper() and len(word) > _INITIALS and "." not in word else word for word in named]
    return " ".join(named if suffix is None else [*named, suffix])


def _is_small(word: str, place: int, part: bool) -> bool:
    return word.casefold() in _PARTICLES and (part or place > 0)


def _suffix(word: str) -> str | None:
    return _SUFFIXES.get(word.casefold().rstrip("."))


def _title(word: str) -> str:
    """The word with a capital at the beginning of each of its pieces; one letter behind an apostrophe, as in "Anna's", stays small."""
    pieces = _LETTERS.split(word)
    return "".join(
        piece.lower() if len(piece) == 1 and i and pieces[i - 1].endswith(_APOSTROPHES) else piece[:1].title() + piece[1:].lower()
        for i, piece in enumerate(pieces)
    )
