"""`FilesEvents`: the log of events as a folder of JSON lines, which a job reads with `beckon run --input FOLDER --follow`.

*Guarantees*: `done` says None after the fsync; all that waits is written in one go. Lines are only ever appended, to the last file of the
folder: once a later one is there, by another command, or the file is full, a new one is begun behind it. A line that a crash tore is ended,
not taken away, so that whoever follows the file sees nothing move; the job rejects it, and its sender was never told that it is in the log.
One process at a time writes events into a folder.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from flows.collect.log import Done, FullError, Keyed
from flows.connectors.files_source import is_input
from flows.connectors.folder_lock import locked, sync_folder, writing
from flows.stop import stop
from schemas.errors import BeckonError, UnavailableError

MOST_BYTES = 64 << 20
"""So much may wait to be written."""
FILE_BYTES = 256 << 20
"""A file of more gets no more lines."""
_OURS = re.compile(r"(.*\.)?events-([0-9]{8})\.jsonl")


class FilesEvents:
    """The `EventLog` (`flows.collect.log`) of a folder, which is made where it is missing. UnavailableError where that cannot be used.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> log = FilesEvents(Path(folder.name))
    >>> log.put([("anna", b'{"type":"track"}')], lambda error: None)
    >>> log.close()
    >>> (Path(folder.name) / "events-00000001.jsonl").read_text()
    '{"type":"track"}\\n'
    >>> folder.cleanup()
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES, file_bytes: int = FILE_BYTES) -> None:
        self._folder, self._most_bytes, self._file_bytes = folder, most_bytes, file_bytes
        self._waiting: list[tuple[bytes, Done]] = []
        self._bytes = 0  # of what waits and of what is being written
        self._changed = threading.Condition()
        self._closing = False
        self._failing = False
        self._fd, self._path, self._size = -1, folder, 0
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                sync_folder(folder.parent)
            lock = locked(folder, ".events.lock")
        except FileExistsError:
            raise UnavailableError(f"events go into a folder, and {folder} is a file; give another one") from None
        except OSError as error:
            raise UnavailableError(f"cannot use the folder {folder}: {error.strerror}; mend it, or give another one") from error
        if lock is None:
            raise UnavailableError(
                f"the folder {folder} is written to by another `beckon collect`; stop that one first, or give another folder"
            )
        self._lock = lock
        self._thread = threading.Thread(target=self._run, name="files-events", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._folder)

    @property
    def waiting_bytes(self) -> int:
        """The bytes that were taken and are not durable yet."""
        return self._bytes

    def put(self, records: Sequence[Keyed], done: Done) -> None:
        """Takes records, none of which holds a line break; FullError where too much waits."""
        data = b"".join([raw + b"\n" for _, raw in records])
        with self._changed:
            if self._closing or (self._bytes and self._bytes + len(data) > self._most_bytes):
                raise FullError("the folder takes no more for now")
            self._waiting.append((data, done))
            self._bytes += len(data)
            self._changed.notify()

    def close(self) -> None:
        """Writes what waits, and gives the folder free. May be called again."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        for fd in (self._fd, self._lock):
            if fd >= 0:
                os.close(fd)
        self._fd = self._lock = -1

    def _run(self) -> None:
        group: list[tuple[bytes, Done]] = []
        try:
            while group := self._taken():
                error = self._write(b"".join([data for data, _ in group]))
                with self._changed:
                    self._bytes -= sum([len(data) for data, _ in group])
                for _, done in group:
                    done(error)
        except BaseException:
            self._fall(group)
            raise

    def _taken(self) -> list[tuple[bytes, Done]]:
        """All that waits, once something does; nothing when closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            group, self._waiting = self._waiting, []
            return group

    def _fall(self, group: list[tuple[bytes, Done]]) -> None:
        """After a bug: nobody waits for what will not be written, nothing more is taken, and the process is to stop."""
        with self._changed:
            self._closing = True
            group, self._waiting = [*group, *self._waiting], []
        for _, done in group:
            with suppress(Exception):  # it may be what broke
                done(UnavailableError(f"the folder {self._folder} is written to no more"))
        stop.set()

    def _write(self, data: bytes) -> BeckonError | None:
        """Appends the lines and makes them durable; what went wrong, where something did."""
        try:
            with writing(self._folder):
                self._reach()
                left = memoryview(data)
                while left:
                    left = left[os.write(self._fd, left) :]
                os.fsync(self._fd)
            self._size += len(data)
        except OSError as error:
            return self._failed(error)
        if self._failing:
            structlog.get_logger(__name__).info("the folder of events takes lines again", folder=self.name)
        self._failing = False
        return None

    def _failed(self, error: OSError) -> BeckonError:
        if not self._failing:
            structlog.get_logger(__name__).error(
                "cannot write events; senders are told to try again", folder=self.name, reason=error.strerror
            )
        self._failing = True
        if self._fd >= 0:
            os.close(self._fd)  # part of a line may be there: whoever opens the file next ends it
            self._fd = -1
        return UnavailableError(f"cannot write into {self._folder}: {error.strerror}")

    def _reach(self) -> None:
        """Sees to it that the file at hand is the last of the folder, and has room."""
        with os.scandir(self._folder) as entries:
            names = sorted(entry.name for entry in entries if is_input(entry))
        last = names[-1] if names else ""
        if self._fd >= 0 and last == self._path.name and self._size < self._file_bytes:
            return
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        path = self._folder / (last if self._goes_on(last) else next_events_name(names))
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._fd, self._path, self._size = fd, path, os.fstat(fd).st_size
        if self._size and os.pread(fd, 1, self._size - 1) != b"\n":
            os.write(fd, b"\n")
        sync_folder(self._folder)

    def _goes_on(self, last: str) -> bool:
        return _OURS.fullmatch(last) is not None and (self._folder / last).stat().st_size < self._file_bytes


def next_events_name(names: Sequence[str]) -> str:
    """A name for a file of events that is read behind all of these.

    >>> next_events_name([]), next_events_name(["events-00000001.jsonl", "events-00000001.jsonl.retry-000001.jsonl"])
    ('events-00000001.jsonl', 'events-00000002.jsonl')
    >>> next_events_name(["z.jsonl"]), next_events_name(["z.jsonl", "z.jsonl.events-00000001.jsonl"])
    ('z.jsonl.events-00000001.jsonl', 'z.jsonl.events-00000002.jsonl')
    """
    last = max(names, default="")
    found = [match for name in names if (match := _OURS.fullmatch(name)) is not None]
    newest = max(found, key=lambda match: match[0], default=None)
    if newest is not None:
        name = f"{newest[1] or ''}events-{int(newest[2]) + 1:08}.jsonl"
        if name > last:
            return name
    return f"{last}.events-00000001.jsonl".lstrip(".")
