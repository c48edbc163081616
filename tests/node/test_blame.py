"""Whom a node blames for what comes in: liars for what the bytes disprove, nobody for what other rules may allow."""

import pytest

from p2pchain.chain.codec import decode, decode_array, encode, require_array
from p2pchain.chain.consequences import Consequence
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import ZERO_HASH, BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.node.effects import Disconnect
from p2pchain.node.events import BlockReceived, Peer, PeerJoined
from p2pchain.node.intake import Intake, require_verified
from p2pchain.wire.messages import BlockMessage, Blocks, Message, Tips, Transactions
from tests.fakes.chain import ChainMaker
from tests.fakes.world import SimNode, World, make_genesis
from tests.node.test_doors import with_state_root

SENDER = Peer(1)


@pytest.fixture
def node() -> SimNode:
    world = World(make_genesis(), 4)
    world.start(0)
    world.run(10)
    return world.nodes[0]


def join(node: SimNode, *, ahead: int = 0) -> Intake:
    """The sender is connected and claims so many final blocks more."""
    core = node.running.core
    tip = Subject(Slot(core.slot), Height(core.tree.root.height + ahead), BlockId(ZERO_HASH))
    node.running.handle(PeerJoined(SENDER, Tips(tip, tip)), core.now_ms)
    return Intake(core)


def refusal_of(intake: Intake, message: Message) -> Invalid:
    with pytest.raises(Invalid) as found:
        intake.open(SENDER, message)
    return found.value


def of_version(raw: bytes, version: int) -> bytes:
    """The same transaction as a later version might write it."""
    body, signature = decode_array(raw, what="transaction", fields=2, bytes_max=4_096)
    assert isinstance(body, bytes)
    fields = require_array(decode(body, what="body", bytes_max=4_096), what="body")
    return encode((encode((version, *fields[1:])), signature))


def test_a_transaction_that_is_none_is_a_lie_of_its_sender(node: SimNode) -> None:
    intake, message = join(node), Transactions([b"\xff"])
    assert intake.consequence(SENDER, message, refusal_of(intake, message)) is Consequence.LIE


def test_a_transaction_of_a_later_version_is_passed_over_and_held_against_nobody(node: SimNode) -> None:
    intake = join(node)
    raw = node.transfer(0, 1, 5)
    assert intake.open(SENDER, Transactions([of_version(raw, 1)])) is not None, "the test writes transactions well"
    assert intake.open(SENDER, Transactions([of_version(raw, 2)])) is None


def test_what_a_peer_says_that_is_ahead_proves_nothing_against_it(node: SimNode) -> None:
    forged = Invalid(Code.BAD_SIGNATURE, "ballot has a signature that is not its signer's")
    message = BlockMessage(b"block")
    assert join(node).consequence(SENDER, message, forged) is Consequence.LIE
    assert join(node, ahead=9).consequence(SENDER, message, forged) is Consequence.VIOLATION
    assert join(node, ahead=9).consequence(SENDER, Blocks(1, []), forged) is Consequence.LIE, "it was asked for what we know"


def test_a_block_that_our_own_state_refuses_costs_the_connection_and_no_ban(node: SimNode) -> None:
    maker = ChainMaker(make_genesis())
    wrong = with_state_root(maker.extend(maker.root, slot=1), bytes(32), node.world)
    event = BlockReceived(SENDER, require_verified(wrong, [True], "block"))
    (out,) = [out for out in node.running.handle(event, node.world.now_ms).send if isinstance(out, Disconnect)]
    assert (out.peer, out.consequence) == (SENDER, Consequence.VIOLATION)
    assert "wrong_state_root" in out.text
