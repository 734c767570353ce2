"""Output to a folder: `transitions.jsonl`, `triggers.jsonl`, `decisions.jsonl`, `rejects.jsonl` and such, one CloudEvent a line.

*Progress* is in the lines themselves, each names its `sequence`; there is no other record that could disagree with them. Sequence numbers
have no gap over the files together, and no more than `GROUP_OUTPUTS` of them are written between two fsyncs. So a crash, of the
process or of the machine, can leave gaps only among the newest `GROUP_OUTPUTS` numbers, for instance one file written up to 10 and
another only up to 7 although 8 belongs to it. `open` reads the ends of the files back that far, and reports as `Progress.sequence` the
number up to which *nothing* is missing (7), never the newest one (10). The lane puts the rows after it again from its outbox, the first
of them whole also where the number lies inside it, and an output that is there already is passed over.

*State that went backwards*: a lane that has committed less than `Progress.sequence` sees it there. One that has committed less than the
newest number but not less than `Progress.sequence` is noticed here: an output that is passed over must be, byte by byte, the line that
the file has, else the next `put` or `wait` raises. `Progress.offset` is always -1, since lines do not name the input offset.

*Guarantees*: each output is in its file once, in the order of the sequence; `published` grows after the fsync, at the end of a row. A
torn tail (bytes after the last newline) is cut by the next `open`. One process at a time: a lock on the folder is held from `open` to
`close`, so a second one is refused, and a killed one holds nothing.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from flows.connectors.folder_lock import locked, sync_folder
from operators.lane.ports import Progress, Row
from schemas.errors import UnavailableError
from schemas.output import ALL_STREAMS, STREAMS, Output, Stream

QUEUE_ROWS = 64
QUEUE_BYTES = 32 << 20
"""`put` waits while this much has not been taken up for writing; a single larger row is taken when the queue is empty."""
GROUP_OUTPUTS = 20_000
"""Outputs between two fsyncs at most. A stored contract: less than this must not be looked back over in a folder written with it."""
BLOCK_BYTES = 1 << 20
OPENING = b'{"specversion"'


class _Numbered(msgspec.Struct):
    """What is read of a line that was written before."""

    sequence: str


class _File:
    """One stream's file, open for appending; `last` is the sequence number of its last line, 0 where it is empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self.size = _whole(self.fd, os.fstat(self.fd).st_size)
            line = next(self.backwards(), None)
            self.last = 0 if line is None else self.sequence(line)
            self._cut_tail()
        except BaseException:
            os.close(self.fd)
            raise

    def sequence(self, line: bytes) -> int:
        """The number that a line names; UnavailableError where it is none of ours."""
        try:
            return int(msgspec.json.decode(line, type=_Numbered).sequence)
        except ValueError:  # msgspec's errors are ValueErrors too
            raise self.foreign() from None

    def foreign(self) -> UnavailableError:
        return UnavailableError(f"{self.path} holds lines that beckon did not write, or not in this order; give another output folder")

    def backwards(self) -> Iterator[bytes]:
        """Whole lines without their newlines, the last one first."""
        at, rest = self.size - 1, b""
        while at > 0:
            start = max(at - BLOCK_BYTES, 0)
            lines = (os.pread(self.fd, at - start, start) + rest).split(b"\n")
            rest = lines.pop(0)
            yield from reversed(lines)
            at = start
        if self.size:
            yield rest

    def _cut_tail(self) -> None:
        """Takes away what a crash left after the last newline: the start of a line, or zeros; and makes sure of what is before it."""
        head = os.pread(self.fd, len(OPENING), self.size).rstrip(b"\0")
        if not OPENING.startswith(head):
            raise self.foreign()
        os.ftruncate(self.fd, self.size)
        os.fsync(self.fd)

    def append(self, lines: list[bytes]) -> None:
        """Writes lines behind the others and makes them durable."""
        try:
            data = memoryview(b"\n".join(lines) + b"\n")
            while data:
                data = data[os.write(self.fd, data) :]
            os.fsync(self.fd)
        except OSError as error:
            raise UnavailableError(
                f"cannot write {self.path}: {error.strerror}; make room or mend it and start again, nothing is lost"
            ) from error


class FilesPublisher:
    """The `Publisher` (`operators.lane.ports`) of an output folder, which is made where it is missing.

    Writing and fsync happen on a thread of their own, all rows that wait at once. Errors of the disk are UnavailableErrors: of `open`, or
    of the next `put` or `wait`.

    >>> import tempfile
    >>> from schemas.output import Output
    >>> folder = tempfile.TemporaryDirectory()
    >>> publisher = FilesPublisher(folder.name)
    >>> publisher.open().sequence
    0
    >>> publisher.put(Row(1, [Output(1, "anna", b'{"specversion":"1.0","sequence":"1"}')]), 17)
    >>> publisher.wait()
    >>> publisher.published
    1
    >>> publisher.close()
    >>> print((Path(folder.name) / "triggers.jsonl").read_text(), end="")
    {"specversion":"1.0","sequence":"1"}
    >>> folder.cleanup()
    """

    def __init__(self, folder: str | Path, streams: Sequence[Stream] = STREAMS) -> None:
        """`streams` are those that there is a file of."""
        self._folder, self._streams = Path(folder), streams
        self._lock = -1
        self._files: dict[int, _File] = {}
        self._complete = 0  # nothing up to this number is missing in the files
        self._there: dict[int, int] = {}  # hashes of the lines after it that are there
        self._published = 0
        self._queue: deque[tuple[Row, int]] = deque()
        self._queued_bytes = 0
        self._writing = False
        self._closing = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="files-publisher", daemon=True)

    def open(self) -> Progress:
        """Takes the folder for this process, cuts torn tails, and gives the number up to which no output is missing."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self._folder)
            for stream in self._streams:
                self._files[ALL_STREAMS.index(stream)] = _File(self._folder / f"{stream}.jsonl")
            sync_folder(self._folder)
            self._complete, self._there = _standing(list(self._files.values()))
        except OSError as error:
            self.close()
            raise UnavailableError(
                f"cannot use the output folder {self._folder}: {error.strerror}; mend it, or give another one"
            ) from error
        except UnavailableError:
            self.close()
            raise
        self._published = self._complete
        self._thread.start()
        return Progress(self._complete)

    def put(self, row: Row | None, offset: int) -> None:
        """Queues a row, and waits while the queue is full; `offset` is not kept."""
        size = sum([len(output.value) for output in row.outputs]) if row else 0
        with self._changed:
            if self._closing:
                raise RuntimeError("put after close")
            self._changed.wait_for(lambda: self._error is not None or self._has_room(size))
            self._raise()
            if row is not None:
                self._queue.append((row, size))
                self._queued_bytes += size
                self._changed.notify_all()

    @property
    def published(self) -> int:
        """The sequence number of the last row, or at first of the last output, that is in its file and synced."""
        return self._published

    def wait(self) -> None:
        """Returns when the queue is written and synced; raises what writing met."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or not (self._queue or self._writing))
            self._raise()

    def close(self) -> None:
        """Drops the queue, ends after the write at hand, and gives the folder free. May be called again."""
        with self._changed:
            self._closing = True
            self._queue.clear()
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        while self._files:
            os.close(self._files.popitem()[1].fd)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _has_room(self, size: int) -> bool:
        return not self._queue or (len(self._queue) < QUEUE_ROWS and self._queued_bytes + size <= QUEUE_BYTES)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        """The writing thread: takes all that is queued, writes it, and says so."""
        try:
            while rows := self._take():
                self._write(rows)
        except BaseException as error:  # noqa: BLE001 - handed to the next `put` or `wait`, bugs too
            with self._changed:
                self._error = error
                self._queue.clear()
                self._changed.notify_all()

    def _take(self) -> list[Row]:
        """All queued rows, once there are some; none when closing."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue or self._closing)
            rows = [row for row, _ in self._queue]
            self._queue.clear()
            self._queued_bytes = 0
            self._writing = bool(rows)
            self._changed.notify_all()
            return rows

    def _write(self, rows: list[Row]) -> None:
        """Writes rows in groups of at most `GROUP_OUTPUTS`, each synced before the next one is begun."""
        group: list[tuple[int, Output]] = []
        for row in rows:
            for sequence, output in enumerate(row.outputs, row.first):
                group.append((sequence, output))
                if len(group) == GROUP_OUTPUTS:
                    self._write_group(group, row.last if sequence == row.last else row.first - 1)
                    group = []
                    if self._closing:
                        return
        if group:
            self._write_group(group, rows[-1].last)

    def _write_group(self, group: list[tuple[int, Output]], published: int) -> None:
        """Appends the outputs of a group that are not there yet, and then names `published` durable."""
        lines: dict[int, list[bytes]] = {stream: [] for stream in self._files}
        for sequence, output in group:
            if sequence > self._complete and not self._is_there(sequence, output):
                lines[output.stream].append(output.value)
                self._files[output.stream].last = sequence
        for stream, new in lines.items():
            if new:
                self._files[stream].append(new)
        self._complete = max(self._complete, group[-1][0])
        self._published = max(self._published, published)

    def _is_there(self, sequence: int, output: Output) -> bool:
        """Whether the file has this very line; UnavailableError where it has another one in its place."""
        there = self._there.pop(sequence, None)
        if there is None and sequence > self._files[output.stream].last:
            return False
        if there != hash(output.value):
            raise UnavailableError(
                f"the output folder {self._folder} has another output {sequence} than the state now makes: the state went backwards; "
                "give the state that belongs to the folder, or begin with a new state and a new output folder"
            )
        return True


def _locked(folder: Path) -> int:
    """A descriptor that holds the folder's lock until it is closed."""
    lock = locked(folder, ".lock")
    if lock is None:
        raise UnavailableError(f"the output folder {folder} is in use by another run; stop that one first, or give another folder")
    return lock


def _whole(fd: int, size: int) -> int:
    """The bytes up to and including the last newline among the first `size`."""
    while size > 0:
        start = max(size - BLOCK_BYTES, 0)
        newline = os.pread(fd, size - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        size = start
    return 0


def _standing(files: list[_File]) -> tuple[int, dict[int, int]]:
    """The number up to which nothing is missing, and the hashes of the lines after it by their numbers."""
    newest = max(file.last for file in files)
    complete = max(newest - GROUP_OUTPUTS, 0)
    there: dict[int, int] = {}
    for file in files:
        before = file.last + 1
        for line in file.backwards():
            sequence = file.sequence(line)
            if sequence <= complete:
                break
            if sequence >= before or sequence in there:
                raise file.foreign()
            there[sequence] = hash(line)
            before = sequence
    while there.pop(complete + 1, None) is not None:
        complete += 1
    return complete, there
