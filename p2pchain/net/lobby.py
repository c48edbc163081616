"""Inbound connections that have not said who they are: bounded in all and for each network they come from.

One more takes the place of the oldest of its own network, or of all.  An honest one is through after two round trips,
so the oldest is the one that hangs; and whoever floods from one network displaces its neighbours at most.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from p2pchain.net.endpoint import group_of
from p2pchain.net.settings import HANDSHAKES_MAX, HANDSHAKES_PER_GROUP_MAX

T = TypeVar("T")


class Lobby(Generic[T]):
    """At most `HANDSHAKES_MAX` guests, and `HANDSHAKES_PER_GROUP_MAX` of one network; loopback is none."""

    __slots__ = ("_guests",)

    def __init__(self) -> None:
        self._guests: dict[T, bytes | None] = {}
        """The oldest first, each with its network."""

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, guest: T, host: str) -> T | None:
        """Whoever has to go for it."""
        group = group_of(host)
        displaced = self._in_the_way(group)
        if displaced is not None:
            del self._guests[displaced]
        self._guests[guest] = group
        return displaced

    def leave(self, guest: T) -> None:
        """Also of one that has left already."""
        self._guests.pop(guest, None)

    def _in_the_way(self, group: bytes | None) -> T | None:
        neighbours = [] if group is None else [guest for guest, other in self._guests.items() if other == group]
        if len(neighbours) >= HANDSHAKES_PER_GROUP_MAX:
            return neighbours[0]
        return next(iter(self._guests)) if len(self._guests) >= HANDSHAKES_MAX else None
