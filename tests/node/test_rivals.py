"""A leader that makes more blocks in its slot than anybody keeps."""

from __future__ import annotations

import pytest

from p2pchain.chain.crypto import Domain
from p2pchain.chain.types import ChainId
from p2pchain.chain.votes import Ballot, Kind, encode_subject
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import BallotMessage, BlockMessage, Message
from tests.fakes.chain import ChainMaker
from tests.fakes.world import World, make_genesis, signer

SLOT_MS = 500


@pytest.mark.parametrize("rivals", [1, 2, 3])
def test_a_leader_that_shows_each_node_other_blocks_cannot_stop_finality(rivals: int) -> None:
    """It sends its rivals to node 0, another block with its vote to nodes 1 and 2, and is silent ever after."""
    genesis = make_genesis()
    world, maker, liar = World(genesis, 4, seed=3), ChainMaker(genesis), signer(1003)
    world.start(0, 1, 2)
    schedule = genesis.schedule()
    slot = next(s for s in range(1, 9) if schedule.turn(s).delegate.consensus_key == liar.public_key)
    blocks = [maker.extend(maker.root, slot=slot, transactions=maker.transfers(maker.root, count)) for count in range(rivals + 1)]
    chosen = blocks[-1]
    body = encode_subject(chosen.subject)
    vote = Ballot(Kind.VOTE, chosen.subject, liar.public_key, liar.sign(Domain.VOTE, ChainId(world.spec.chain_id), body))
    world.cut = {(a, b) for a in range(4) for b in range(4)}
    world.run(SLOT_MS * (slot - 1) + 50)
    world.cut.clear()

    def give(number: int, message: Message) -> None:
        node = world.nodes[number]
        node.receive(3, encode_frame(message), node.life)

    for block in blocks[:-1]:
        give(0, BlockMessage(block.made.raw))
    for number in (1, 2):
        give(number, BlockMessage(chosen.made.raw))
        give(number, BallotMessage(vote))
    world.run(20 * SLOT_MS)
    assert min(len(node.disk.final) for node in world.nodes[:3]) >= 1
    world.check()
