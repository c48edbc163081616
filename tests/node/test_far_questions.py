"""Who is asked what from far behind, and whom a delay is put down to."""

from __future__ import annotations

import pytest

from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.node.engine import Engine
from p2pchain.node.events import Peer
from p2pchain.node.far_questions import PEER_WINDOW, FarQuestions
from p2pchain.node.pace import BLOCKS_MAX, DEADLINE_MAX_MS, DEADLINE_MS, Pace
from p2pchain.node.sync import PATIENCE_SLOTS, RESTING_MS
from p2pchain.wire.messages import Tips
from tests.fakes.world import World, make_genesis

ONE, OTHER = Peer(1), Peer(2)
PATIENCE_MS = PATIENCE_SLOTS * 500


@pytest.fixture
def engine() -> Engine:
    """In slot 100, with two peers that claim as many blocks."""
    world = World(make_genesis(), 4)
    world.start(0)
    world.run(99 * 500 + 10)
    engine = world.nodes[0].running
    claim = Subject(Slot(100), Height(100), BlockId(bytes(32)))
    engine.core.peers = {ONE: Tips(claim, claim), OTHER: Tips(claim, claim)}
    return engine


@pytest.fixture
def questions(engine: Engine) -> FarQuestions:
    engine.far.questions.window = PEER_WINDOW
    return engine.far.questions


def wait(engine: Engine, duration_ms: int) -> None:
    engine.core.now_ms += duration_ms
    engine.far.questions.expire()


def test_an_answer_is_checked_once(questions: FarQuestions) -> None:
    request = questions.ask(ONE, 1, 8, bodies=True)
    assert not questions.arrived(OTHER, request)
    assert questions.arrived(ONE, request)
    assert not questions.arrived(ONE, request), "the second is worth no signature"
    assert questions.take(OTHER, request) is None
    assert questions.take(ONE, request) is not None
    assert questions.take(ONE, request) is None


def test_a_peer_that_does_not_answer_is_doubted_then_given_up_and_rests(engine: Engine, questions: FarQuestions) -> None:
    questions.ask(ONE, 1, 8, bodies=True)
    wait(engine, PATIENCE_MS - 1)
    assert not engine.sync.is_doubted(ONE)
    wait(engine, 1)
    assert engine.sync.is_doubted(ONE)
    assert len(questions) == 1, "its answer would still be taken"
    wait(engine, DEADLINE_MS - PATIENCE_MS)
    assert len(questions) == 0
    assert not engine.core.asked_bodies
    assert questions.choose_peer(1, but=[OTHER], bodies=True) is None
    wait(engine, RESTING_MS)
    assert questions.choose_peer(1, but=[OTHER], bodies=True) == ONE


def test_nobody_is_late_while_its_answer_waits_to_be_checked_here(engine: Engine, questions: FarQuestions) -> None:
    first, second = questions.ask(ONE, 1, 8, bodies=True), questions.ask(ONE, 9, 8, bodies=True)
    assert questions.arrived(ONE, first)
    wait(engine, DEADLINE_MS + DEADLINE_MAX_MS)
    assert not engine.sync.is_doubted(ONE)
    question = questions.take(ONE, first)
    assert question is not None
    questions.was_good(question)
    assert questions.pace(ONE) == Pace(), "it was quick, this node was not"
    wait(engine, PATIENCE_MS - 1)
    assert not engine.sync.is_doubted(ONE), "what lay behind the first was not read before"
    wait(engine, 1)
    assert engine.sync.is_doubted(ONE)
    assert questions.arrived(ONE, second)


def test_who_is_doubted_is_asked_only_where_there_is_no_other(engine: Engine, questions: FarQuestions) -> None:
    engine.sync.doubt(ONE)
    for _ in range(PEER_WINDOW):
        assert questions.choose_peer(1, bodies=True) == OTHER
        questions.ask(OTHER, 1, 8, bodies=True)
    assert questions.choose_peer(1, bodies=True) == ONE


def test_nobody_has_more_questions_than_its_window(questions: FarQuestions) -> None:
    asked = 0
    while (peer := questions.choose_peer(1, bodies=True)) is not None:
        questions.ask(peer, 1, 8, bodies=True)
        asked += 1
    assert asked == 2 * PEER_WINDOW


def test_a_peer_that_leaves_takes_its_questions_along(engine: Engine, questions: FarQuestions) -> None:
    questions.ask(ONE, 1, 8, bodies=True)
    questions.ask(OTHER, 9, 8, bodies=True)
    questions.leave(ONE)
    assert [question.peer for question in questions.of_kind(bodies=True)] == [OTHER]
    assert len(engine.core.asked_bodies) == 1


def test_nobody_is_asked_for_what_it_does_not_claim_or_cannot_have(engine: Engine, questions: FarQuestions) -> None:
    impossible = Subject(Slot(200), Height(200), BlockId(bytes(32)))
    engine.core.peers[OTHER] = Tips(impossible, impossible)
    assert questions.choose_peer(101, bodies=True) is None
    assert questions.choose_peer(100, bodies=True) == ONE


def test_one_lost_message_changes_nothing_and_a_second_asks_for_less_and_waits_longer() -> None:
    pace = Pace().slower()
    assert (pace.limit, pace.deadline_ms) == (BLOCKS_MAX, DEADLINE_MS)
    pace = pace.slower()
    assert (pace.limit, pace.deadline_ms) == (BLOCKS_MAX // 2, 2 * DEADLINE_MS)
    for _ in range(20):
        pace = pace.slower()
    assert (pace.limit, pace.deadline_ms) == (1, DEADLINE_MAX_MS)
    slow = pace.after_answer(DEADLINE_MS)
    assert (slow.limit, slow.deadline_ms) == (1, DEADLINE_MAX_MS), "a slow answer is no reason to ask for more"
    quick = pace.after_answer(10)
    assert (quick.limit, quick.deadline_ms) == (2, DEADLINE_MS)
