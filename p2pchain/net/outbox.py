"""What is still to be written to one peer: two lanes of frames, bounded; putting in never waits.

The urgent lane (blocks, ballots, certificates, status, questions, signs of life) leaves first, then the other one
(transactions, answers to sync and about peers); a write takes no more than a batch, so that a backlog never holds up a vote.  In each
lane frames keep their order.  One task takes.
"""

from __future__ import annotations

from collections import deque

import trio

from p2pchain.net.settings import BATCH_BYTES, OUTBOX_FRAMES_MAX
from p2pchain.wire.messages import Blocks, Message, Peers, Transactions


def is_urgent(message: Message) -> bool:
    return not isinstance(message, Transactions | Blocks | Peers)


class Outbox:
    __slots__ = ("_bulk", "_bytes_max", "_closed", "_filled", "_urgent", "size")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._urgent: deque[bytes] = deque()
        self._bulk: deque[bytes] = deque()
        self._filled = trio.Event()
        self._closed = False
        self.size = 0
        """Bytes queued."""

    def put(self, frame: bytes, *, urgent: bool) -> bool:
        """False where there is no room; a closed outbox swallows everything."""
        if self._closed:
            return True
        if self.size + len(frame) > self._bytes_max or len(self._urgent) + len(self._bulk) >= OUTBOX_FRAMES_MAX:
            return False
        (self._urgent if urgent else self._bulk).append(frame)
        self.size += len(frame)
        self._filled.set()
        return True

    def close(self, last: bytes) -> None:
        """Drop what is queued; `last` is all that will still be taken."""
        self._closed = True
        self._bulk.clear()
        self._urgent.clear()
        self._urgent.append(last)
        self.size = len(last)
        self._filled.set()

    async def take(self) -> bytes:
        """The frames of the next write, joined; waits for the first.  Empty when closed and all is taken."""
        while not (self._urgent or self._bulk or self._closed):
            self._filled = trio.Event()
            await self._filled.wait()
        batch: list[bytes] = []
        room = BATCH_BYTES
        for lane in (self._urgent, self._bulk):
            # at least one frame of each lane: neither starves the other
            room = max(room, 1)
            while lane and room > 0:
                frame = lane.popleft()
                batch.append(frame)
                room -= len(frame)
                self.size -= len(frame)
        return batch[0] if len(batch) == 1 else b"".join(batch)
