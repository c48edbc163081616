"""How much room is left where the node writes, and from where on that is too little.

LMDB needs room to write at all, and so does whoever has to free some.  Two kinds of place run full: volumes, and the
chain itself where `storage.bytes_max` bounds it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from p2pchain.node.room import Room, megabytes
from p2pchain.storage.errors import DiskFull, mapped

LOW_PERCENT, END_PERCENT = 5, 1


class Marks(NamedTuple):
    """Where room is low and where it is over; 0 stands for a share of the whole."""

    low_bytes: int = 0
    end_bytes: int = 0

    def of(self, place: str, free: int, size: int) -> Room:
        """A place of this size.  The end never lies above where production stops."""
        end = self.end_bytes or size * END_PERCENT // 100
        low = self.low_bytes or size * LOW_PERCENT // 100
        return Room(place, free, max(low, end), end)


SHARES = Marks()


def volume_of(path: Path, marks: Marks) -> Room:
    """Of the volume that holds a folder, as far as this process may use it."""
    with mapped("asking for free space", path):
        disk = os.statvfs(path)
    return marks.of(str(path), disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)


def tightest(rooms: Iterable[Room]) -> Room:
    """The one that runs out first."""
    return min(rooms, key=lambda room: room.free_bytes / max(1, room.low_bytes))


def require_room(room: Room) -> None:
    """Refuse to write where hardly anything is left."""
    if room.is_over:
        found, wanted = megabytes(room.free_bytes), megabytes(room.end_bytes)
        raise DiskFull(f"{room.place} has {found} free, at least {wanted} wanted; make room and start again")
