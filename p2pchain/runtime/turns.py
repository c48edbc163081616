"""A queue in which senders take turns: whoever has much waiting waits longer, and nobody else does."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import trio

K = TypeVar("K")
T = TypeVar("T")


class Turns(Generic[K, T]):
    """At most `each_max` items of one sender wait here; its next `put` waits until one of them is taken."""

    def __init__(self, each_max: int) -> None:
        self._each_max = each_max
        self._waiting: dict[K, deque[T]] = {}
        """Senders in the order of their turns."""
        self._changed = trio.Event()

    async def put(self, sender: K, item: T) -> None:
        await trio.lowlevel.checkpoint()
        while len(self._waiting.get(sender, ())) >= self._each_max:
            await self._changed.wait()
        self._waiting.setdefault(sender, deque()).append(item)
        self._change()

    async def take(self) -> tuple[K, T]:
        """The oldest item of the sender whose turn it is."""
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            await self._changed.wait()
        sender = next(iter(self._waiting))
        items = self._waiting.pop(sender)
        item = items.popleft()
        if items:
            self._waiting[sender] = items  # behind all others
        self._change()
        return sender, item

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
