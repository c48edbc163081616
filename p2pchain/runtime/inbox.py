"""What waits for the loop, in two lanes: transactions stand back for everything else.

A vote decides whether a slot is used, and takes a tenth of a millisecond; a batch of transactions takes several.  So the
loop takes what is said about blocks first.  Now and then it takes a batch all the same, so that a flood of small
events does not keep transactions out for ever.
"""

from __future__ import annotations

import trio

from p2pchain.node.events import Event

PROMPT_MAX = 16
"""A full lane slows its senders down, and they take turns before it: so whatever one peer sends, a vote of another waits
behind these and one event of each other peer."""
BATCHES_MAX = 2
"""The one that is next, and the one that is made ready meanwhile: 500 to 10,000 transactions each."""
IN_A_ROW_MAX = 16
"""Prompt events between two batches, where both wait."""


class Inbox:
    def __init__(self) -> None:
        self._send_prompt, self._prompt = trio.open_memory_channel[Event](PROMPT_MAX)
        self._send_batch, self._batches = trio.open_memory_channel[Event](BATCHES_MAX)
        self._taker = trio.lowlevel.ParkingLot()
        self._in_a_row = 0

    async def put(self, event: Event) -> None:
        await self._send_prompt.send(event)
        self._taker.unpark()

    async def put_batch(self, event: Event) -> None:
        """Of transactions."""
        await self._send_batch.send(event)
        self._taker.unpark()

    def take_nowait(self) -> Event:
        """`trio.WouldBlock` where nothing waits."""
        lanes = (self._prompt, self._batches) if self._in_a_row < IN_A_ROW_MAX else (self._batches, self._prompt)
        try:
            event = lanes[0].receive_nowait()
        except trio.WouldBlock:
            event = lanes[1].receive_nowait()
            self._in_a_row = 0
        else:
            self._in_a_row = self._in_a_row + 1 if lanes[0] is self._prompt else 0
        return event

    async def take(self) -> Event:
        """Gives way to others, whether or not something waits."""
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self.take_nowait()
            except trio.WouldBlock:
                await self._taker.park()
