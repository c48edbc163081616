"""Who is connected, and which of two connections to one node is kept.

Both ends must keep the same one without asking each other.  Of two in the same direction it is the newer: the dialler
has lost, or will drop, the older.  Of two that crossed it is the one dialled by the node with the smaller key.  But
nobody is turned away in favour of a dead connection (a node that lost power left one here): it is asked for a sign of
life first.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from p2pchain.net.room import Room
from p2pchain.net.session import Session
from p2pchain.node.events import Peer
from p2pchain.wire.errors import ConnectionRefused, Reason


class Roster:
    """The admitted sessions by peer and by node key."""

    def __init__(self, node_key: bytes, room: Room) -> None:
        self._node_key = node_key
        self._room = room
        self._numbers = count(1)
        self._by_peer: dict[Peer, Session] = {}
        self._by_key: dict[bytes, Session] = {}

    def get(self, peer: Peer) -> Session | None:
        return self._by_peer.get(peer)

    def find(self, node_key: bytes) -> Session | None:
        """The session with a node, unless it is about to end."""
        session = self._by_key.get(node_key)
        return session if session is not None and session.ending is None else None

    def items(self) -> Iterator[tuple[Peer, Session]]:
        return iter(self._by_peer.items())

    def sessions(self) -> list[Session]:
        return list(self._by_peer.values())

    async def admit(self, newcomer: Session) -> Session | None:
        """Give the newcomer its number, or raise `ConnectionRefused`; the session that it replaces, if any."""
        node_key = newcomer.node_key
        assert node_key is not None, "who it is was proven before it said hello"
        present = self.find(node_key)
        while present is not None and self._keeps(present, newcomer, node_key):
            if await present.is_alive():
                raise ConnectionRefused(Reason.ALREADY_CONNECTED, "this node has a connection to you already")
            asked, present = present, self.find(node_key)
            if present is asked:
                break
        self._require_room(newcomer, present)
        newcomer.peer = Peer(next(self._numbers))
        self._by_peer[newcomer.peer] = newcomer
        self._by_key[node_key] = newcomer
        return present

    def leave(self, session: Session) -> None:
        if session.peer is not None and session.node_key is not None:
            del self._by_peer[session.peer]
            if self._by_key.get(session.node_key) is session:
                del self._by_key[session.node_key]

    def _keeps(self, present: Session, newcomer: Session, node_key: bytes) -> bool:
        is_crossed = present.outbound != newcomer.outbound
        return is_crossed and present.outbound == (self._node_key < node_key)

    def _require_room(self, newcomer: Session, replaced: Session | None) -> None:
        living = (s for s in self._by_peer.values() if not s.outbound and s.ending is None and s is not replaced)
        self._room.require_place(newcomer, living)
