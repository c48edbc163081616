"""Whose ballots count, what a delegate says again after a restart, and what it answers where its lock forbids a vote."""

from typing import NamedTuple

import pytest

from p2pchain.chain.types import ChainId
from p2pchain.chain.votes import Ballot, Certificate, Kind, encode_subject, make_certificate
from p2pchain.node.effects import Broadcast, Effects, SignBallot
from p2pchain.node.events import BallotReceived, BlockReceived, CertificateReceived, Peer
from p2pchain.node.intake import require_verified
from p2pchain.wire.messages import BallotMessage, CertificateMessage
from tests.fakes.chain import ChainMaker, MadeBlock
from tests.fakes.world import SimNode, World, make_genesis, signer

SLOT_MS = 500


def without_quorum() -> World:
    """Two of four delegates, who have voted for blocks that nobody could certify."""
    world = World(make_genesis(), 4)
    world.start(0, 1)
    world.run(8 * SLOT_MS)
    return world


def voted(node: SimNode) -> Ballot:
    ballot = node.running.core.ballots.of_voter(Kind.VOTE, node.signer.public_key)
    assert ballot is not None
    return ballot


@pytest.mark.parametrize(("key", "counts"), [(1002, True), (77, False)], ids=["delegate", "stranger"])
def test_only_the_ballots_of_delegates_are_counted_and_passed_on(key: int, *, counts: bool) -> None:
    world = without_quorum()
    node, who = world.nodes[0], signer(key)
    subject = voted(node).subject
    signature = who.sign(Kind.VOTE.domain, ChainId(world.spec.chain_id), encode_subject(subject))
    ballot = require_verified(Ballot(Kind.VOTE, subject, who.public_key, signature), [True], "ballot")
    effects = node.running.handle(BallotReceived(Peer(1), ballot), world.now_ms)
    sent = [out.message for out in effects.send if isinstance(out, Broadcast)]
    assert (BallotMessage(ballot.value) in sent) is counts
    assert (who.public_key in node.running.core.ballots.signatures(Kind.VOTE, subject)) is counts


def test_a_restarted_delegate_says_again_what_it_said_last() -> None:
    """Also what it had recorded and never sent: the record alone decides."""
    world = without_quorum()
    node = world.nodes[0]
    subject = voted(node).subject
    world.crash(0)
    assert node.disk.sign is not None
    assert node.disk.sign.voted == subject
    node.disk.sign = node.disk.sign._replace(confirmed=subject, lock=subject)
    node.start()
    ballots = node.running.core.ballots
    for kind in Kind:
        again = ballots.of_voter(kind, node.signer.public_key)
        assert again is not None
        assert again.subject == subject
    world.run(SLOT_MS // 5)
    heard = world.nodes[1].running.core.ballots
    assert node.signer.public_key in heard.signatures(Kind.CONFIRM, subject)


class Locked(NamedTuple):
    """A lone delegate that is locked on a block, in the next slot but one that is not its own."""

    world: World
    maker: ChainMaker
    node: SimNode
    certificate: Certificate
    slots: list[int]

    def give(self, block: MadeBlock) -> Effects:
        return self.node.running.handle(BlockReceived(Peer(2), require_verified(block.made, [True], "block")), self.world.now_ms)


def locked() -> Locked:
    genesis = make_genesis()
    world, maker = World(genesis, 4), ChainMaker(genesis)
    world.start(0)
    node, schedule = world.nodes[0], genesis.schedule()
    first, *later = [slot for slot in range(1, 5) if schedule.turn(slot).delegate.consensus_key != node.signer.public_key]
    block = maker.extend(maker.root, slot=first)
    certificate = maker.certificate(block, Kind.VOTE)
    world.run((first - 1) * SLOT_MS + 10)
    node.handle(BlockReceived(Peer(1), require_verified(block.made, [True], "block")))
    node.handle(CertificateReceived(Peer(1), require_verified(certificate, [True], "certificate")))
    assert node.disk.sign is not None
    assert node.disk.sign.lock == block.subject
    world.run((later[0] - first) * SLOT_MS)
    return Locked(world, maker, node, certificate, later)


def part_of(certificate: Certificate, signers: int) -> Certificate:
    return make_certificate(certificate.kind, certificate.subject, dict(list(certificate.signatures.items())[:signers]))


def test_a_delegate_that_its_lock_holds_back_shows_the_certificate_it_is_locked_on() -> None:
    """The leader did not know of it: else it would have built on that block."""
    scene = locked()
    effects = scene.give(scene.maker.extend(scene.maker.root, slot=scene.slots[0]))
    assert effects.sign == []
    assert Broadcast(CertificateMessage(scene.certificate.raw)) in effects.send


@pytest.mark.parametrize(("signers", "opens"), [(2, False), (3, True)])
def test_a_lock_opens_for_a_newer_certificate_of_a_quorum_only(signers: int, *, opens: bool) -> None:
    scene = locked()
    rival = scene.maker.extend(scene.maker.root, slot=scene.slots[0])
    assert scene.give(rival).sign == []
    scene.world.run((scene.slots[1] - scene.slots[0]) * SLOT_MS)
    carried = part_of(scene.maker.certificate(rival, Kind.VOTE), signers)
    child = scene.maker.extend(rival, slot=scene.slots[1], carried=carried)
    voted_for = [ballot.subject for ballot in scene.give(child).sign if isinstance(ballot, SignBallot) and ballot.kind is Kind.VOTE]
    assert voted_for == ([child.subject] if opens else [])


@pytest.mark.parametrize(("signers", "is_final"), [(2, False), (3, True)])
def test_a_block_is_final_by_the_confirms_of_a_quorum_only(signers: int, *, is_final: bool) -> None:
    scene = locked()
    subject = scene.certificate.subject
    confirms = {key: value for key, value in scene.certificate.signatures.items() if key != scene.node.signer.public_key}
    certificate = part_of(make_certificate(Kind.CONFIRM, subject, confirms), signers)
    scene.node.handle(CertificateReceived(Peer(1), require_verified(certificate, [True], "certificate")))
    assert (scene.node.running.core.tree.root.subject == subject) is is_final
