"""`ProgressFile`: how far a CRM was read, in a file that is whole at any instant.

*Guarantees*: a new standing takes the place of the old one in one step, and is durable when `save` returns. One process at a time has it
open: a lock is held until `close`, and a killed process holds nothing.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import UnavailableError


class Standing(msgspec.Struct, omit_defaults=True):
    """How far a source was read. `of` tells its address; `since_ms` is how far back the next pass asks, None for all. Within a pass:
    `position` is that of the next request, `began_ms` when it began by the server's clock, `high_ms` the latest change that it has seen.
    `recent` are the messageIds of the last rows, which come again. `ended_ms` is when the last pass was over, by our clock."""

    of: str
    since_ms: int | None = None
    position: dict[str, Any] | None = None
    began_ms: int | None = None
    high_ms: int | None = None
    recent: list[str] = []
    ended_ms: int | None = None


class ProgressFile:
    """The file of a source in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"crm-{name}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / f".crm-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(f"cannot use the folder {folder}: {error.strerror}; mend it, or give another one as --data") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise UnavailableError(f"{name} is being read by another run with the folder {folder}; stop that one first") from None

    def load(self, of: str) -> Standing:
        """How far it was read; from the beginning where the file is another source's, or not there."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=Standing)
        except FileNotFoundError:
            return Standing(of)
        except (OSError, msgspec.MsgspecError) as error:
            raise UnavailableError(f"{self._path} cannot be read; mend it, or take it away to read all from the beginning") from error
        return found if found.of == of else Standing(of)

    def save(self, standing: Standing) -> None:
        """Keeps it."""
        beside = self._path.with_name(f".{self._path.name}.part")
        try:
            with beside.open("wb") as file:
                file.write(msgspec.json.encode(standing))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise UnavailableError(f"cannot write {self._path}: {error.strerror}; make room, nothing is lost") from error

    def close(self) -> None:
        """Lets others have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
