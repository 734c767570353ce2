"""`Spill`: where the output of a replay goes: lines into files of the scratch folder, and an index by person into the lane's store.

Nothing is sent: this is the only publisher of a replay, and it knows files alone.

*Guarantees*: what it takes is in its files and its index when `put` returns, once. After a crash the files are cut back to the sizes that
the checkpoint tells, and what followed is put again: a replay gives the same bytes again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from flows.replay.happenings import DECISION, ENTERED, EXITED, TRIGGER, Happening, encode, index_key
from operators.instants import parse_instant
from operators.lane.ports import Progress, Row
from operators.lane.store import Store
from schemas.errors import UnavailableError
from schemas.output import ERASED, STREAMS, Stream

EARLIER = "earlier-"
"""What the names of the files begin with that hold what happened before the span of the report."""


class _Change(msgspec.Struct, gc=False):
    """What is read of the data of a transition, trigger or decision."""

    segment: str = ""
    campaign: str = ""
    reason: str = ""


class _Record(msgspec.Struct, gc=False):
    """What is read of an output record."""

    type: str
    time: str
    data: _Change


_decode = msgspec.json.Decoder(_Record).decode
_KINDS = {
    "beckon.segment.entered": ENTERED,
    "beckon.segment.exited": EXITED,
    "beckon.trigger": TRIGGER,
    "beckon.decision": DECISION,
}
_REJECTS = STREAMS.index("rejects")


def line_file(folder: Path, stream: Stream, *, earlier: bool = False) -> Path:
    """Where the lines of a stream lie, those from the span of the report on or those `earlier`."""
    return folder / f"{EARLIER if earlier else ''}{stream}.jsonl"


class _File:
    """A file of lines; `size` counts those that are `pending`."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.pending: list[bytes] = []
        self.file = path.open("ab", buffering=0)
        if os.fstat(self.file.fileno()).st_size < size:
            self.file.close()
            raise UnavailableError(f"the scratch folder {path.parent} is damaged: {path.name} lacks lines; give another --scratch")
        os.truncate(self.file.fileno(), size)

    def write(self) -> None:
        if self.pending:
            data = memoryview(b"\n".join(self.pending) + b"\n")
            while data:
                data = data[self.file.write(data) :]
            self.pending.clear()


class Lines:
    """The files of one lane's output, two a stream, open for appending. `sizes` by name are those that count: what is behind is cut off."""

    def __init__(self, folder: Path, sizes: Mapping[str, int]) -> None:
        self._folder = folder
        self._files: list[_File] = []
        try:
            with self._in_words():
                folder.mkdir(parents=True, exist_ok=True)
                for path in [line_file(folder, stream, earlier=earlier) for earlier in (False, True) for stream in STREAMS]:
                    self._files.append(_File(path, sizes.get(path.name, 0)))
        except BaseException:
            self.close()
            raise

    def append(self, stream: int, line: bytes, *, earlier: bool) -> int:
        """Takes a line, which `write` will write; gives the place at which it begins."""
        file = self._files[stream + earlier * len(STREAMS)]
        at = file.size
        file.pending.append(line)
        file.size = at + len(line) + 1
        return at

    def write(self) -> None:
        """Writes what was taken."""
        with self._in_words():
            for file in self._files:
                file.write()

    def sizes(self) -> dict[str, int]:
        """The sizes of the files by name."""
        return {file.path.name: file.size for file in self._files}

    def close(self) -> None:
        """Lets go of the files."""
        while self._files:
            self._files.pop().file.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"the scratch folder {self._folder} cannot be written: {error.strerror}; make room, or give another --scratch"
            ) from error


class Spill:
    """The `Publisher` of a replay. `lines` None keeps the index alone; what is earlier than `from_ms` has files of its own. `published` is
    the number of the last output that the checkpoint holds."""

    def __init__(self, store: Store, lines: Lines | None, *, from_ms: int | None, published: int = 0) -> None:
        self._store = store
        self._lines = lines
        self._from_ms = from_ms
        self._published = published

    def open(self) -> Progress:
        """What the files hold."""
        return Progress(self._published)

    def put(self, row: Row | None, offset: int) -> None:
        """Takes a row; one that is there is left out."""
        if row is None or row.last <= self._published:
            return
        persons: dict[str, list[Happening]] = {}
        for output in row.outputs:
            if output.stream == _REJECTS or output.key is None:
                if self._lines is not None:
                    self._lines.append(output.stream, output.value, earlier=False)
                continue
            happening = self._taken(output.stream, output.value)
            if happening is None:
                continue
            known = persons.get(output.key)
            if known is None:
                persons[output.key] = [happening]
            else:
                known.append(happening)
        if self._lines is not None:
            self._lines.write()
        writes = self._store.writes()
        for person, happenings in persons.items():
            writes.put(index_key(person, row.first), encode(happenings))
        self._store.write(writes)
        self._published = row.last

    @property
    def published(self) -> int:
        """The number of the last output taken."""
        return self._published

    def wait(self) -> None:
        """Returns: nothing is left to be done."""

    def close(self) -> None:
        """Lets go of the files."""
        if self._lines is not None:
            self._lines.close()

    def _taken(self, stream: int, value: bytes) -> Happening | None:
        """What an output says; None where it is that a person was erased."""
        record = _decode(value)
        t, data = parse_instant(record.time), record.data
        at = size = 0
        if self._lines is not None:
            size = len(value)
            at = self._lines.append(stream, value, earlier=self._from_ms is not None and t < self._from_ms)
        if record.type == ERASED:
            return None
        return Happening(t, _KINDS[record.type], data.segment or data.campaign, data.reason, at, size)
