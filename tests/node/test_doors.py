"""What comes in by the doors of a node: blocks that do not hold or come too early, and who hears of a transaction."""

from collections.abc import Callable

import pytest

from p2pchain.chain.block import Block, decode_envelope, encode_block, encode_header
from p2pchain.chain.transaction import decode_transaction
from p2pchain.chain.types import Hash
from p2pchain.node.acquaintance import name_of
from p2pchain.node.effects import Broadcast, Disconnect, Effects, Send
from p2pchain.node.events import BlockReceived, Peer, PeerJoined, TimeReached, TransactionsReceived
from p2pchain.node.gossip import BATCH_DELAY_MS
from p2pchain.node.intake import require_verified
from p2pchain.wire.messages import Announcement
from tests.fakes.chain import ChainMaker, MadeBlock
from tests.fakes.world import World, make_genesis

SLOT_MS = 500


def alone() -> tuple[World, ChainMaker]:
    """One of four delegates, at the beginning of the first slot."""
    genesis = make_genesis()
    world = World(genesis, 4)
    world.start(0)
    world.run(10)
    return world, ChainMaker(genesis)


def give(world: World, block: Block) -> Effects:
    return world.nodes[0].running.handle(BlockReceived(Peer(1), require_verified(block, [True], "block")), world.now_ms)


def with_state_root(block: MadeBlock, root: bytes, world: World) -> Block:
    """The same block, whose producer lies about the state."""
    made = block.made
    header = encode_header(made.header._replace(state_root=Hash(root)))
    return decode_envelope(encode_block(header, made.signature, b"", [])).with_transactions([])


def with_set(block: MadeBlock, set_id: bytes, _world: World) -> Block:
    """The same block, whose producer lies about who votes above it."""
    made = block.made
    header = encode_header(made.header._replace(set_id=Hash(set_id)))
    return decode_envelope(encode_block(header, made.signature, b"", [])).with_transactions([])


@pytest.mark.parametrize("altered", [with_state_root, with_set])
def test_a_block_that_lies_about_what_it_does_is_not_taken_and_costs_the_connection(
    altered: Callable[[MadeBlock, bytes, World], Block],
) -> None:
    world, maker = alone()
    block = maker.extend(maker.root, slot=1)
    wrong = altered(block, bytes(32), world)
    effects = give(world, wrong)
    assert wrong.id not in world.nodes[0].running.core.tree
    assert any(isinstance(out, Disconnect) and out.peer == 1 for out in effects.send)
    give(world, block.made)
    assert block.made.id in world.nodes[0].running.core.tree


@pytest.mark.parametrize(("early_ms", "taken"), [(SLOT_MS // 2, True), (SLOT_MS // 2 + 1, False)])
def test_a_block_is_taken_half_a_slot_before_its_time_at_the_earliest(early_ms: int, *, taken: bool) -> None:
    world, maker = alone()
    block = maker.extend(maker.root, slot=3)
    world.run(world.spec.slot_start_ms(3) - early_ms - world.now_ms)
    give(world, block.made)
    assert (block.made.id in world.nodes[0].running.core.tree) is taken


def test_a_transaction_is_not_sent_back_to_whoever_brought_it() -> None:
    world, _ = alone()
    engine = world.nodes[0].running
    for peer in (1, 2):
        engine.handle(PeerJoined(Peer(peer), engine.core.tips()), world.now_ms)
    transaction = decode_transaction(world.nodes[0].transfer(0, 1, 5), world.spec)
    engine.handle(TransactionsReceived(Peer(1), (require_verified(transaction, [True], "transaction"),)), world.now_ms)
    effects = engine.handle(TimeReached(), world.now_ms + BATCH_DELAY_MS)
    assert not any(isinstance(out, Broadcast) for out in effects.send)
    sent = [(out.peer, out.message) for out in effects.send if isinstance(out, Send)]
    assert sent == [(Peer(2), Announcement((name_of(transaction.id),)))], "by name, to everybody but whoever brought it"
