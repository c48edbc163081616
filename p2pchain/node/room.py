"""Room on disk, as the shell measured it: what it means for producing, and in words.

A node that fills its disk must stop before it cannot write any more: below `low_bytes` it makes no blocks of its own
(others may have room, and it still votes), below `end_bytes` the shell ends it in order.  It goes on by itself once there
is a tenth more than what it stopped at, so that it does not flap around the mark.
"""

from __future__ import annotations

from typing import NamedTuple


class Room(NamedTuple):
    """The tightest of the places where the node writes."""

    place: str
    """What it is, for people."""
    free_bytes: int
    low_bytes: int
    end_bytes: int

    @property
    def is_low(self) -> bool:
        return self.free_bytes < self.low_bytes

    @property
    def is_over(self) -> bool:
        """Whether the node must end."""
        return self.free_bytes < self.end_bytes

    @property
    def is_filling(self) -> bool:
        """Not low yet, and at most twice what is low: time to say so."""
        return self.free_bytes < 2 * self.low_bytes

    @property
    def is_back(self) -> bool:
        """Enough to go on after it was low."""
        return self.free_bytes >= self.low_bytes + self.low_bytes // 10


def is_short(before: bool, room: Room) -> bool:  # noqa: FBT001  (a state, not an option)
    """Whether a node that was short of room, or was not, is so now."""
    return not room.is_back if before else room.is_low


def describe_room(room: Room | None, *, short: bool) -> str | None:
    """For the status; None while there is room enough."""
    if room is None or not (short or room.is_filling):
        return None
    found = f"{megabytes(room.free_bytes)} free in {room.place}"
    end = f"the node ends below {megabytes(room.end_bytes)}"
    if short:
        back = megabytes(room.low_bytes + room.low_bytes // 10)
        return f"short of room: {found}, so this node makes no blocks until there are {back}; {end}; make room"
    return f"running out of room: {found}; below {megabytes(room.low_bytes)} this node makes no blocks, {end}"


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
