"""`key_file`: a secret key in a file of its own, made once.

*Guarantees*: the file is whole or not there, and only its owner may read it. Processes that make it at the same time all take the same one.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from flows.connectors.folder_lock import sync_folder
from schemas.errors import UnavailableError


def key_file(path: Path, what: str) -> bytes:
    """The key in a file, which is made where there is none. UnavailableError, which names the key as `what`, where that cannot be."""
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes().strip()
    except OSError as error:
        raise UnavailableError(f"{what} in {path} cannot be made or read: {error.strerror}") from error
    if not key:
        raise UnavailableError(f"{what} in {path} must not be empty; put the file back")
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, secrets.token_hex(32).encode() + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    try:
        os.link(part, path)
    except FileExistsError:
        # Another process was first.
        pass
    finally:
        part.unlink()
    sync_folder(path.parent)
