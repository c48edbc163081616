"""Files that only their owner may read: refused if wider, written whole, never overwritten."""

import os
import secrets
from pathlib import Path

from p2pchain.keystore.errors import KeyExistsError, KeyPermissionError, KeystoreError

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def read_private(path: Path, bytes_max: int) -> bytes:
    """The first `bytes_max` bytes of a file that nobody else may read."""
    try:
        with path.open("rb") as file:
            # of the open file, so that nothing can be exchanged between the look and the read
            _refuse_wider(path, os.fstat(file.fileno()).st_mode, FILE_MODE)
            return file.read(bytes_max)
    except OSError as error:
        raise KeystoreError(f"{path}: cannot be read ({error.strerror})") from error


def make_private_folder(path: Path) -> None:
    try:
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise KeystoreError(f"{path}: the folder cannot be made ({error.strerror})") from error
    refuse_wider_folder(path)


def refuse_wider_folder(path: Path) -> None:
    """Raises KeyPermissionError if others may enter; a folder that does not exist is not wide."""
    if path.exists():
        _refuse_wider(path, path.stat().st_mode, FOLDER_MODE)


def write_new_private(path: Path, content: bytes) -> None:
    """All or nothing, synced, and never over an existing file: a link fails where a rename would replace."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_synced(temporary, content)
        path.hardlink_to(temporary)
    except FileExistsError:
        raise KeyExistsError(f"{path}: a key of this name exists and stays; choose another name") from None
    except OSError as error:
        raise KeystoreError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_wider(path: Path, found: int, wanted: int) -> None:
    found &= 0o777
    if found & ~wanted:
        raise KeyPermissionError(
            f"{path}: found permissions {found:04o}, wanted {wanted:04o}: others may read it. Mend it with: chmod {wanted:04o} '{path}'"
        )
