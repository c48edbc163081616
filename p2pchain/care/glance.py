"""The newest blocks of a store, and whether it opens at all: a quick verification of its end, for who wants to know at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from p2pchain.care.blocks import read_found
from p2pchain.care.problem import Problem, ProblemError, wrong
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.tree import Root
from p2pchain.chain.types import BlockId
from p2pchain.node.replay import Replay
from p2pchain.storage.inspection import Inspection, Snapshot, inspect

BYTES_MAX = 8 << 20
"""Of blocks: half a second of decoding."""


class Glance(NamedTuple):
    final: int
    looked_at: int
    dead_readers: int
    problem: Problem | None


def glance(data_dir: Path, genesis: Genesis, newest: int) -> Glance:
    """`StorageError` where a node would not start with this store either."""
    with inspect(data_dir, genesis) as inspection:
        dead = inspection.clear_readers()
        with inspection.snapshot() as snapshot:
            final = snapshot.final.height
            heights = range(max(inspection.pruned_height(), final - newest) + 1, final + 1)
            while len(heights) > 1 and inspection.sizes(heights) > BYTES_MAX:
                heights = heights[len(heights) // 2 :]
            try:
                _look(inspection, snapshot, heights, genesis)
            except ProblemError as error:
                return Glance(final, 0, dead, error.problem)
        return Glance(final, len(heights), dead, None)


def _look(inspection: Inspection, snapshot: Snapshot, heights: range, genesis: Genesis) -> None:
    """Each block is whole, under its own name, and stands on the one below."""
    root = Root(snapshot.final, snapshot.state_root, Schedule.load(snapshot))
    replay = Replay(genesis.spec(), root, snapshot, time.time_ns() // 1_000_000)
    below: BlockId | None = None
    for stored in inspection.finals(heights):
        block = read_found(stored, replay).value.block
        if below is not None and block.header.parent != below:
            found, wanted = block.header.parent.hex(), below.hex()
            raise wrong("block", f"its parent is {found}", f"{wanted} wanted", height=stored.height)
        below = block.id
    if below is not None and below != snapshot.final.block:
        raise wrong("block", f"the newest is {below.hex()}", f"{snapshot.final.block.hex()} wanted", height=heights.stop - 1)
