"""Every error that a user can meet, and the exit code it ends a command with.

    BeckonError           one sentence: what is wrong, what to do
    ├── FindingsError     1  the plan (or other checked files) has findings
    ├── UsageError        2  the command was called wrongly
    └── UnavailableError  3  a component is not there or refuses: broker, topic, state, disk

Bad data is no error: it becomes a `schemas.output.Reject` and flows on. Anything that is no `BeckonError` is a bug and crashes.
Messages never hold secrets or personal data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class BeckonError(Exception):
    """One sentence for the user; `exit_code` is what the command ends with."""

    exit_code: ClassVar[int] = 3


class UsageError(BeckonError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class UnavailableError(BeckonError):
    """A broker, topic, state directory or disk is not there, is in use, or refuses."""

    exit_code = 3


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that must be otherwise in a checked file; `line` and `column` count from 1.

    >>> str(Finding("segments.yaml", 3, 9, "a duration must be like '7d'; got '7 days'"))
    "segments.yaml:3:9: a duration must be like '7d'; got '7 days'"
    """

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


@dataclass(frozen=True, slots=True, order=True)
class Note(Finding):
    """One thing that is worth knowing of a checked file, and may well be meant.

    >>> str(Note("segments.yaml", 3, 9, "everybody in 'keen' is in 'viewers' too"))
    "segments.yaml:3:9: note: everybody in 'keen' is in 'viewers' too"
    """

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: note: {self.text}"


class FindingsError(BeckonError):
    """All findings of a check at once, sorted by place; `of` is what was checked."""

    exit_code = 1

    def __init__(self, findings: list[Finding], of: str = "plan") -> None:
        self.findings, self.of = tuple(sorted(findings)), of
        super().__init__("\n".join(map(str, self.findings)))
