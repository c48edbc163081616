"""The journal of accepted transactions, so that the mempool survives a restart.

Each record is its length and CRC-32, then the transaction.  An append is one write without a sync: it survives the end
of the process, not of the power, and nothing worse than sending a transaction again follows from losing it.  Whatever
stands after the first damaged record is cut off when it is loaded.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import Self

from p2pchain.storage.durable import FILE_MODE, write_whole
from p2pchain.storage.errors import StorageError, mapped

BYTES_MAX = 256 << 20
"""Several times the mempool's own bound; the caller rewrites long before, so reaching it means that nobody does."""
_HEAD = Struct(">II")


class JournalFile:
    """`node.ports.Journal` in a file."""

    def __init__(self, path: Path, *, bytes_max: int = BYTES_MAX) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._descriptor = -1
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def size(self) -> int:
        """Bytes in the file, so that the caller knows when to rewrite."""
        return self._size

    def append(self, transactions: Sequence[bytes]) -> None:
        """Beyond the bound the journal begins again with what is given: the oldest are the likeliest to be in blocks."""
        content = _encode(transactions)
        if self._size + len(content) > self._bytes_max:
            self.rewrite(transactions)
            return
        with mapped("appending", self._path):
            written = os.write(self._descriptor, content)
        self._size += written
        if written != len(content):
            raise StorageError(f"{self._path} was written in part ({written} of {len(content)} bytes); see to the disk and start again")

    def load(self) -> list[bytes]:
        with mapped("reading", self._path):
            content = self._path.read_bytes()
        transactions, end = _decode(content)
        if end < len(content):
            with mapped("cutting off a damaged end", self._path):
                os.ftruncate(self._descriptor, end)
        self._size = end
        return transactions

    def rewrite(self, transactions: Sequence[bytes]) -> None:
        write_whole(self._path, _encode(transactions))
        self.close()
        self._open()

    def _open(self) -> None:
        with mapped("opening", self._path):
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, FILE_MODE)
            self._size = os.fstat(self._descriptor).st_size


def whole_part(path: Path) -> tuple[int, int]:
    """Records up to the first damaged one, and the bytes behind them, which a node cuts off at its start.  Nothing is changed."""
    with mapped("reading", path):
        content = path.read_bytes()
    transactions, end = _decode(content)
    return len(transactions), len(content) - end


def _encode(transactions: Sequence[bytes]) -> bytes:
    return b"".join([_HEAD.pack(len(item), zlib.crc32(item)) + item for item in transactions])


def _decode(content: bytes) -> tuple[list[bytes], int]:
    """The records up to the first damaged one, and where they end."""
    transactions, at = [], 0
    while at + _HEAD.size <= len(content):
        length, checksum = _HEAD.unpack_from(content, at)
        item = content[at + _HEAD.size : at + _HEAD.size + length]
        # nothing waits without bytes, and zeros after a power cut would otherwise read as empty records
        if not item or len(item) != length or zlib.crc32(item) != checksum:
            break
        transactions.append(item)
        at += _HEAD.size + length
    return transactions, at
