"""Whether a node is where it is said to be: connect, let it prove its key, hang up.

Nothing more is needed to know, and nothing of ours is told: the other end is left before it learns who asked, takes no
place of its peers and is not told of a join.
"""

from __future__ import annotations

import secrets

import trio

from p2pchain.net.connect import connect
from p2pchain.net.endpoint import PeerAddress
from p2pchain.net.errors import LinkLost, Unreachable
from p2pchain.net.link import Link
from p2pchain.net.settings import HANDSHAKE_S
from p2pchain.wire.errors import ConnectionRefused
from p2pchain.wire.handshake import Credentials, Handshake
from p2pchain.wire.noise import DH_BYTES


async def is_there(credentials: Credentials, address: PeerAddress, resolving: trio.CapacityLimiter) -> bool:
    """Whether the node with the key of `address` answers there, on this chain."""
    handshake = Handshake(credentials, secrets.token_bytes(DH_BYTES), dials=True, wanted=address.node_key)
    try:
        link = Link(await connect(address.endpoint, resolving))
    except Unreachable:
        return False
    try:
        with trio.move_on_after(HANDSHAKE_S):
            await link.send(handshake.take())
            while handshake.channel is None:
                handshake.receive(await link.receive())
    except (LinkLost, ConnectionRefused):
        return False
    finally:
        await link.close()
    return handshake.channel is not None
