"""The scratch folder of a replay: for each partition the states of its lanes and their lines, and the checkpoint to go on from.

    replay.json              what is replayed: a folder is gone on with by the same replay only
    lane-0/new/  lane-0/old/ the states (RocksDB, without a log) of the plan and of the one that it is compared with
    lane-0/new-lines/        their output
    lane-0/checkpoint-7/     both states as they were between two batches, and standing.json

*Guarantees*: a checkpoint is whole or not there. `Place.restore` makes states and lines those of the newest one, so that what a crash left
is forgotten; from there the replay takes the same way again. One process at a time: the folder is locked.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from flows.replay.spill import Lines
from operators.lane.rocks import RocksStore, open_store
from schemas.errors import UnavailableError, UsageError

FORMAT = 1
"""The version of what lies in the folder."""

Side = Literal["new", "old"]
"""The plan, and the one that it is compared with."""
Phase = Literal["reading", "read", "ended"]
"""Of a lane: the log is being read, is read, time has passed to the end."""

T = TypeVar("T")

_MANIFEST = "replay.json"
_LOCK = ".lock"
_STANDING = "standing.json"
_CHECKPOINT = "checkpoint-"
_PART = ".part"


class Manifest(msgspec.Struct, frozen=True):
    """What is replayed: plans as name and version, the log as its source knows it again, the span. `ends` are the offsets before which the
    log was there when the replay was begun, by partition; empty for files."""

    format: int
    plan: str
    against: str | None
    log: Any
    from_ms: int | None
    to_ms: int | None
    ends: dict[int, int] = {}


_WORDS = {
    "format": "by another version of Beckon",
    "plan": "with another --plan",
    "against": "with another --against",
    "log": "with another input, or this one has changed since",
    "from_ms": "with another --from",
    "to_ms": "with another --to",
}


class Sums(msgspec.Struct):
    """What a lane did: numbers as in `Counts`, and rejects by reason."""

    numbers: dict[str, int] = {}
    rejects: dict[str, int] = {}


class SideStanding(msgspec.Struct):
    """How far one plan's lane is: the number of its last output, the sizes of its line files, its sums."""

    sequence: int = 0
    lines: dict[str, int] = {}
    sums: Sums = msgspec.field(default_factory=Sums)


class Standing(msgspec.Struct):
    """How far a partition is: `offset` and `hint` as for its source."""

    phase: Phase = "reading"
    offset: int = -1
    hint: str = ""
    sides: dict[Side, SideStanding] = {}

    def side(self, name: Side) -> SideStanding:
        """The standing of a side; a new one where there is none."""
        return self.sides.setdefault(name, SideStanding())


class Scratch:
    """A scratch folder; one that is not `kept` makes no checkpoints, since it is removed at the end."""

    def __init__(self, folder: Path, *, kept: bool) -> None:
        self.folder = folder
        self.kept = kept

    def place(self, partition: int) -> Place:
        """The part of a partition."""
        return Place(self.folder / f"lane-{partition}", kept=self.kept)

    def manifest(self, wanted: Manifest) -> Manifest:
        """What the folder holds already, else `wanted`, which it holds from now on. UsageError where it was begun with something else."""
        path = self.folder / _MANIFEST
        if path.exists():
            found = _read(path, Manifest)
            for name, words in _WORDS.items():
                if getattr(found, name) != getattr(wanted, name):
                    raise UsageError(f"the scratch folder {self.folder} was begun {words}; give the same again, or another --scratch")
            return found
        if any(entry.name != _LOCK for entry in self.folder.iterdir()):
            raise UsageError(f"the folder {self.folder} holds something else than the scratch of a replay; give a new one as --scratch")
        _write(path, wanted)
        return wanted


class Place:
    """The part of a scratch folder that is one partition's."""

    def __init__(self, folder: Path, *, kept: bool) -> None:
        self.folder = folder
        self.kept = kept

    def store(self, side: Side) -> RocksStore:
        """The state of a side, opened."""
        return open_store(self.folder / side, durable=False)

    def lines_folder(self, side: Side) -> Path:
        """Where the lines of a side lie."""
        return self.folder / f"{side}-lines"

    def lines(self, side: Side, sizes: Mapping[str, int]) -> Lines:
        """The lines of a side, cut to these sizes."""
        return Lines(self.lines_folder(side), sizes)

    def restore(self) -> Standing:
        """Goes back to the newest checkpoint, and gives the standing there; to the beginning where there is none."""
        try:
            return self._restored()
        except OSError as error:
            raise UnavailableError(f"the scratch folder {self.folder} cannot be used: {error.strerror}; give another --scratch") from error

    def _restored(self) -> Standing:
        found = self._checkpoints()
        for path in self.folder.glob("*") if self.folder.exists() else ():
            if path.is_dir() and path not in found[-1:] and not path.name.endswith("-lines"):
                shutil.rmtree(path)
        if not found:
            return Standing()
        standing = _read(found[-1] / _STANDING, Standing)
        for side in standing.sides:
            # Tables never change, so that they can be shared; the other files go on in the state.
            shutil.copytree(found[-1] / side, self.folder / side, copy_function=_linked)
        return standing

    def checkpoint(self, standing: Standing, stores: Mapping[Side, RocksStore]) -> None:
        """Keeps the states as they are, with their standing, in the place of the checkpoint before."""
        try:
            before = self._checkpoints()
            number = int(before[-1].name.removeprefix(_CHECKPOINT)) + 1 if before else 1
            beside = self.folder / f"{_CHECKPOINT}{number}{_PART}"
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            for side, store in stores.items():
                store.checkpoint(beside / side)
            _write(beside / _STANDING, standing)
            beside.rename(self.folder / f"{_CHECKPOINT}{number}")
            for path in before:
                shutil.rmtree(path)
        except OSError as error:
            raise UnavailableError(
                f"the scratch folder {self.folder} cannot be written: {error.strerror}; make room, or give another --scratch"
            ) from error

    def _checkpoints(self) -> list[Path]:
        """The whole ones, the newest last."""
        found = [path for path in self.folder.glob(f"{_CHECKPOINT}*") if not path.name.endswith(_PART)]
        return sorted(found, key=lambda path: int(path.name.removeprefix(_CHECKPOINT)))


@contextmanager
def scratch_folder(path: Path | None) -> Iterator[Scratch]:
    """The folder for the time of a replay; without a path a temporary one, which is removed afterwards. UsageError where the path is no
    folder, UnavailableError where it cannot be made or is in use."""
    if path is None:
        with tempfile.TemporaryDirectory(prefix="beckon-replay-") as folder:
            yield Scratch(Path(folder), kept=False)
        return
    if path.exists() and not path.is_dir():
        raise UsageError(f"--scratch must be a folder; got the file {path}")
    lock = _locked(path)
    try:
        yield Scratch(path, kept=True)
    finally:
        os.close(lock)


def _locked(folder: Path) -> int:
    """A descriptor that holds the folder, which is made where it is missing, until it is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UnavailableError(f"the scratch folder {folder} cannot be made or opened: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise UnavailableError(
            f"the scratch folder {folder} is in use by another replay; stop that one, or give another --scratch"
        ) from None
    return lock


def _linked(source: str, target: str) -> None:
    if source.endswith(".sst"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _read(path: Path, type: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=type)
    except (OSError, msgspec.MsgspecError) as error:
        raise UnavailableError(f"{path} cannot be read; give another --scratch") from error


def _write(path: Path, value: msgspec.Struct) -> None:
    """Writes beside the file, makes it durable and renames, so that the file is whole or not there."""
    beside = path.with_name(f"{path.name}{_PART}")
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(value))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
