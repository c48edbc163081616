"""Who has to go when the operator's wishes have changed: whoever is not allowed any more, then the newest beyond a limit.

The oldest connections are the proven ones, so they stay.  Whoever is let go is told why, and nothing is held against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from p2pchain.net.room import Room
from p2pchain.net.session import Session
from p2pchain.wire.errors import ConnectionRefused, Reason

PERSISTENT = "persistent"


class Parting(NamedTuple):
    session: Session
    reason: Reason
    text: str


def partings(sessions: Iterable[Session], room: Room, peers_out_max: int) -> list[Parting]:
    """Of the admitted sessions those that the present settings have no place for."""
    living = sorted((session for session in sessions if session.ending is None), key=lambda session: session.joined_s or 0.0)
    allowed = [session for session in living if session.node_key is not None and room.is_allowed(session.node_key)]
    return [
        *(
            Parting(session, Reason.NOT_ALLOWED, "not on the list of nodes that may connect any more")
            for session in living
            if session not in allowed
        ),
        *_inbound_beyond(allowed, room),
        *_outbound_beyond(allowed, room, peers_out_max),
    ]


def _inbound_beyond(sessions: Iterable[Session], room: Room) -> Iterator[Parting]:
    kept: list[Session] = []
    for session in sessions:
        if session.outbound:
            continue
        try:
            room.require_place(session, kept)
        except ConnectionRefused as refused:
            yield Parting(session, refused.reason, refused.message)
        else:
            kept.append(session)


def _outbound_beyond(sessions: Iterable[Session], room: Room, most: int) -> Iterator[Parting]:
    """Persistent peers come first, as they are dialled whatever the number."""
    counted = [session for session in sessions if session.outbound and session.node_key not in room.unconditional]
    counted.sort(key=lambda session: session.came_from != PERSISTENT)
    for session in counted[most:]:
        if session.came_from != PERSISTENT:
            yield Parting(session, Reason.TOO_MANY_PEERS, f"{len(counted)} outbound peers are connected, at most {most} allowed any more")
