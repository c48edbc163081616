"""What is still to be written to one peer: a lane for each kind of message, each with its budget; putting in never waits.

Votes leave first, then blocks, then transactions and answers to sync in turns.  A write is no longer than a batch and
one block, and the long frames of the last two lanes are cut into parts, so that a vote never waits for a backlog nor
for a megabyte that is half said.  In each lane frames keep their order.  One task takes.
"""

from __future__ import annotations

from collections import deque
from itertools import cycle

import trio

from p2pchain.net.lanes import SHARES, WHOLE, Lane
from p2pchain.net.settings import BATCH_BYTES, OUTBOX_FRAMES_MAX
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import PART_BYTES, Part

_STREAMS = {Lane.TRANSACTIONS: 0, Lane.ANSWERS: 1}
"""The lanes that are cut, and the stream of each."""


class Outbox:
    __slots__ = ("_bytes_max", "_closed", "_filled", "_frames", "_lanes", "_rest", "_sizes", "_turns")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lanes = {lane: deque[bytes]() for lane in Lane}
        self._sizes = dict.fromkeys(Lane, 0)
        self._rest: dict[Lane, memoryview] = {}
        """Of a frame that is half said."""
        self._frames = 0
        self._turns = cycle(_STREAMS)
        self._filled = trio.Event()
        self._closed = False

    @property
    def size(self) -> int:
        """Bytes queued."""
        return sum(self._sizes.values())

    @property
    def is_filled(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._frames or self._rest)

    def put(self, frame: bytes, lane: Lane) -> bool:
        """False where the lane has no room; one frame always has some.  A closed outbox swallows everything."""
        if self._closed:
            return True
        budget = self._bytes_max * SHARES[lane] // WHOLE
        if (self._sizes[lane] and self._sizes[lane] + len(frame) > budget) or self._frames >= OUTBOX_FRAMES_MAX:
            return False
        self._lanes[lane].append(frame)
        self._sizes[lane] += len(frame)
        self._frames += 1
        self._filled.set()
        return True

    def close(self, last: bytes) -> None:
        """Drop what is queued; `last` is all that will still be taken."""
        self._closed = True
        for lane, queue in self._lanes.items():
            queue.clear()
            self._sizes[lane] = 0
        self._rest.clear()
        self._lanes[Lane.VOTES].append(last)
        self._sizes[Lane.VOTES] = len(last)
        self._frames = 1
        self._filled.set()

    async def take(self) -> bytes:
        """The frames of the next write, joined; waits for the first.  Empty when closed and all is taken."""
        while not (self.is_filled or self._closed):
            self._filled = trio.Event()
            await self._filled.wait()
        batch: list[bytes] = []
        room = BATCH_BYTES
        for lane in (Lane.VOTES, Lane.BLOCKS):
            room = max(room, 1)  # at least one of each
            while self._lanes[lane] and room > 0:
                batch.append(self._pop(lane))
                room -= len(batch[-1])
        room = max(room, len(_STREAMS))
        while room > 0 and (piece := self._next_piece()):
            batch.append(piece)
            room -= len(piece)
        return batch[0] if len(batch) == 1 else b"".join(batch)

    def _next_piece(self) -> bytes:
        """From the lane whose turn it is, or the other one; empty where neither has anything."""
        for _ in _STREAMS:
            lane = next(self._turns)
            if lane in self._rest:
                return self._cut(lane, self._rest.pop(lane))
            if self._lanes[lane]:
                frame = self._pop(lane)
                return frame if len(frame) <= PART_BYTES else self._cut(lane, memoryview(frame))
        return b""

    def _cut(self, lane: Lane, left: memoryview) -> bytes:
        if len(left) > PART_BYTES:
            self._rest[lane] = left[PART_BYTES:]
        return encode_frame(Part(_STREAMS[lane], bytes(left[:PART_BYTES])))

    def _pop(self, lane: Lane) -> bytes:
        frame = self._lanes[lane].popleft()
        self._sizes[lane] -= len(frame)
        self._frames -= 1
        return frame
