"""Files that appear whole and synced or not at all, and the lock that one process holds."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from p2pchain.storage.errors import HomeInUse, StorageError, mapped

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_PID_BYTES_MAX = 32


def sync_folder(path: Path) -> None:
    """A new or renamed name is durable only once its folder is synced."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """With its parents, each durable: a folder whose own name is lost takes along all that was synced in it."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(FOLDER_MODE, exist_ok=True)
        sync_folder(folder.parent)


def write_all(descriptor: int, content: bytes, path: Path) -> None:
    """A write that was cut short is an error: the disk is full, or worse, and the next piece would only say so later."""
    written = os.write(descriptor, content)
    if written != len(content):
        raise StorageError(f"{path} was written in part ({written} of {len(content)} bytes); see to the disk and start again")


def write_whole(path: Path, content: bytes) -> None:
    """As `replace_whole`; `StorageError` where it fails."""
    with mapped("writing", path):
        replace_whole(path, content)


def replace_whole(path: Path, content: bytes) -> None:
    """Write beside, sync, rename into place, sync the folder."""
    _write(path, content, FILE_MODE, Path.replace)


def write_once(path: Path, content: bytes, mode: int) -> None:
    """The same for a file that must not be there yet: `FileExistsError` where it is; `StorageError` where it fails."""
    if path.exists():
        raise FileExistsError(path)
    with mapped("writing", path):
        _write(path, content, mode, lambda temporary, target: target.hardlink_to(temporary))


def _write(path: Path, content: bytes, mode: int, name: Callable[[Path, Path], object]) -> None:
    temporary = path.with_name(f".{path.name}.new-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            write_all(descriptor, content, path)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


class ProcessLock:
    """An exclusive lock that ends with the process, however it ends; the file names its holder."""

    def __init__(self, path: Path) -> None:
        with mapped("opening the lock", path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            self._take(path)
        except BaseException:
            self.release()
            raise

    def _take(self, path: Path) -> None:
        with mapped("locking", path):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(self._descriptor, _PID_BYTES_MAX, 0).decode("ascii", "replace").strip() or "unknown"
                raise HomeInUse(f"{path.parent} is in use by process {holder}; stop it first, or choose another folder") from None
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
