"""Tokens: what was closed opens again, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.collect.forms.seal import Seal
from operators.forms.records import Grant
from operators.forms.visit import Visit

SEAL = Seal(b"a key of the forms")
GRANT = Grant("join", "k", "visitor-1", (("news", "3"),), 7)
VISIT = Visit("join", "n", "visitor-1", ("email",), 5, hidden={"a": "ä"}, embedded=True)


def test_what_was_closed_opens_again() -> None:
    assert SEAL.open(SEAL.close(GRANT), Grant) == GRANT
    assert SEAL.open(SEAL.close(VISIT), Visit) == VISIT


def test_a_token_serves_for_its_purpose_and_key_alone() -> None:
    assert SEAL.open(SEAL.close(VISIT), Grant) is None
    assert SEAL.open(SEAL.close(["a"]), tuple) is None
    assert Seal(b"another key of the forms").open(SEAL.close(VISIT), Visit) is None


def test_each_changed_character_spoils_it() -> None:
    token = SEAL.close(GRANT)
    for place, character in enumerate(token):
        for other in {"A", "b", "_", ".", "é"} - {character}:
            assert SEAL.open(token[:place] + other + token[place + 1 :], Grant) is None
    assert SEAL.open(token[:-1], Grant) is None
    assert SEAL.open(token + "=", Grant) is None


@given(st.text())
@pytest.mark.parametrize("kind", [Grant, Visit])
def test_no_text_is_a_token(kind: type, text: str) -> None:
    assert SEAL.open(text, kind) is None
