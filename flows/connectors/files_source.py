"""Input from a file, a folder of files or standard input: JSON lines, as partition 0.

A line is a record, its offset the number of the line, from 0 and over all files. Blank lines are counted too but are no records, so an
offset is the same however the input was read. A folder's files (`SUFFIXES`, no hidden ones) are read one after the other in the order of
their names, by code point. Lines may end with CR LF, the last one with nothing; a byte order mark before the first is dropped. Lines have
no log time.

Where to go on after a restart is in `Batch.hint`, JSON: the `file`, the `byte` and the number of the next `line`, how many files come
`before` it, and a `check` sum over the last bytes read, which finds an input that was replaced. Only that file and later ones must still
be there. A plain file is gone on with at the byte, a `.gz` is decompressed up to it; standard input (or a named pipe) must begin with the
same lines again, and those that the lane has are passed over.

*Guarantees*: every line is handed on once and in order, or reading stops with one sentence: for input that is shorter than what was read
of it, replaced, damaged, or gone, and for a file that appears or grows before the one that is being read.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import select
import stat
import threading
import time
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, repeat
from pathlib import Path

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.stop import stop
from operators.lane.ports import Batch
from schemas.errors import UnavailableError, UsageError
from schemas.event import MAX_RECORD_BYTES

MAX_BATCH_RECORDS = 5_000
MAX_BATCH_BYTES = 4 << 20
MAX_BATCH_S = 0.1
IDLE_AFTER_S = 5.0
IDLE_EVERY_S = 0.05
POLL_S = 0.025
LIST_EVERY_S = 0.25
BLOCK_BYTES = 1 << 20
CHECK_BYTES = 64
SUFFIXES = tuple(name + packed for name in (".jsonl", ".json", ".ndjson") for packed in ("", ".gz"))
STANDARD_INPUT = "-"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

LogRecord = tuple[int, int | None, bytes]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next line is: see the head of this module. As a hint it is one JSON object.

    >>> Place.read(Place("a.jsonl", byte=120, line=3, before=0, check=7).hint()).line
    3
    """

    file: str
    byte: int
    line: int
    before: int
    check: int

    def hint(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, hint: str) -> Place:
        try:
            return cls(**json.loads(hint))
        except (TypeError, ValueError):
            raise UnavailableError("the state was made from another kind of input; begin with a new state") from None


class Quiet:
    """Says when a live input sends an idle batch: after `IDLE_AFTER_S` in which nothing came, and then every `IDLE_EVERY_S`.

    `monotonic` is a clock in seconds.
    """

    def __init__(self, monotonic: Clock) -> None:
        self._monotonic = monotonic
        self._next = monotonic() + IDLE_AFTER_S

    def heard(self) -> None:
        """Something has come."""
        self._next = self._monotonic() + IDLE_AFTER_S

    def is_due(self) -> bool:
        """Whether an idle batch is due; where it says so, the next one is `IDLE_EVERY_S` later."""
        now = self._monotonic()
        due = now >= self._next
        if due:
            self._next = now + IDLE_EVERY_S
        return due


class Lines:
    """The lines of one file or stream, read in blocks of `BLOCK_BYTES`; `byte` is the place after the last line taken.

    A line longer than `MAX_RECORD_BYTES` is cut to one byte more, while it is read.
    """

    def __init__(self, path: Path | None, name: str) -> None:
        self.name = name
        self.path = path
        self.byte = 0
        self._lines: list[bytes] = []  # whole lines, of which those from `_next` on are not taken
        self._sizes: list[int] = []  # of these in the file
        self._next = 0
        self._rest = b""  # the beginning of a line whose end has not been read
        self._dropped = 0  # bytes of it that were cut off
        self._block = b""  # what was read last, `_before` the `CHECK_BYTES` before it, `_at` the place after it
        self._before = b""
        self._at = 0
        self._near = b""  # the `CHECK_BYTES` before `byte`
        self._unended = False  # the line before `byte` was taken without its newline
        self._at_end = False
        with self._in_words():
            self._fd = 0 if path is None else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.is_stream = path is None or not stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._gz = gzip.GzipFile(fileobj=io.FileIO(self._fd, closefd=False)) if name.endswith(".gz") else None

    @property
    def is_packed(self) -> bool:
        """Whether the file is compressed."""
        return self._gz is not None

    @property
    def pending(self) -> int:
        """Whole lines that are read and not taken."""
        return len(self._lines) - self._next

    @property
    def stored(self) -> int:
        """Bytes of the file, compressed where it is, that are read."""
        return self._at if self.is_stream else os.lseek(self._fd, 0, os.SEEK_CUR)

    @property
    def left(self) -> int:
        """Bytes of the file that are not read; 0 of a stream, which does not say."""
        return 0 if self.is_stream else max(os.fstat(self._fd).st_size - self.stored, 0)

    def check(self) -> int:
        """A sum over the `CHECK_BYTES` before `byte`."""
        return zlib.crc32(self._near)

    def go_to(self, place: Place) -> None:
        """Goes to the place at which an earlier run stopped, and checks that it is the same file up to there."""
        at = 0
        if self._gz is None:
            at = os.lseek(self._fd, max(place.byte - CHECK_BYTES, 0), os.SEEK_SET)
        while at < place.byte:
            block = self._read(min(place.byte - at, BLOCK_BYTES))
            if not block:
                raise self._changed(f"is shorter than the {place.byte} bytes that were read of it before")
            at += len(block)
            self._before = (self._before + block[-CHECK_BYTES:])[-CHECK_BYTES:]
        self.byte, self._at, self._near = at, at, self._before
        if self.check() != place.check:
            raise self._changed("is not the file that was read before")
        self._unended = at > 0 and not self._before.endswith(b"\n")

    def take(self, most: int, room: int) -> tuple[list[bytes], int]:
        """The next lines, at most so many and of so many bytes in the file, and these bytes; one line always fits in `MAX_BATCH_BYTES`."""
        end = self._next + most
        sizes = self._sizes[self._next : end]
        size = sum(sizes)
        if size > room:
            sizes = sizes[: max(bisect_right(list(accumulate(sizes)), room), int(room == MAX_BATCH_BYTES))]
            size = sum(sizes)
        lines = self._lines[self._next : self._next + len(sizes)]
        self._next += len(lines)
        self._move(size)
        return lines, size

    def fill(self, wait_s: float) -> bool | None:
        """Reads a block once all lines are taken: true; false at the end of what is there; None where a stream has nothing in `wait_s`."""
        if self.is_stream and not select.select([self._fd], [], [], wait_s)[0]:
            return None
        block = b"" if self.is_packed and self._at_end else self._read(BLOCK_BYTES)
        if not block:
            self._check_size()
            self._at_end = True
            return False
        self._before = (self._before + self._block[-CHECK_BYTES:])[-CHECK_BYTES:]
        if self._at_end and not self.is_stream:
            self._check_before()
        self._block = block
        self._at += len(block)
        self._split(block)
        return True

    def finish(self) -> bool:
        """Makes a last line without a newline whole; false where there is none."""
        if not self._rest:
            return False
        self._hold([self._rest], [len(self._rest) + self._dropped])
        self._rest, self._dropped, self._unended = b"", 0, True
        return True

    def check_followed(self) -> None:
        """UnavailableError where the file that is followed is no longer the one under its name; UsageError for a growing `.gz`."""
        if self._gz is not None:
            if self.left:
                raise UsageError(
                    f"{self.path} grows, and a compressed file cannot be followed; write plain lines, or add it when it is complete"
                )
            return
        assert self.path is not None
        with self._in_words():
            own, named = os.fstat(self._fd), self.path.stat()
        if (own.st_dev, own.st_ino) != (named.st_dev, named.st_ino):
            raise self._changed("is another file than before")

    def close(self) -> None:
        if self._fd > 0:
            os.close(self._fd)
        self._fd = -1

    def _read(self, most: int) -> bytes:
        with self._in_words():
            return os.read(self._fd, most) if self._gz is None else self._gz.read(most)

    def _split(self, block: bytes) -> None:
        """Makes lines of a block and of the rest before it."""
        pieces = block.split(b"\n")
        last = pieces.pop()
        if pieces:
            first = len(self._rest) + self._dropped + len(pieces[0]) + 1
            pieces[0] = self._rest + pieces[0]
            self._rest, self._dropped = b"", 0
            sizes = [len(piece) + 1 for piece in pieces]
            sizes[0] = first
            self._hold(pieces, sizes)
        taken = last[: max(MAX_RECORD_BYTES + 1 - len(self._rest), 0)]
        self._rest += taken
        self._dropped += len(last) - len(taken)

    def _hold(self, lines: list[bytes], sizes: list[int]) -> None:
        """Keeps lines for taking, cleaned of what is no part of them."""
        if self.byte == 0 and lines[0].startswith(BYTE_ORDER_MARK):
            lines[0] = lines[0][len(BYTE_ORDER_MARK) :]
        if b"\r" in self._block or lines[0].endswith(b"\r"):
            lines = [line[:-1] if line.endswith(b"\r") else line for line in lines]
        if max(sizes) > MAX_RECORD_BYTES:
            lines = [line[: MAX_RECORD_BYTES + 1] for line in lines]
        if self._unended and not lines[0]:  # the newline of a line that was taken without it
            self._move(sizes[0])
            del lines[0], sizes[0]
        self._unended = False
        self._lines, self._sizes, self._next = lines, sizes, 0

    def _move(self, size: int) -> None:
        """Sets `byte` behind a line, which ends in the block that was read last."""
        if size:
            self.byte += size
            end = len(self._block) - (self._at - self.byte)
            start = end - CHECK_BYTES
            self._near = self._block[start:end] if start >= 0 else (self._before + self._block[:end])[-CHECK_BYTES:]

    def _check_size(self) -> None:
        if not self.is_stream and os.fstat(self._fd).st_size < self.stored:
            raise self._changed("has become shorter while it was read")

    def _check_before(self) -> None:
        """Notices a file that was emptied and has grown beyond the place again."""
        if os.pread(self._fd, len(self._before), self._at - len(self._before)) != self._before:
            raise self._changed("was overwritten while it was read")

    def _changed(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"the input {self.path or 'on standard input'} {what}: it was cut off or replaced; "
            "give it back as it was, or begin with a new state and a new output"
        )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turns what reading raises into one sentence."""
        path = self.path or "standard input"
        try:
            yield
        except FileNotFoundError:
            raise UnavailableError(
                f"the input {path} is not there; give a file, a folder of *.jsonl files, or - for standard input"
            ) from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise UnavailableError(f"the compressed input {path} is damaged or not complete; give it whole") from None
        except OSError as error:
            raise UnavailableError(f"cannot read the input {path}: {error.strerror}") from error


class FilesPartition(StatefulSourcePartition[Batch, None]):
    """Reads the input, batch by batch; `next_batch` may wait up to `POLL_S` for standard input."""

    def __init__(self, source: FilesSource) -> None:
        self._source = source
        self._applied, hint = source.start
        self._line = 0  # the number of the next line
        self._lines: Lines | None = None
        self._ahead: deque[tuple[str, int]] = deque()  # names and sizes of the files to come
        self._before: set[str] = set()  # names of those before the one that is read
        self._finished: tuple[Path, int] | None = None
        self._list_at = 0.0
        self._spent = 0  # bytes stored of the files that were read in this run, and of the present one at its beginning
        self._base = 0
        self._ended = False
        self._awake: datetime | None = None
        self._quiet = Quiet(source.monotonic)
        self._folder = _folder(source.path)
        self._begin(Place.read(hint) if hint else None)
        self._first_line = self._line

    def next_batch(self) -> list[Batch]:
        """The next batch, or none now."""
        if self._ended or self._source.stop.is_set():
            raise StopIteration
        self._awake = None
        records, ended = self._gather()
        if ended:
            self._check_reached()
        if ended and not self._source.follow:
            return [self._batch(records, end=True)]
        if records:
            return [self._batch(records)]
        if ended or not self._source.follow:
            return []
        if self._lines is None or not self._lines.is_stream:
            self._awake = datetime.fromtimestamp(self._source.wall(), UTC) + timedelta(seconds=POLL_S)
        return [self._batch([], idle=True)] if self._quiet.is_due() else []

    def next_awake(self) -> datetime | None:
        """A moment later where there was nothing new in a file that is followed."""
        return self._awake

    def snapshot(self) -> None:
        """Nothing: the place to go on at is kept by the lane."""

    def close(self) -> None:
        """Closes the file that is open."""
        if self._lines is not None:
            self._lines.close()

    def _begin(self, place: Place | None) -> None:
        """Opens the input where the state left it."""
        path, folder = self._source.path, self._folder
        if folder is None:
            self._open(path, path.name if path else STANDARD_INPUT)
        else:
            if not place:
                self._ahead = self._listed()
                return
            if not (folder / place.file).exists():
                raise self._other(place, "is not in the folder")
            self._open(folder / place.file, place.file)
            self._ahead = self._listed(at_first=True)
        assert self._lines is not None
        name = STANDARD_INPUT if self._lines.is_stream else self._lines.name
        if place and place.file != name:
            raise self._other(place, f"is not {name}; put both into one folder")
        if place and len(self._before) > place.before:
            raise self._too_late()
        if place and not self._lines.is_stream:
            self._lines.go_to(place)
            self._line, self._base = place.line, self._lines.stored

    def _other(self, place: Place, what: str) -> UnavailableError:
        return UnavailableError(
            f"the state stopped in the input {place.file}, which {what}; "
            "give it back under its name, or begin with a new state and a new output"
        )

    def _gather(self) -> tuple[list[LogRecord], bool]:
        """The records of a batch, as far as there are some now; and whether the input has ended with them."""
        records: list[LogRecord] = []
        count, room = 0, MAX_BATCH_BYTES
        until = self._source.monotonic() + MAX_BATCH_S
        while count < MAX_BATCH_RECORDS and self._source.monotonic() <= until:
            lines, size = self._lines.take(MAX_BATCH_RECORDS - count, room) if self._lines else ([], 0)
            if lines:
                records += self._numbered(lines)
                count, room = count + len(lines), room - size
            elif (self._lines and self._lines.pending) or not self._more(POLL_S / 5 if count else POLL_S):
                break
        return records, self._ended

    def _numbered(self, lines: list[bytes]) -> list[LogRecord]:
        """Lines as records; without the blank ones, and those that the lane has."""
        nothing: Iterator[int | None] = repeat(None)
        numbers = range(self._line, self._line + len(lines))
        self._line += len(lines)
        records = list(zip(numbers, nothing, lines, strict=False))
        if numbers[0] <= self._applied:
            records = [record for record in records if record[0] > self._applied]
        if not all(map(bytes.strip, lines)):
            records = [record for record in records if record[2].strip()]
        return records

    def _more(self, wait_s: float) -> bool:
        """Reads on; false where nothing is there now, or `_ended`."""
        if self._lines is not None:
            filled = self._filled(wait_s)
            if filled:
                self._quiet.heard()
                return True
            if filled is None:
                return False
            if self._source.follow and not self._lines.is_stream:
                if not self._has_later():
                    self._lines.check_followed()
                    return self._lines.is_packed and self._lines.finish()  # a compressed file is complete
                if self._filled(0):  # written between the end that was met and the file that has appeared after it
                    return True
            if self._lines.finish():
                return True
        elif self._source.follow and not self._has_later():
            return False
        return self._go_on()

    def _go_on(self) -> bool:
        """Opens the next file; false where there is none, so that a bounded input has ended."""
        if not self._ahead:
            self._ended = True
            return False
        folder = self._folder
        assert folder is not None
        if self._lines is not None:
            self._spent += self._lines.stored - self._base
            self._finished = (folder / self._lines.name, self._lines.stored)
            self._before.add(self._lines.name)
            self._lines.close()
        name, _ = self._ahead.popleft()
        self._open(folder / name, name)
        return True

    def _open(self, path: Path | None, name: str) -> None:
        """Begins a file; a `.gz` cannot be followed by itself."""
        if self._source.follow and self._folder is None and name.endswith(".gz"):
            raise UsageError(
                f"the compressed input {path} cannot be followed; read it without --follow, or follow the folder that it is in"
            )
        self._lines, self._base = Lines(path, name), 0

    def _filled(self, wait_s: float) -> bool | None:
        assert self._lines is not None
        return self._lines.fill(wait_s)

    def _has_later(self) -> bool:
        """Whether a file comes after the one that is read; looks again into the folder, from time to time while there is none."""
        now = self._source.monotonic()
        if self._folder is not None and (self._ahead or now >= self._list_at):
            self._ahead, self._list_at = self._listed(), now + LIST_EVERY_S
        return bool(self._ahead)

    def _listed(self, at_first: bool = False) -> deque[tuple[str, int]]:
        """The files to come, by name. Those before the present one become `_before`; UnavailableError where a new one is among them."""
        folder, present = self._folder, self._lines.name if self._lines else ""
        assert folder is not None
        try:
            with os.scandir(folder) as entries:
                found = sorted((entry for entry in entries if is_input(entry)), key=lambda entry: entry.name)
            later = deque((entry.name, entry.stat().st_size) for entry in found if entry.name > present)
        except OSError as error:
            raise UnavailableError(f"cannot read the input folder {folder}: {error.strerror}") from error
        before = {entry.name for entry in found if entry.name < present}
        if at_first:
            self._before = before
        if before - self._before or self._grown():
            raise self._too_late()
        return later

    def _grown(self) -> bool:
        """Whether the file that was finished last has become longer since."""
        if self._finished is None:
            return False
        path, size = self._finished
        return path.exists() and path.stat().st_size > size

    def _too_late(self) -> UnavailableError:
        assert self._lines is not None
        return UnavailableError(
            f"in the input folder {self._folder} something was added before {self._lines.name}, which is being read: files must come in "
            "the order of their names; give what is new a later name, or begin with a new state and a new output"
        )

    def _check_reached(self) -> None:
        """UnavailableError where the whole input has fewer lines than the lane has applied."""
        if self._line <= self._applied:
            raise UnavailableError(
                f"the input has {self._line} lines, and the state has applied {self._applied + 1}: it was cut off or replaced; "
                "give it back as it was, or begin with a new state and a new output"
            )

    def _batch(self, records: list[LogRecord], *, idle: bool = False, end: bool = False) -> Batch:
        wall_ms = int(self._source.wall() * 1000) if self._source.follow else None
        return Batch(0, self._applied + 1, records, wall_ms, idle, end, self._lag(), self._hint())

    def _hint(self) -> str:
        if self._lines is None:
            return ""
        name = STANDARD_INPUT if self._lines.is_stream else self._lines.name
        return Place(name, self._lines.byte, self._line, len(self._before), self._lines.check()).hint()

    def _lag(self) -> int:
        """Lines that are read and not handed on, and an estimate of those in the bytes that are not read."""
        if self._lines is None:
            return 0
        pending, stored = self._lines.pending, self._spent + self._lines.stored - self._base
        left = self._lines.left + sum(size for _, size in self._ahead)
        return pending + (left * (self._line - self._first_line + pending) // stored if stored else 0)


class FilesSource(FixedPartitionedSource[Batch, None]):
    """The `Batch`es of a file, a folder or `-`, for Bytewax or a plain loop.

    `start` is `read_position` of the lane's state, (-1, "") where there is none. Without `follow` the input is read to its end: the last
    batch says `end`. With it, the input is waited on as it grows, and batches carry the wall clock. `monotonic` and `wall` are clocks in
    seconds. Missing or refused input is an UnavailableError of `build_part`.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
    ...     _ = Path(file.name).write_text('{"type": "track"}\\n\\n{"type": "page"}\\n')
    ...     [batch] = FilesSource(file.name).build_part("input", "0", None).next_batch()
    >>> batch.records, batch.end
    ([(0, None, b'{"type": "track"}'), (2, None, b'{"type": "page"}')], True)
    """

    def __init__(
        self,
        path: str | Path,
        *,
        start: tuple[int, str] = (-1, ""),
        follow: bool = False,
        stop: threading.Event = stop,
        monotonic: Clock = time.monotonic,
        wall: Clock = time.time,
    ) -> None:
        self.path = None if str(path) == STANDARD_INPUT else Path(path)
        self.start = start
        self.follow = follow
        self.stop = stop
        self.monotonic = monotonic
        self.wall = wall

    def list_parts(self) -> list[str]:
        """The one partition."""
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> FilesPartition:
        """Opens the input."""
        return FilesPartition(self)


def _folder(path: Path | None) -> Path | None:
    """The path where it is a folder that can be looked into."""
    try:
        return path if path is not None and path.is_dir() else None
    except OSError:  # opening it says why
        return None


def is_input(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of an input folder is read."""
    return entry.name.endswith(SUFFIXES) and not entry.name.startswith(".") and entry.is_file()
