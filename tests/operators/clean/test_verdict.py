"""What an e-mail address tells of itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.clean.email import canonical_email
from operators.clean.providers import FREE
from operators.clean.verdict import email_verdict


def verdict(text: str) -> dict[str, Any]:
    return email_verdict(text, canonical_email(text))


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmal.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gnail.cmo", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmai.co.uk", "hotmail.co.uk"),
        ("yaho.com", "yahoo.com"),
        ("outlok.de", "outlook.de"),
        ("iclould.com", "icloud.com"),
        ("protonmial.com", "protonmail.com"),
        ("freenett.de", "freenet.de"),
    ],
)
def test_a_mistyped_domain(domain: str, meant: str) -> None:
    assert f"anna@{meant}" == verdict(f"anna@{domain}")["suggestion"]


@pytest.mark.parametrize(
    "domain", [*sorted(FREE), "example.com", "yahoo.co.id", "verizon.com", "google.com", "apple.com", "mail.de", "live.com"]
)
def test_a_domain_of_its_own(domain: str) -> None:
    assert "suggestion" not in verdict(f"anna@{domain}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anna@example.com", {"syntax": "valid"}),
        ("Info+news@example.com", {"syntax": "valid", "role": True}),
        ("postmaster@gmx.de", {"syntax": "valid", "role": True, "free": True}),
        ("anna@mailinator.com", {"syntax": "valid", "disposable": True}),
        ("anna@gmail..com", {"syntax": "invalid", "suggestion": "anna@gmail.com"}),
        ("anna@gmail,com", {"syntax": "invalid", "suggestion": "anna@gmail.com"}),
        ("anna@@gmx.de", {"syntax": "invalid", "suggestion": "anna@gmx.de"}),
        ("anna", {"syntax": "invalid"}),
        ("anna@", {"syntax": "invalid"}),
        ("@gmail.com", {"syntax": "invalid"}),
    ],
)
def test_a_verdict(text: str, expected: dict[str, Any]) -> None:
    assert expected == verdict(text)


@given(st.one_of(st.text(), st.builds("{}@{}".format, st.text(), st.text())))
def test_anything_has_a_verdict(text: str) -> None:
    assert verdict(text)["syntax"] in ("valid", "invalid")
