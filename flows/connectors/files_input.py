"""`add_records`: writes records into an input of files, so that a job reads them as it reads all others.

*Guarantees*: into a folder goes a new file behind all that are there (by name, as they are read), whole or not at all. To a file the
records are appended as whole lines, durable when the call returns.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from flows.connectors.files_source import STANDARD_INPUT, SUFFIXES, is_input
from flows.connectors.folder_lock import sync_folder, writing
from schemas.errors import UnavailableError, UsageError

_NUMBERED = re.compile(r"(?P<before>(?:.*\.)?retry-)(?P<number>[0-9]{6})\.jsonl")


def add_records(path: Path, records: Sequence[bytes]) -> Path:
    """Writes the records, none of which holds a line break; gives the file that has them."""
    check_input(path)
    try:
        return _new_file(path, records) if path.is_dir() else _append(path, records)
    except OSError as error:
        raise UnavailableError(f"cannot write into the input {path}: {error.strerror}") from error


def check_input(path: Path) -> None:
    """UsageError where records cannot be added to what is there."""
    if str(path) == STANDARD_INPUT or path.name.endswith(".gz"):
        raise UsageError(f"records can be added to a file of JSON lines or to a folder; got {path}")
    if not path.is_dir() and not (path.is_file() and path.name.endswith(SUFFIXES)):
        raise UsageError(f"there is no input {path}; give the file or the folder that the job reads")


def next_name(names: Sequence[str]) -> str:
    """A file name that is read behind all of these.

    >>> next_name([]), next_name(["a.jsonl", "b.jsonl.gz"]), next_name(["b.jsonl", "b.jsonl.retry-000009.jsonl"])
    ('retry-000001.jsonl', 'b.jsonl.gz.retry-000001.jsonl', 'b.jsonl.retry-000010.jsonl')
    """
    last = max(names, default="")
    match = _NUMBERED.fullmatch(last)
    if match is None:
        return f"{last}.retry-000001.jsonl".lstrip(".")
    return f"{match['before']}{int(match['number']) + 1:06}.jsonl"


def _new_file(folder: Path, records: Sequence[bytes]) -> Path:
    with writing(folder):
        return _written(folder, records)


def _written(folder: Path, records: Sequence[bytes]) -> Path:
    with os.scandir(folder) as entries:
        path = folder / next_name([entry.name for entry in entries if is_input(entry)])
    # A hidden file is no input: the lines are there at once, under a name that nothing had.
    part = folder / f".{path.name}.part"
    with part.open("wb") as file:
        file.write(b"".join(record + b"\n" for record in records))
        file.flush()
        os.fsync(file.fileno())
    os.link(part, path)
    part.unlink()
    sync_folder(folder)
    return path


def _append(path: Path, records: Sequence[bytes]) -> Path:
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        unended = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        left = memoryview(b"".join([b"\n" if unended else b"", *(record + b"\n" for record in records)]))
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    return path
