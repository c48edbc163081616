"""What a node accepted and put into a block of its own is lost neither with the process nor with the block."""

from __future__ import annotations

from p2pchain.chain.types import TransactionId
from tests.fakes.world import GENESIS_MS, SimNode, World, make_genesis

SLOT_MS = 500


def waits(node: SimNode, item: TransactionId) -> bool:
    return node.running.core.pool.get(item) is not None


def is_included(node: SimNode, item: TransactionId) -> bool:
    """In a block on the branch of the node's head, final or not."""
    core = node.running.core
    blocks = [member.block for member in core.tree.path(core.head)]
    return any(transaction.id == item for block in blocks if block is not None for transaction in block.transactions)


def test_a_transaction_outlives_the_unfinal_block_that_held_it() -> None:
    """Its leader is alone and dies with its block; the others, who never saw either, agree on another block of that height."""
    world = World(make_genesis(), 4, seed=5)
    world.start()
    world.run(4 * SLOT_MS)
    alone = world.nodes[0]
    world.cut = {(a, b) for a in range(4) for b in range(4) if 0 in (a, b)}
    (result,) = alone.submit(alone.transfer(0, 1, 1))
    item = result.id
    assert item is not None
    while not is_included(alone, item):
        assert world.now_ms < GENESIS_MS + 30 * SLOT_MS, "its turn comes once in a round"
        world.run(SLOT_MS // 5)
    world.crash(0)
    alone.start()
    assert is_included(alone, item)
    assert waits(alone, item)
    world.run(6 * SLOT_MS)
    assert all(not waits(node, item) for node in world.nodes[1:])
    world.cut.clear()
    world.run(10 * SLOT_MS)
    assert all(node.disk.transaction(item) is not None for node in world.nodes)
    world.check()
