"""The memory of forms: who is asked nothing twice, in which browsers, and how it is forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.collect.forms.memory import Memory, open_memory
from operators.forms.learn import Lesson
from schemas.errors import UnavailableError


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    """A new one."""
    opened = open_memory(tmp_path / "forms.sqlite")
    yield opened
    opened.close()


def test_what_was_asked_is_remembered_across_openings(tmp_path: Path) -> None:
    first = open_memory(tmp_path / "forms.sqlite")
    first.note(["browser-1"], ["city", "tier"], 1)
    first.close()
    again = open_memory(tmp_path / "forms.sqlite")
    assert again.asked("browser-1") == {"city", "tier"}
    assert again.asked("browser-2") == set()
    again.close()


def test_two_browsers_of_an_address_are_one_person(memory: Memory) -> None:
    memory.note(["browser-1"], ["city"], 1)
    memory.note(["Anna@Example.com", "browser-1"], ["email"], 2)
    memory.note(["anna@example.com", "browser-2"], ["email", "tier"], 3)
    for who in ("browser-1", "browser-2", "ANNA@example.com"):
        assert {"city", "email", "tier"} == memory.asked(who)


def test_two_addresses_in_a_browser_stay_two_persons(memory: Memory) -> None:
    memory.note(["anna@example.com", "kiosk"], ["email", "city"], 1)
    memory.note(["ben@example.com", "kiosk"], ["email"], 2)
    assert memory.asked("anna@example.com") == {"email", "city"}
    assert memory.asked("kiosk") == memory.asked("ben@example.com") == {"email"}


def test_a_user_is_known_by_what_stands_for_it(memory: Memory) -> None:
    memory.note(["user-1", "browser-1"], ["city"], 1)
    memory.note(["anna@example.com", "user-1"], [], 2)
    memory.note(["browser-1"], ["tier"], 3)
    for who in ("browser-1", "user-1", "anna@example.com"):
        assert memory.asked(who) == {"city", "tier"}


def test_consent_that_was_withdrawn_may_be_asked_for_again(memory: Memory) -> None:
    memory.note(["anna@example.com", "browser-1"], ["news@1", "offers@2", "city"], 1)
    memory.learn([Lesson(("browser-1",), withdrawn=("news",))], 2)
    assert memory.asked("browser-1") == {"offers@2", "city"}
    memory.learn([Lesson(("anna@example.com",), withdrawn=())], 3)
    assert memory.asked("browser-1") == {"city"}


def test_a_grant_is_confirmed_until_it_holds_no_longer(memory: Memory) -> None:
    memory.confirm("key", until_ms=10, now_ms=1)
    assert memory.is_confirmed("key")
    assert not memory.is_confirmed("other")
    memory.confirm("other", until_ms=30, now_ms=20)
    assert not memory.is_confirmed("key")


def test_who_was_not_seen_for_long_is_forgotten(memory: Memory) -> None:
    memory.note(["browser-1"], ["city"], 1)
    memory.note(["browser-2"], ["city"], 5)
    memory.note(["browser-2"], ["tier"], 9)
    memory.sweep(before_ms=9)
    assert memory.asked("browser-1") == set()
    assert memory.asked("browser-2") == {"city", "tier"}


def test_somebody_is_forgotten_for_good(tmp_path: Path, memory: Memory) -> None:
    memory.note(["anna@example.com", "browser-1"], ["a_rare_name"], 1)
    memory.note(["ben@example.com", "browser-2"], ["city"], 1)
    # As `beckon person erase` does it, in a process of its own.
    beside = open_memory(tmp_path / "forms.sqlite")
    beside.forget(["anna@example.com"])
    beside.close()
    assert (memory.asked("browser-1"), memory.asked("anna@example.com")) == (frozenset(), frozenset())
    assert memory.asked("browser-2") == {"city"}
    memory.close()
    assert not any(b"a_rare_name" in path.read_bytes() for path in tmp_path.iterdir())


def test_nothing_of_a_person_is_in_the_file(tmp_path: Path, memory: Memory) -> None:
    memory.note(["anna@example.com", "browser-number-one"], ["city"], 1)
    memory.confirm("a-grant-of-consent", 9, 1)
    found = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"city" in found
    for text in (b"anna", b"browser-number", b"a-grant"):
        assert text not in found
    assert (tmp_path / "forms.sqlite").stat().st_mode & 0o777 == 0o600


def test_what_is_no_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "forms.sqlite").write_text("not a database, but long enough to be taken for one" * 9)
    with pytest.raises(UnavailableError, match="is broken or none"):
        open_memory(tmp_path / "forms.sqlite")
    with pytest.raises(UnavailableError, match="cannot be made: "):
        open_memory(tmp_path / "forms.sqlite" / "below")
    opened = open_memory(tmp_path / "newer.sqlite")
    opened.close()
    with sqlite3.connect(tmp_path / "newer.sqlite") as db:
        db.execute("UPDATE meta SET format = 2")
    db.close()
    with pytest.raises(UnavailableError, match="its version is 2, this program knows 1"):
        open_memory(tmp_path / "newer.sqlite")
