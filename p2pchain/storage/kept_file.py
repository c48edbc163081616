"""A small file that is replaced as a whole: what a node remembers beside the chain, and can do without.

Errors are those of the system: whoever keeps such a file says whether it can go on without it.
"""

from __future__ import annotations

import errno
from pathlib import Path

from p2pchain.storage.durable import make_folder, replace_whole
from p2pchain.storage.errors import StorageError


class KeptFile:
    """`bytes_max` bounds what is read: a file that is larger was written by somebody else."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        self._path = path
        self._bytes_max = bytes_max

    def load(self) -> bytes | None:
        """None where there is no file."""
        try:
            with self._path.open("rb") as file:
                return file.read(self._bytes_max)
        except FileNotFoundError:
            return None

    def save(self, content: bytes) -> None:
        """Durable when it returns; a crash leaves the old one or the new one, whole."""
        make_folder(self._path.parent)
        try:
            replace_whole(self._path, content)
        except StorageError as error:  # written in part
            raise OSError(errno.ENOSPC, str(error)) from None

    def set_aside(self) -> Path:
        """Beside it, in the place of the one that was set aside before."""
        aside = self._path.with_name(f"{self._path.name}.damaged")
        self._path.replace(aside)
        return aside
