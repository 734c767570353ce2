"""How alike two records are, field by field: a similarity in [0, 1], and the level of agreement that it comes to.

A field that one of the two does not have says nothing, and is left out.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from rapidfuzz.distance import OSA, JaroWinkler, Postfix, Prefix

from operators.duplicates.record import Record, plain

Level = Literal["equal", "swapped", "close", "alike", "named", "different"]
LEVELS: tuple[Level, ...] = ("equal", "swapped", "close", "alike", "named", "different")

CLOSE = 0.9
ALIKE = 0.75
"""From these similarities on words are close, or alike."""
PHONE_TAIL = 7
"""So many last digits tell a telephone number: what stands before them is a prefix that is often left out."""


NAME = 3
"""A word of a name with so many letters is known again in an address."""


class Likeness(NamedTuple):
    """One field of two records."""

    field: str
    level: Level
    similarity: float


def likeness(a: Record, b: Record) -> list[Likeness]:
    """The fields that both records have.

    >>> for each in likeness(Record(given="anna", family="berg"), Record(given="anne", family="berg", city="bonn")):
    ...     print(each.field, each.level, round(each.similarity, 2))
    given alike 0.88
    family equal 1.0
    """
    found = _names(a, b)
    if a.email and b.email:
        email = _email(a.email, b.email)
        found.append(email._replace(level="named") if email.level in ("close", "alike") and _says_names(a, b) else email)
    if a.phone and b.phone:
        found.append(_phone(a.phone, b.phone))
    if a.birthday and b.birthday:
        found.append(_birthday(a.birthday, b.birthday))
    if a.street and b.street:
        found.append(_words("street", a.street, b.street))
    if a.house and b.house:
        found.append(_code("house", a.house, b.house))
    if a.city and b.city:
        found.append(_words("city", a.city, b.city))
    if a.postcode and b.postcode:
        found.append(_code("postcode", a.postcode, b.postcode))
    if a.number and b.number:
        found.append(_code("number", a.number, b.number))
    return found


def _words(field: str, a: str, b: str) -> Likeness:
    if a == b:
        return Likeness(field, "equal", 1.0)
    similarity = JaroWinkler.similarity(a, b)
    return Likeness(field, "close" if similarity >= CLOSE else "alike" if similarity >= ALIKE else "different", similarity)


def _code(field: str, a: str, b: str) -> Likeness:
    """A short code: one slip of the pen is close."""
    if a == b:
        return Likeness(field, "equal", 1.0)
    slips = OSA.distance(a, b)
    return Likeness(field, "close" if slips == 1 and len(a) > 1 and len(b) > 1 else "different", 1 - slips / max(len(a), len(b)))


def _names(a: Record, b: Record) -> list[Likeness]:
    """Given and family name; where the two agree only crosswise, they were swapped in one of the records."""
    straight = [_name(field, x, y) for field, x, y in (("given", a.given, b.given), ("family", a.family, b.family)) if x and y]
    if all(each.level in ("equal", "close") for each in straight) and len(straight) == 2:
        return straight
    crossed = [_name("", x, y).similarity for x, y in ((a.given, b.family), (a.family, b.given)) if x and y]
    if crossed and min(crossed) >= CLOSE and sum(crossed) > sum(each.similarity for each in straight):
        return [Likeness(field, "swapped", similarity) for field, similarity in zip(("given", "family"), crossed, strict=False)]
    return straight


def _name(field: str, a: str, b: str) -> Likeness:
    """Two names; an initial is alike to what it may stand for."""
    found = _words(field, a, b)
    if found.level == "different" and (len(a) == 1 or len(b) == 1) and a[0] == b[0]:
        return found._replace(level="alike")
    return found


def _email(a: str, b: str) -> Likeness:
    """Two addresses: one part before the @ at two providers is alike; a slip in it is close, but not in a number that counts people up."""
    if a == b:
        return Likeness("email", "equal", 1.0)
    similarity = OSA.normalized_similarity(a, b)
    local, other = a.rpartition("@")[0], b.rpartition("@")[0]
    if local == other:
        return Likeness("email", "alike", similarity)
    if _digits(local) == _digits(other) and OSA.distance(a, b) == 1:
        return Likeness("email", "close", similarity)
    return Likeness("email", "different", similarity)


def _says_names(a: Record, b: Record) -> bool:
    """True where what two addresses share, or what tells them apart, is in the names: then they are no proof of their own."""
    local, other = a.email.rpartition("@")[0], b.email.rpartition("@")[0]
    apart = _apart(local, other)
    names = [(one, two) for one, two in ((a.given, b.given), (a.family, b.family)) if one and two and one != two]
    return _has_name(local, a) or _has_name(other, b) or any(apart in ((one[0], two[0]), _apart(one, two)) for one, two in names)


def _apart(a: str, b: str) -> tuple[str, str]:
    """What is left of two texts without what they begin and end with alike."""
    start = int(Prefix.similarity(a, b))
    a, b = a[start:], b[start:]
    end = int(Postfix.similarity(a, b))
    return a[: len(a) - end], b[: len(b) - end]


def _has_name(local: str, record: Record) -> bool:
    """Whether the part before the @ has a word of the given or family name."""
    local = plain(local).replace(" ", "")
    return any(len(word) >= NAME and word in local for word in (*record.given.split(), *record.family.split()))


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _phone(a: str, b: str) -> Likeness:
    """Two numbers, by their ends; a slip is close."""
    size = min(len(a), len(b))
    x, y = a[-size:], b[-size:]
    if a == b or (x == y and size >= PHONE_TAIL):
        return Likeness("phone", "equal", 1.0)
    slips = OSA.distance(x, y)
    return Likeness("phone", "close" if slips <= 1 else "different", 1 - slips / size)


def _birthday(a: str, b: str) -> Likeness:
    """Two days of birth: day and month swapped, a slip, or two of them."""
    if a == b:
        return Likeness("birthday", "equal", 1.0)
    slips = OSA.distance(a, b)
    similarity = 1 - slips / 8
    if a[:4] == b[:4] and a[4:6] == b[6:] and a[6:] == b[4:6]:
        return Likeness("birthday", "swapped", similarity)
    return Likeness("birthday", "close" if slips == 1 else "alike" if slips == 2 else "different", similarity)
