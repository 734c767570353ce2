"""Blocking keys: two records are compared only where they have one of these in common.

Each key joins two things that miswriting seldom hits both, and is rare enough that its block stays small among a million persons.
"""

from __future__ import annotations

from operators.duplicates.record import Record

_CODES = {letter: code for code, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), 1) for letter in letters}
_PHONE_TAIL = 7
_STREET = 5


def sound(word: str) -> str:
    """How a name sounds, about: its first letter and up to three digits for the consonants that follow (Soundex).

    >>> sound("meyer"), sound("meier"), sound("robert"), sound("rupert")
    ('m6', 'm6', 'r163', 'r163')
    """
    found, last = word[:1], _CODES.get(word[:1], 0)
    for letter in word[1:]:
        code = _CODES.get(letter, 0)
        if code and code != last:
            found += str(code)
            if len(found) == 4:
                break
        if letter not in "hw":
            last = code
    return found


def keys_of(record: Record) -> set[str]:
    """The keys of a record.

    >>> sorted(keys_of(Record("anna", "berg", email="anna.berg@example.com", birthday="19850302")))
    ['@anna.berg', 'b19850302', 'n a5 b62', 'r a5 0302', 'r b62 0302', 'y a5 1985', 'y b62 1985']
    """
    keys: set[str] = set()
    sounds = sorted(sound(name.replace(" ", "")) for name in (record.given, record.family) if name)
    birthday, street = record.birthday, record.street[:_STREET]
    if len(sounds) == 2:
        keys.add(f"n {sounds[0]} {sounds[1]}")
    for each in sounds:
        if birthday:
            keys.add(f"y {each} {birthday[:4]}")
            keys.add(f"r {each} {birthday[4:]}")
        if record.postcode:
            keys.add(f"p {each} {record.postcode}")
        if street:
            keys.add(f"s {each} {street}")
    if birthday:
        keys.add(f"b{birthday}")
    if record.house and record.postcode:
        keys.add(f"h {record.house} {record.postcode}")
    if record.house and street:
        keys.add(f"a {record.house} {street}")
    if record.email:
        keys.add(f"@{record.email.partition('@')[0]}")
    if record.phone:
        keys.add(f"t{record.phone[-_PHONE_TAIL:]}")
    if record.number:
        keys.add(f"#{record.number}")
    return keys
