"""`check`: what was sent for the fields of a page, to answers, and to errors in words.

E-mail addresses, phone numbers and dates are read by the rules by which traits are cleaned, so an answer that is taken here is no invalid
trait later.

*Guarantees*: pure; of anything at all that was sent there is an answer, an error, or neither where nothing had to be said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from unicodedata import category

from operators.clean.dates import iso_date
from operators.clean.email import canonical_email
from operators.clean.phones import e164
from operators.clean.text import clean_text
from operators.clean.verdict import email_verdict
from operators.forms.form import Field
from operators.forms.words import WORDS
from operators.language.patterns import compile_pattern
from schemas.forms import FieldKind, Language

Texts = Mapping[str, Sequence[str]]
"""What was sent, by field: no text, one, or several."""
MOST_NUMBER_LENGTH = 40
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
"""What can be a thousand here and one there."""


class Setting(NamedTuple):
    """In what an answer is read: the language of errors, the country of phone numbers and dates, the date of today there, and `sure`, the
    address that was sent a second time although it looks mistyped."""

    language: Language = "en"
    country: str | None = None
    today: str = ""
    sure: str = ""


class Checked(NamedTuple):
    """Answers and errors by field. Neither is there of a field that may be left empty, and was."""

    answers: dict[str, Any]
    errors: dict[str, str]


class Wrong(NamedTuple):
    """Which of the words is said, and what stands in it."""

    word: str
    values: Mapping[str, Any] = {}


def check(fields: Sequence[Field], sent: Texts, setting: Setting) -> Checked:
    """Reads what was sent.

    >>> age = Field("age", "number", "Age", required=True, least=18)
    >>> check([age], {"age": ["17"]}, Setting()), check([age], {"age": [" 42 "]}, Setting()).answers
    (Checked(answers={}, errors={'age': 'This must be 18 or more.'}), {'age': 42})
    """
    answers: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in fields:
        found = _read(field, sent.get(field.name, ()), setting)
        if isinstance(found, Wrong):
            own = field.message and not found.word.startswith(("required", "suggestion"))
            errors[field.name] = field.message if own else WORDS[setting.language][found.word].format(**found.values)
        elif found is not None:
            answers[field.name] = found
    return Checked(answers, errors)


def _read(field: Field, sent: Sequence[str], setting: Setting) -> Any:
    """The answer, None of nothing, or what is wrong."""
    texts = [text for text in map(_seen, sent) if text]
    if field.kind in ("checkbox", "consent"):
        return bool(texts) or (Wrong("required_tick") if field.required else False)
    if not texts:
        missing = {"select": "required_option", "radio": "required_option", "checkboxes": "required_options"}
        return Wrong(missing.get(field.kind, "required")) if field.required else None
    return READERS[field.kind](field, texts, setting)


def _seen(text: str) -> str:
    """The text without control characters, which no key makes."""
    text = text.replace("\r\n", "\n")
    if not text.isprintable():
        text = "".join(c for c in text if c in "\n\t" or category(c) not in ("Cc", "Cs"))
    return clean_text(text)


# --- kinds ----------------------------------------------------------------------------------------------------------------------------


def _text(field: Field, texts: Sequence[str], _: Setting) -> Any:
    text = texts[0] if field.kind == "textarea" else " ".join(texts[0].split())
    if len(text) > field.max_length:
        return Wrong("max_length", {"limit": field.max_length, "got": len(text)})
    if len(text) < field.min_length:
        return Wrong("min_length", {"limit": field.min_length})
    return text if field.pattern is None or _whole(field.pattern)(text) else Wrong("pattern")


@lru_cache(maxsize=1024)
def _whole(pattern: str) -> Callable[[str], bool]:
    return compile_pattern(rf"\A(?:{pattern})\z")


def _email(field: Field, texts: Sequence[str], setting: Setting) -> Any:
    address = canonical_email(texts[0])
    meant = email_verdict(texts[0], address).get("suggestion") if len(texts[0]) <= field.max_length else None
    if meant is not None and setting.sure != texts[0]:
        return Wrong("suggestion" if address is not None else "email", {"meant": meant})
    return Wrong("email") if address is None or len(texts[0]) > field.max_length else address


def _tel(field: Field, texts: Sequence[str], setting: Setting) -> Any:
    return (e164(texts[0], setting.country) if len(texts[0]) <= MOST_NUMBER_LENGTH else None) or Wrong("tel")


def _number(field: Field, texts: Sequence[str], _: Setting) -> Any:
    number = _parsed(texts[0])
    if number is None:
        return Wrong("number")
    if isinstance(field.least, int | float) and number < field.least:
        return Wrong("least", {"limit": _told(field.least)})
    if isinstance(field.most, int | float) and number > field.most:
        return Wrong("most", {"limit": _told(field.most)})
    return number


def _told(limit: float) -> str:
    """A limit as it is written in the plan."""
    return str(int(limit)) if float(limit).is_integer() else str(limit)


def _parsed(text: str) -> int | float | None:
    """A number as people write one, without a mark between thousands."""
    text = text.replace("\u2212", "-").replace(",", ".")
    if len(text) > MOST_NUMBER_LENGTH or _NUMBER.fullmatch(text) is None or _THOUSANDS.fullmatch(text) is not None:
        return None
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _date(field: Field, texts: Sequence[str], setting: Setting) -> Any:
    day = iso_date(texts[0], setting.country) if len(texts[0]) <= MOST_NUMBER_LENGTH else None
    if day is None or len(day) != len("1990-12-24"):
        return Wrong("date")
    least, most = (setting.today if limit == "today" else limit for limit in (field.least, field.most))
    if isinstance(least, str) and day < least:
        return Wrong("earliest", {"limit": _day(least, setting.language)})
    if isinstance(most, str) and day > most:
        return Wrong("latest", {"limit": _day(most, setting.language)})
    return day


def _day(day: str, language: Language) -> str:
    """A day as people of that language write it: in German with the day first, in English as in ISO 8601, since England and America differ.

    >>> _day("1990-12-24", "de")
    '24.12.1990'
    """
    return ".".join(reversed(day.split("-"))) if language == "de" else day


def _option(field: Field, texts: Sequence[str], _: Setting) -> Any:
    return texts[0] if texts[0] in {option.value for option in field.options} else Wrong("option")


def _options(field: Field, texts: Sequence[str], _: Setting) -> Any:
    chosen = set(texts)
    return [o.value for o in field.options if o.value in chosen] if chosen <= {o.value for o in field.options} else Wrong("option")


READERS: dict[FieldKind, Callable[[Field, Sequence[str], Setting], Any]] = {
    "text": _text,
    "textarea": _text,
    "email": _email,
    "tel": _tel,
    "number": _number,
    "date": _date,
    "select": _option,
    "radio": _option,
    "checkboxes": _options,
}
"""How each kind but a tick reads what was sent."""


def texts_of(value: Any) -> list[str] | None:
    """A value of JSON as a browser would send it; None of what no field has.

    >>> texts_of("a"), texts_of(1.5), texts_of(True), texts_of(None), texts_of(["a", "b"]), texts_of({"a": 1})
    (['a'], ['1.50'], ['true'], [], ['a', 'b'], None)
    """
    match value:
        case None | False:
            return []
        case True:
            return ["true"]
        case str():
            return [value]
        case int():
            return [str(value)]
        case float():
            # One more digit, so that it is none that can be a thousand.
            return [f"{value!r}0" if "." in repr(value) else repr(value)]
        case list() if all(isinstance(each, str) for each in value):
            return list(value)
    return None
