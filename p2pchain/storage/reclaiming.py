"""Disk space of free pages given back to the file system, while the node runs: holes in the ledger's file.

LMDB uses a freed page again and never gives one back: after a pruning its file would stay as large as it was.  A hole in
place of a page that no reader and neither of the last two roots can reach changes nothing that is ever read, and LMDB fills it
again when it needs the page.  The condition is LMDB's own for using a page again.  The size that `ls` shows stays; `du` and
`df` show what was given back.

Done under the write lock, so nobody takes such a page meanwhile, in slices that a commit may wait for (`SLICE_S`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from p2pchain.storage.environment import Environment
from p2pchain.storage.errors import StorageError
from p2pchain.storage.free_pages import PageFile

SLICE_S = 0.004
RUN_PAGES_MIN = 4
"""Neighbouring pages that are worth a hole (16 KB): single ones would cut the file into as many extents."""
HOLE_PAGES_MAX = 256
"""1 MB in one call: the file system takes its time, and between two calls the clock is looked at."""
_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02
_UNABLE = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM}


class Place(NamedTuple):
    """How far a pass has come through the lists of free pages, one for each transaction that freed some."""

    transaction: int = 0
    page: int = 0
    """Of this transaction's list, pages up to this one were looked at."""


BEGIN = Place()


class Reclaimed(NamedTuple):
    """What a slice did."""

    place: Place
    """Where the next slice goes on."""
    bytes: int
    is_done: bool
    """Whether there is nothing more, until another transaction frees something."""


class NoHolesError(StorageError):
    """The file system, or this system, makes no holes."""


def allocated_bytes(path: Path) -> int:
    """What a file takes of the disk."""
    return path.stat().st_blocks * 512


def reclaim_slice(environment: Environment, place: Place, begun: int) -> Reclaimed:
    """Make holes of what was freed, from `place` on.  The caller has begun the write transaction `begun` and changed nothing."""
    until = time.perf_counter() + SLICE_S
    descriptor = os.open(environment.path / "data.mdb", os.O_RDWR | os.O_CLOEXEC)
    try:
        file = PageFile(descriptor, begun - 1)
        given_back = 0
        for free in file.free_pages(place.transaction - 1, oldest_needed(environment, file.root.transaction)):
            seen = place.page if free.transaction == place.transaction else 0
            for first, count in runs(free.pages[bisect_right(free.pages, seen) :]):
                punch_hole(descriptor, first * file.root.page_bytes, count * file.root.page_bytes)
                given_back += count * file.root.page_bytes
                place = Place(free.transaction, first + count - 1)
                if time.perf_counter() >= until:
                    return Reclaimed(place, given_back, is_done=False)
            place = Place(free.transaction, free.pages[-1] if free.pages else 0)
        return Reclaimed(place, given_back, is_done=True)
    finally:
        os.close(descriptor)


def oldest_needed(environment: Environment, newest: int) -> int:
    """Pages that transactions before this one freed are nobody's: no reader began before it, and the last root but one stands above."""
    environment.lmdb.reader_check()
    return min([newest, *readers_in(environment.lmdb.readers())])


def readers_in(table: str) -> Iterator[int]:
    """Transactions that readers hold, of all processes, from LMDB's table for people: `pid thread txnid` a line, `-` for none."""
    for line in table.splitlines():
        words = line.split()
        if len(words) == 3 and words[2].isdigit():
            yield int(words[2])


def runs(pages: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Neighbours among rising page numbers, as first and count; short runs are left out, long ones cut."""
    start = 0
    for place in range(1, len(pages) + 1):
        if place == len(pages) or pages[place] != pages[place - 1] + 1 or place - start == HOLE_PAGES_MAX:
            if place - start >= RUN_PAGES_MIN:
                yield pages[start], place - start
            start = place


def punch_hole(descriptor: int, offset: int, size: int) -> None:
    fallocate = _fallocate()
    if fallocate is None:
        raise NoHolesError("this system makes no holes in files: what is pruned is used again, and not given back")
    if fallocate(descriptor, _PUNCH_HOLE | _KEEP_SIZE, offset, size) != 0:
        number = ctypes.get_errno()
        if number in _UNABLE:
            raise NoHolesError(f"the file system makes no holes ({os.strerror(number)}): what is pruned is used again, and not given back")
        raise OSError(number, os.strerror(number))


@cache
def _fallocate() -> ctypes._NamedFuncPointer | None:
    if sys.platform != "linux":
        return None
    found = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if found is not None:
        found.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        found.restype = ctypes.c_int
    return found
