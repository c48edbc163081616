"""Bodies of proven blocks that wait for those before them.  Who puts them here sees to it that they are not too many bytes."""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.block import Block
from p2pchain.node.events import Peer


class Held(NamedTuple):
    """A body that waits for its turn."""

    peer: Peer
    block: Block


class HeldBodies:
    """By height; the first that came stays."""

    def __init__(self) -> None:
        self._by_height: dict[int, Held] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._by_height)

    def __contains__(self, height: int) -> bool:
        return height in self._by_height

    def put(self, peer: Peer, block: Block) -> None:
        height = block.header.height
        if height not in self._by_height:
            self._by_height[height] = Held(peer, block)
            self.bytes += len(block.raw)

    def take(self, height: int) -> Held | None:
        held = self._by_height.pop(height, None)
        if held is not None:
            self.bytes -= len(held.block.raw)
        return held

    def next_above(self, height: int) -> int | None:
        """The lowest that waits above a height."""
        return min((held for held in self._by_height if held > height), default=None)

    def drop_until(self, height: int) -> None:
        """What became final in another way."""
        while self._by_height and (lowest := min(self._by_height)) <= height:
            self.take(lowest)

    def clear(self) -> None:
        self._by_height, self.bytes = {}, 0
