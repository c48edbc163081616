"""Why the disk cannot be used, each in one line: what was found, what was wanted, what to do next.

All of them end the process (exit code 74, EX_IOERR).  Errors of lmdb and of the operating system become these here,
and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb


class StorageError(Exception):
    """The node cannot go on with this disk."""


class HomeInUse(StorageError):  # noqa: N818  (what the operator is told, and the name others rely on)
    """Another process holds the data."""


class ForeignChain(StorageError):  # noqa: N818
    """The data belong to another network, or to another key."""


class NewerFormat(StorageError):  # noqa: N818
    """A newer version of the program wrote the data."""


class DamagedStore(StorageError):  # noqa: N818
    """What was read is not what was written."""


class DiskFull(StorageError):  # noqa: N818
    """There is too little room to write safely."""


@contextmanager
def mapped(doing: str, path: Path) -> Iterator[None]:
    """Name what was being done, and where, in place of a foreign error."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: {doing} failed: {error.strerror or error}; see to the disk and start again") from error
    except lmdb.Error as error:
        raise StorageError(f"{path}: {doing} failed: {error}; see to the disk and start again") from error
