"""What a node believes of what peers claim and answer."""

import pytest

from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.node.engine import Engine
from p2pchain.node.events import Peer
from p2pchain.node.sync import BRANCHES_MAX, DEADLINE_MS, PATIENCE_SLOTS, RESTING_MS, UNPROVEN_MAX
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


def test_a_question_for_a_branch_that_was_lost_is_asked_again_within_slots_and_its_late_answer_still_taken(engine: Engine) -> None:
    sync, core = engine.sync, engine.core
    patience_ms = PATIENCE_SLOTS * core.spec.slot_ms
    sync.ask_branch(ONE, TIP)
    core.now_ms += patience_ms - 1
    sync.ask_branch(ONE, TIP)
    assert len(sync._asked) == 1
    core.now_ms += 1
    sync.ask_branch(ONE, TIP)
    first, second = sync._asked
    assert sync.expects(ONE, first)
    assert sync.expects(ONE, second)


def test_a_silent_peer_has_few_questions_for_branches_open(engine: Engine) -> None:
    sync, core = engine.sync, engine.core
    most = 0
    for _ in range(100):
        sync.plan()
        sync.ask_branch(ONE, TIP)
        most = max(most, len(sync._asked))
        core.now_ms += core.spec.slot_ms // 2
    assert 1 < most <= BRANCHES_MAX


def test_beyond_the_bound_a_range_goes_on_where_a_quorum_certified_it(engine: Engine) -> None:
    assert engine.sync.imported(UNPROVEN_MAX + 1, on_certified=True)
