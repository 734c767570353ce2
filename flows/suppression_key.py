"""`suppression_key`: the key of the suppression lists: the one of the settings, else that of a file beside the lanes, made once."""

from __future__ import annotations

from pathlib import Path

from flows.key_file import key_file

FILE = "suppression.key"


def suppression_key(state: Path, given: str | None = None) -> bytes:
    """The key for the lanes in the folder `state`. UnavailableError where the file cannot be made or read."""
    return given.encode() if given is not None else key_file(state / FILE, "the key of the suppression list")
