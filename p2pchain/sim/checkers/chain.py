"""One final chain: S1, S4, S5, S10, S14 over all honest nodes, and what the reference reader finds in it."""

from __future__ import annotations

from collections.abc import Iterator

from p2pchain.chain.block import Block
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.types import BlockId
from p2pchain.chain.votes import Subject
from p2pchain.sim.checkers.reference import Reference

Found = tuple[str, str]


class ChainChecker:
    """What each honest node held final, and when it told so."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.reference = Reference(genesis)
        self.final: list[BlockId] = [genesis.block_id]
        """By height."""
        self.governors = [self.reference.schedule.keys]
        """Who votes on the block of height 1, 2 and so on, up to the one above the last that could be followed."""
        self._told: dict[int, int] = {}
        """Final height that each node told anybody."""
        self._stands: dict[int, int] = {}
        """Final height of each node in this life."""

    @property
    def height(self) -> int:
        return len(self.final) - 1

    def decided(self, node: int, block: Block) -> Iterator[Found]:
        """A node holds a block final, on disk or not yet."""
        height = block.header.height
        if height != self._stands.get(node, 0) + 1:
            yield "S4", f"block {height} became final after block {self._stands.get(node, 0)}"
        self._stands[node] = height
        if height < len(self.final):
            if self.final[height] != block.id:
                yield "S1", f"block {block.id.hex()[:12]} is final here at height {height}, elsewhere {self.final[height].hex()[:12]}"
        elif height == len(self.final):
            self.final.append(block.id)
            if not self.reference.is_stuck:
                yield from self.reference.extend(block)
                self.governors.append(self.reference.schedule.keys)

    def told(self, node: int, block: Block, schedule: Schedule | None) -> Iterator[Found]:
        """It told so; from now on it may never know less.  `schedule` is the one above this block, if it is the last."""
        self._told[node] = max(block.header.height, self._told.get(node, 0))
        if schedule is not None and self.reference.differs(block.header.height, schedule):
            yield "S14", f"other delegates above block {block.header.height} than elsewhere"

    def started(self, node: int, root: Subject) -> Iterator[Found]:
        """After a crash: a block boundary of the one chain, not below what was told."""
        self._stands[node] = root.height
        if root.height < self._told.get(node, 0):
            yield "S10", f"started at final height {root.height} after telling of {self._told[node]}"
        if root.height >= len(self.final) or self.final[root.height] != root.block:
            yield "S10", f"started at block {root.block.hex()[:12]} of height {root.height}, which is not final"

    def compare_rows(self, root: Subject, rows: dict[bytes, bytes]) -> Iterator[Found]:
        """S5, where a node stands where the reference does."""
        if root.block == self.reference.subject.block and rows != self.reference.rows:
            yield "S5", f"other rows than elsewhere at height {root.height}"
