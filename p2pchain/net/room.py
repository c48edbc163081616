"""Who may be connected at all, and for whom there is room.

allowed?          anybody, or the listed node keys alone
unconditional     never counted
delegates' nodes  one inbound place is kept for each listed key, so no crowd can take it
anybody else      the places that are left, and of these so many from one group of addresses; local ones have no group
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from p2pchain.net.groups import Group
from p2pchain.net.settings import NetworkSettings
from p2pchain.wire.errors import ConnectionRefused, Reason


class Guest(Protocol):
    """What is asked of a session."""

    @property
    def node_key(self) -> bytes | None: ...

    @property
    def group(self) -> Group: ...

    @property
    def outbound(self) -> bool: ...


class Room:
    def __init__(self, settings: NetworkSettings) -> None:
        self.adopt(settings)

    def adopt(self, settings: NetworkSettings) -> None:
        """From now on these hold; who is here already is `net.adjusting`'s matter."""
        self._settings = settings
        self._delegates = frozenset(settings.delegate_peers)
        self.unconditional = frozenset(settings.unconditional_peers)
        self._allowed = settings.named_keys if settings.allowed_peers else None

    def is_allowed(self, node_key: bytes) -> bool:
        return self._allowed is None or node_key in self._allowed

    def require_allowed(self, node_key: bytes) -> None:
        if not self.is_allowed(node_key):
            text = f"node {node_key.hex()} is not on the list of nodes that may connect here"
            raise ConnectionRefused(Reason.NOT_ALLOWED, text)

    def require_place(self, newcomer: Guest, inbound: Iterable[Guest]) -> None:
        """`ConnectionRefused` where there is none; `inbound` are the others that dialled this node."""
        if newcomer.outbound or newcomer.node_key in self.unconditional:
            return
        counted = [guest for guest in inbound if guest.node_key not in self.unconditional]
        self._require_place(newcomer, counted)
        if newcomer.node_key not in self._delegates and not newcomer.group.is_local:
            self._require_group(newcomer.group, counted)

    def _require_place(self, newcomer: Guest, counted: Collection[Guest]) -> None:
        most, kept = self._settings.peers_in_max, 0
        if newcomer.node_key not in self._delegates:
            kept = len(self._delegates - {guest.node_key for guest in counted})
        if len(counted) >= most - kept:
            held = f", {kept} places are kept for delegates" if kept else ""
            raise ConnectionRefused(Reason.TOO_MANY_PEERS, f"{len(counted)} inbound peers are connected, at most {most} allowed{held}")

    def _require_group(self, group: Group, counted: Iterable[Guest]) -> None:
        neighbours = sum(guest.group == group and guest.node_key not in self._delegates for guest in counted)
        most = self._settings.peers_in_per_group_max
        if neighbours >= most:
            text = f"{neighbours} inbound peers of this network of addresses are connected, at most {most} allowed"
            raise ConnectionRefused(Reason.TOO_MANY_PEERS, text)
