"""What a node believes of what peers claim and answer."""

import pytest

from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.node.engine import Engine
from p2pchain.node.events import Peer
from p2pchain.node.sync import DEADLINE_MS, PATIENCE_SLOTS, RESTING_MS, UNPROVEN_MAX
from p2pchain.wire.messages import Tips
from tests.fakes.world import World, make_genesis

ONE, OTHER = Peer(1), Peer(2)
TIP = BlockId(bytes([7]) * 32)


@pytest.fixture
def engine() -> Engine:
    """In slot 5, above the genesis."""
    world = World(make_genesis(), 4)
    world.start(0)
    world.run(4 * 500 + 10)
    return world.nodes[0].running


@pytest.mark.parametrize(
    ("slot", "height", "target"),
    [(5, 5, 5), (5, 1, 1), (6, 6, 6), (7, 7, 0), (5, 6, 0), (10**6, 10**6, 0)],
)
def test_nobody_is_ahead_of_the_clock_or_has_more_blocks_than_slots(engine: Engine, slot: int, height: int, target: int) -> None:
    claim = Subject(Slot(slot), Height(height), TIP)
    engine.core.peers[ONE] = Tips(claim, claim)
    assert engine.sync.target == target


def test_an_answer_is_expected_of_whom_it_was_asked(engine: Engine) -> None:
    engine.sync.ask_branch(ONE, TIP)
    (request,) = engine.sync._asked
    assert engine.sync.expects(ONE, request)
    assert not engine.sync.expects(OTHER, request)
    assert not engine.sync.expects(ONE, request + 1)


def test_blocks_without_a_proof_have_an_end(engine: Engine) -> None:
    assert engine.sync.imported(UNPROVEN_MAX)
    assert not engine.sync.imported(UNPROVEN_MAX + 1)


def test_who_lets_a_deadline_pass_rests_before_it_is_asked_again(engine: Engine) -> None:
    sync, core = engine.sync, engine.core
    sync.ask_branch(ONE, TIP)
    core.now_ms += DEADLINE_MS
    sync.plan()
    sync.ask_branch(ONE, TIP)
    assert not sync._asked
    core.now_ms += RESTING_MS
    sync.ask_branch(ONE, TIP)
    assert [asked.peer for asked in sync._asked.values()] == [ONE]


def test_a_range_that_does_not_come_soon_is_asked_of_another_peer_once(engine: Engine) -> None:
    sync, core = engine.sync, engine.core
    claim = Subject(Slot(5), Height(5), TIP)
    core.peers.clear()
    core.peers |= {ONE: Tips(claim, claim), OTHER: Tips(claim, claim)}
    sync.plan()
    (first,) = [asked.peer for asked in sync._asked.values()]
    patience_ends = core.now_ms + PATIENCE_SLOTS * 500
    assert sync.next_ms() == patience_ends
    core.now_ms = patience_ends - 1
    sync.plan()
    assert len(sync._asked) == 1
    core.now_ms = patience_ends
    sync.plan()
    sync.plan()
    assert [(asked.peer, asked.from_height) for asked in sync._asked.values()] == [(first, 1), ({ONE, OTHER}.difference({first}).pop(), 1)]
    core.now_ms += PATIENCE_SLOTS * 500
    sync.plan()
    assert len(sync._asked) == 2, "nobody is asked twice at once"


def test_who_must_prove_its_chain_alone_is_not_judged_by_blocks_of_others() -> None:
    """Blocks of another peer, with no proof or one in other places, would stand where this peer's proofs belong."""
    world = World(make_genesis(), 4)
    world.start(0)
    world.run(130 * 500)
    engine = world.nodes[0].running
    sync, core = engine.sync, engine.core
    claim = Subject(Slot(130), Height(120), TIP)
    core.peers[ONE], core.peers[OTHER] = Tips(claim, claim), Tips(claim, claim)
    sync.plan()
    before = {asked.peer: request for request, asked in sync._asked.items()}
    assert before.keys() == {ONE, OTHER}
    assert sync.prefer(ONE)
    sync.plan()
    assert {asked.peer for asked in sync._asked.values()} == {ONE}
    assert sync.expects(ONE, before[ONE])
    assert not sync.expects(OTHER, before[OTHER])
    assert not sync.prefer(ONE)
    assert sync.prefer(OTHER)
