"""What those signed who have no vote: it is not worth a check, whatever they send."""

from nacl.signing import SigningKey

from p2pchain.badpeers import forgery
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import ChainId, PublicKey, Signature
from p2pchain.chain.votes import Certificate, Kind, Subject, encode_subject, make_certificate
from p2pchain.node.events import Peer
from p2pchain.wire.messages import BallotMessage, BlockMessage, CertificateMessage, Message
from tests.fakes.world import SimNode, World, make_genesis

STRANGER = KeySigner(SigningKey(b"\x5a" * 32))
PEER = Peer(1)


def world() -> World:
    found = World(make_genesis(), 4, seed=4)
    found.start()
    found.run(6 * found.spec.slot_ms)
    return found


def chain_of(found: World) -> ChainId:
    return ChainId(found.spec.chain_id)


def checks_of(node: SimNode, message: Message) -> int:
    opened = node.intake.open(PEER, message)
    return 0 if opened is None else len(opened.checks)


def tip_above(node: SimNode) -> Subject:
    return forgery.above(node.running.core.head.subject, by=1, block_id=b"\xbd" * 32)


def certificate(found: World, subject: Subject, *, delegates: int, strangers: int) -> Certificate:
    keys = [node.signer for node in found.nodes[:delegates]] + [KeySigner(SigningKey(bytes([9, n]) * 16)) for n in range(strangers)]
    signed: dict[PublicKey, Signature] = {
        key.public_key: key.sign(Kind.VOTE.domain, chain_of(found), encode_subject(subject)) for key in keys
    }
    return make_certificate(Kind.VOTE, subject, signed)


def test_a_ballot_of_a_stranger_is_not_checked_and_one_of_a_delegate_is() -> None:
    found = world()
    node = found.nodes[0]
    subject = tip_above(node)
    assert checks_of(node, BallotMessage(forgery.ballot(STRANGER, chain_of(found), Kind.VOTE, subject))) == 0
    assert checks_of(node, BallotMessage(forgery.ballot(found.nodes[1].signer, chain_of(found), Kind.VOTE, subject))) == 1


def test_a_certificate_mostly_of_strangers_is_not_checked_and_any_other_costs_at_most_twice_the_voters() -> None:
    found = world()
    node = found.nodes[0]
    subject = tip_above(node)
    counts = {
        strangers: checks_of(node, CertificateMessage(certificate(found, subject, delegates=3, strangers=strangers).raw))
        for strangers in (0, 3, 4, 100)
    }
    assert counts == {0: 3, 3: 6, 4: 0, 100: 0}


def test_a_block_of_a_stranger_on_an_unknown_one_is_not_checked() -> None:
    found = world()
    node = found.nodes[0]
    parent = tip_above(node)
    assert checks_of(node, BlockMessage(forgery.block(STRANGER, chain_of(found), parent))) == 0
    assert checks_of(node, BlockMessage(forgery.block(found.nodes[1].signer, chain_of(found), parent))) == 1


def test_a_block_of_a_stranger_on_a_known_one_is_a_lie_that_is_found_out() -> None:
    found = world()
    node = found.nodes[0]
    assert checks_of(node, BlockMessage(forgery.block(STRANGER, chain_of(found), node.running.core.head.subject))) == 1
