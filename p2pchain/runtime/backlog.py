"""Transactions of peers that wait to be verified: senders take turns, and what is too much of one sender is dropped.

Nobody waits to put something here, because a vote comes behind it on the same link: were a link read no further while
transactions wait, then the busier a network is the later its votes would be counted.  What is dropped is lost to nobody:
whoever has it may make a block of it, and then it is asked for by its place in the block.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import trio

from p2pchain.node.events import Peer
from p2pchain.wire.messages import TRANSACTIONS_BYTES_MAX, Transactions

OF_PEER_BYTES_MAX = 2 * TRANSACTIONS_BYTES_MAX
"""Of one peer, and at least one message: about 10,000 transfers, which take one core most of a second."""
MESSAGE_BYTES = 64
"""What a message takes beside its transactions, so that empty ones have a bound too."""


class Waiting(NamedTuple):
    message: Transactions
    size: int


class Backlog:
    def __init__(self, of_peer_bytes_max: int = OF_PEER_BYTES_MAX) -> None:
        self._bytes_max = of_peer_bytes_max
        self._waiting: dict[Peer, deque[Waiting]] = {}
        """Senders in the order of their turns."""
        self._sizes: dict[Peer, int] = {}
        self._filled = trio.Event()
        self.transactions = 0
        """How many wait, of all peers."""
        self.dropped = 0
        """How many were dropped, ever."""

    def put(self, peer: Peer, message: Transactions) -> bool:
        """False where it was dropped: too much of this peer waits."""
        size = MESSAGE_BYTES + sum(map(len, message.items))
        before = self._sizes.get(peer, 0)
        if before and before + size > self._bytes_max:
            self.dropped += len(message.items)
            return False
        self._sizes[peer] = before + size
        self._waiting.setdefault(peer, deque()).append(Waiting(message, size))
        self.transactions += len(message.items)
        self._filled.set()
        return True

    async def take(self) -> tuple[Peer, Transactions]:
        """The oldest message of the sender whose turn it is."""
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            self._filled = trio.Event()
            await self._filled.wait()
        peer = next(iter(self._waiting))
        items = self._waiting.pop(peer)
        message, size = items.popleft()
        if items:
            self._waiting[peer] = items  # behind all others
            self._sizes[peer] -= size
        else:
            del self._sizes[peer]
        self.transactions -= len(message.items)
        return peer, message
