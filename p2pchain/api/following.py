"""Following the chain: final blocks from the store up to the present, then as they come, each once and in order.

The two meet without a gap because nothing happens between the read that finds no further block and the taking of the
position in the hub; a block that was read before it was announced is skipped when the announcement comes.  Whenever
announcements were missed, the store is read again.  Who reads so slowly that it happens while one event is on its way
to him is told where to resume and sent away.
"""

from __future__ import annotations

from typing import Protocol

import trio

from p2pchain.api.blocks import FinalBlocks
from p2pchain.api.context import Context
from p2pchain.api.events import Event, end_event, final_event
from p2pchain.node.keeping import BlockPrunedError


class Sink(Protocol):
    """Where a stream goes."""

    async def deliver(self, event: Event) -> None: ...

    async def keep_alive(self) -> None:
        """Nothing happened for a while: show that the stream still stands."""
        ...


class Unavailable(Exception):  # noqa: N818 - no error: a fact about this node
    """The store lacks a final block."""


class Follower:
    """One stream.  `next_height` is that of the next final block to be delivered."""

    def __init__(self, context: Context, from_height: int | None, sink: Sink) -> None:
        self._context = context
        self._hub = context.hub
        self._sink = sink
        self._position = context.hub.end
        self._slowest_s = 0.0
        self.next_height = context.queries.status(context.clock()).final.height + 1 if from_height is None else max(1, from_height)

    async def run(self) -> Event:
        """Deliver until there is a reason to end; the event that says so is left to the caller."""
        try:
            await self._replay()
            while not self._hub.is_closed:
                if self._position < self._hub.first:
                    if self._slowest_s > self._context.settings.slow_s:
                        return self._too_slow()
                    await self._replay()
                elif event := self._hub.event_at(self._position):
                    await self._pass_on(event)
                else:
                    await self._wait()
        except BlockPrunedError as pruned:
            return end_event("pruned", str(pruned), pruned.blocks_from)
        except Unavailable:
            return end_event("unavailable", f"this node no longer has the final block {self.next_height}", self.next_height)
        return end_event("shutting_down", "the node shuts down", self.next_height)

    async def _wait(self) -> None:
        self._slowest_s = 0.0
        with trio.move_on_after(self._context.settings.keep_alive_s) as quiet:
            await self._hub.wait()
        if quiet.cancelled_caught:
            await self._sink.keep_alive()

    async def _pass_on(self, event: Event) -> None:
        self._position += 1
        if event.height is None:
            await self._deliver(event)
        elif event.height == self.next_height:
            self.next_height += 1
            await self._deliver(event)
        elif event.height > self.next_height:
            await self._replay()
            if self.next_height <= event.height:
                raise Unavailable

    async def _replay(self) -> None:
        """Deliver from the store until it has no more; the hub's next event is the next thing that happens after that."""
        blocks = FinalBlocks(self._context.queries, self.next_height)
        while piece := await blocks.next_piece():
            for view in piece:
                if view.block.header.height != self.next_height:
                    raise Unavailable
                if self._hub.is_closed:
                    return
                self.next_height += 1
                await self._deliver(final_event(view.block, view.ids, None, view.failed))
        self._position = self._hub.end
        self._slowest_s = 0.0

    async def _deliver(self, event: Event) -> None:
        began = trio.current_time()
        await self._sink.deliver(event)
        self._slowest_s = max(self._slowest_s, trio.current_time() - began)

    def _too_slow(self) -> Event:
        message = f"one event took {self._slowest_s:.1f} s to be taken, and later ones were missed meanwhile"
        return end_event("too_slow", message, self.next_height)
