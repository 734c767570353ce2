"""E-mail addresses: the cases of email-validator, the short way against the library's own, and keys of mailboxes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.clean.email import _PLAIN, _validated, canonical_email, email_key
from operators.clean.text import clean_text

PUBLISHED = [json.loads(line) for line in Path(__file__).with_name("email_validator.jsonl").read_text(encoding="utf-8").splitlines()]
"""`[text, canonical form or null]`: the tables of the tests of email-validator 2.4.0 for syntax (The Unlicense), those of pyIsEmail
and of RFC 6532 among them. Addresses that its options alone let through are null: quoted local parts, numbers as domains."""

OURS = {
    "<me@example.com>": "me@example.com",
    "DisplayName <me@example.com>": "me@example.com",
    "Display Name <me@example.com>": "me@example.com",
    '"Display Name" <me@example.com>': "me@example.com",
    '"Display.Name" <me@example.com>': "me@example.com",
    "<\u0338me@example.com>": None,
    "me@test.test.test": "me@test.test.test",
}
"""Where ours is meant to differ: a name around an address is taken off, and `.test` is a domain."""

addresses = st.from_regex(r"[A-Za-z0-9_.+-]{1,66}@([A-Za-z0-9-]{1,20}\.){1,3}[A-Za-z]{1,8}", fullmatch=True)
anything = st.one_of(addresses, st.emails(), st.text(), st.builds("{}@{}.de".format, st.text(), st.text()))


@pytest.mark.parametrize(("text", "expected"), PUBLISHED)
def test_a_published_case(text: str, expected: str | None) -> None:
    if text in OURS:
        assert OURS[text] == canonical_email(text)
    elif text == clean_text(text):
        assert expected == canonical_email(text)
    else:
        # Trimmed and in NFC first, as every string is.
        assert canonical_email(clean_text(text)) == canonical_email(text)


@given(addresses)
def test_the_short_way_is_that_of_the_library(text: str) -> None:
    assert _validated(text) == canonical_email(text)


def test_the_short_way_is_taken() -> None:
    assert _PLAIN.fullmatch("Anna.Smith+shop@mail.example.com") is not None


@given(anything)
def test_canonical_forms_and_keys_stay_as_they_are(text: str) -> None:
    canonical = canonical_email(text)
    if canonical is not None:
        assert canonical_email(canonical) == canonical
        key = email_key(canonical)
        assert canonical_email(key) == key == email_key(key)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna@example.com", "ANNA@EXAMPLE.COM"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("a.n.n.a+news@gmail.com", "Anna@googlemail.com"),
        ("anna+news@outlook.com", "anna@outlook.com"),
        ("anna+news@proton.me", "anna@proton.me"),
    ],
)
def test_of_one_mailbox(one: str, other: str) -> None:
    assert email_key(canonical_email(one) or "") == email_key(canonical_email(other) or "") != "@"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna.smith@example.com", "annasmith@example.com"),
        ("anna+news@example.com", "anna@example.com"),
        ("anna.smith@outlook.com", "annasmith@outlook.com"),
        ("anna@gmail.com", "anna@gmail.com.example"),
        ("straße@example.com", "strasse@example.com"),
    ],
)
def test_of_two_mailboxes(one: str, other: str) -> None:
    assert email_key(canonical_email(one) or "") != email_key(canonical_email(other) or "")
