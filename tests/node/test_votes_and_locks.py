"""What a delegate that is locked says of a rival, by the real engine: forensics holds honest delegates to it."""

from __future__ import annotations

from p2pchain.chain.types import ChainId
from p2pchain.chain.votes import Ballot, Kind, Subject, encode_subject
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import BallotMessage, BlockMessage, Message
from tests.fakes.chain import ChainMaker
from tests.fakes.world import World, make_genesis, signer

SLOT_MS = 500
ALONE = {(a, b) for a in range(4) for b in range(4)}


def test_a_locked_delegate_does_not_vote_for_a_rival_because_others_certified_it() -> None:
    """It may confirm it, which moves its lock; its vote would look like forgetting, and nobody needs it any more."""
    genesis = make_genesis()
    world, maker = World(genesis, 4, seed=3), ChainMaker(genesis)
    schedule = genesis.schedule()
    mine = {slot for slot in range(1, 20) if schedule.turn(slot).delegate.consensus_key == signer(1000).public_key}
    slot = next(slot for slot in range(1, 19) if not mine & {slot, slot + 1})
    first, rival = (maker.extend(maker.root, slot=at, transactions=maker.transfers(maker.root, 1)) for at in (slot, slot + 1))
    world.start(0)
    world.cut = set(ALONE)
    node = world.nodes[0]

    def give(message: Message) -> None:
        node.receive(3, encode_frame(message), node.life)

    def vote(subject: Subject, *voters: int) -> None:
        for voter in voters:
            key, body = signer(1000 + voter), encode_subject(subject)
            signature = key.sign(Kind.VOTE.domain, ChainId(world.spec.chain_id), body)
            give(BallotMessage(Ballot(Kind.VOTE, subject, key.public_key, signature)))

    world.run(SLOT_MS * (slot - 1) + 50)
    give(BlockMessage(first.made.raw))
    vote(first.subject, 1, 2)
    world.run(SLOT_MS)
    sign = node.running.core.sign
    assert sign is not None
    assert (sign.voted, sign.confirmed, sign.lock) == (first.subject, first.subject, first.subject)
    vote(rival.subject, 1, 2, 3)
    give(BlockMessage(rival.made.raw))
    sign = node.running.core.sign
    assert sign is not None
    assert (sign.voted, sign.confirmed, sign.lock) == (first.subject, rival.subject, rival.subject)
