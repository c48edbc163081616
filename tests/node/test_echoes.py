"""What every peer but the first sends: a node neither reads nor checks it again, unless it may say something new."""

import pytest

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import BlockId, ChainId, Height, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject, encode_subject
from p2pchain.node.events import Peer
from p2pchain.wire.messages import BallotMessage, BlockMessage
from tests.fakes.world import SimNode, World, make_genesis

SLOT_MS = 500


def after_finality() -> World:
    """Four delegates whose first blocks are final."""
    world = World(make_genesis(), 4)
    world.start()
    world.run(6 * SLOT_MS)
    assert world.nodes[0].running.core.tree.root.height >= 1
    return world


def said(who: KeySigner, world: World, block: bytes | None = None) -> Ballot:
    """A vote in the slot of the final block: for it, or for another."""
    final = world.nodes[0].running.core.tree.root.subject
    subject = final if block is None else Subject(Slot(final.slot), Height(final.height), BlockId(block))
    return Ballot(Kind.VOTE, subject, who.public_key, who.sign(Kind.VOTE.domain, ChainId(world.spec.chain_id), encode_subject(subject)))


def is_opened(node: SimNode, ballot: Ballot) -> bool:
    return node.intake.open(Peer(1), BallotMessage(ballot)) is not None


def test_a_ballot_that_was_heard_is_not_checked_again_once_its_slot_is_decided() -> None:
    world = after_finality()
    assert not is_opened(world.nodes[0], said(world.nodes[1].signer, world))


def test_a_late_ballot_that_was_not_heard_is_opened() -> None:
    """It may be the second half of a contradiction."""
    world = after_finality()
    assert is_opened(world.nodes[0], said(world.nodes[1].signer, world, b"\x07" * 32))


def test_the_second_half_of_a_contradiction_is_heard_however_late_it_comes() -> None:
    world = after_finality()
    node, liar = world.nodes[0], world.nodes[1].signer
    opened = node.intake.open(Peer(1), BallotMessage(said(liar, world, b"\x07" * 32)))
    assert opened is not None
    node.running.handle(opened.finish([True]), world.now_ms)
    assert [offence.key for offence in node.running.core.watch.pairs()] == [liar.public_key]


def test_the_bytes_of_the_final_block_are_known_and_others_are_read() -> None:
    world = after_finality()
    node = world.nodes[0]
    raw = node.disk.final[-1].raw
    assert node.intake.open(Peer(1), BlockMessage(raw)) is None
    with pytest.raises(Invalid, match="block"):
        node.intake.open(Peer(1), BlockMessage(raw[:-1]))
