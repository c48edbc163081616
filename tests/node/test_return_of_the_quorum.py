"""However long a quorum was missing, and whatever grew meanwhile: finality returns by itself within ten slots."""

from __future__ import annotations

import pytest

from p2pchain.chain.tree import CERTIFIED_FACTOR
from p2pchain.chain.votes import Kind, decode_certificate
from p2pchain.wire.messages import BallotMessage, BlockMessage, CertificateMessage, CompactBlock, Message
from tests.fakes.world import World, make_genesis

SLOT_MS = 500
RETURN_SLOTS = 10


def running(delegates: int = 4, seed: int = 0, **params: int) -> World:
    world = World(make_genesis(delegates, **params), delegates, seed=seed)
    world.start()
    world.run(6 * SLOT_MS)
    return world


def feed(world: World, slots: int, at: int = 0) -> None:
    """Something to include, as long as the pool of that node takes it."""
    node = world.nodes[at]
    for _ in range(slots):
        node.submit(node.transfer(1, 2, 1))
        world.run(SLOT_MS)


def assert_returns(world: World, slots: int = RETURN_SLOTS) -> None:
    before, node = world.final_height(), world.up()[0]
    node.submit(node.transfer(3, 2, 1))  # a network with nothing to say stays silent until its heartbeat
    world.run(slots * SLOT_MS)
    assert min(len(node.disk.final) for node in world.up()) > before, "nothing became final in time"
    world.check()
    assert all(node.contradictions == 0 and not node.disconnects for node in world.nodes)


@pytest.mark.parametrize("slots", [10, 1_000, 50_000])
@pytest.mark.parametrize("seed", range(3))
def test_after_all_nodes_were_down(slots: int, seed: int) -> None:
    world = running(seed=seed)
    feed(world, 4)
    world.crash(*range(4))
    world.run(slots * SLOT_MS)
    world.start()
    assert_returns(world)


@pytest.mark.parametrize("slots", [10, 1_000, 50_000])
@pytest.mark.parametrize("seed", range(3))
def test_after_all_nodes_were_paused_at_once_and_woke_without_a_restart(slots: int, seed: int) -> None:
    world = running(seed=seed)
    feed(world, 4)
    world.now_ms += slots * SLOT_MS
    world.run(SLOT_MS)  # they learn what time it is
    assert_returns(world, RETURN_SLOTS - 1)


@pytest.mark.parametrize(("slots", "seed"), [(10, 0), (10, 1), (100, 0), (100, 1), (1_000, 0)])
def test_after_a_half_ran_without_the_other(slots: int, seed: int) -> None:
    world = running(seed=seed)
    world.crash(2, 3)
    feed(world, slots)
    assert len(world.nodes[0].running.core.tree) <= world.nodes[0].running.core.tree.blocks_max
    world.crash(0, 1)
    world.run(10 * SLOT_MS)
    world.start()
    assert_returns(world)


@pytest.mark.parametrize("pause", [None, 0, 50_000])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("answer_bytes", [1 << 20, 2_000])
def test_after_both_halves_grew_rival_branches_to_the_bound(
    pause: int | None, seed: int, answer_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a branch is longer than one answer, and where the links never broke but were silent."""
    monkeypatch.setattr("p2pchain.node.catching_up.ANSWER_BYTES_MAX", answer_bytes)
    world = running(seed=seed)
    world.cut = {(a, b) for a in range(4) for b in range(4) if (a < 2) != (b < 2)}
    for _ in range(70):
        for at in (0, 3):
            world.nodes[at].submit(world.nodes[at].transfer(at % 4, 2, 1))
        world.run(SLOT_MS)
    depths = [node.running.core.tree.depth(node.running.core.head) for node in world.nodes]
    assert min(depths) >= 32
    heads = {node.running.core.head.id for node in world.nodes}
    assert len(heads) >= 2
    if pause:
        world.crash(*range(4))
        world.run(pause * SLOT_MS)
    world.cut.clear()
    if pause is not None:
        reconnect(world)
    assert_returns(world)


def reconnect(world: World) -> None:
    """A cut link is a lost connection: both sides say hello again."""
    numbers = range(len(world.nodes))
    for number in numbers:
        if world.nodes[number].engine is not None:
            world.crash(number)
    world.start()


@pytest.mark.parametrize("slots", [10, 1_000, 50_000])
@pytest.mark.parametrize("seed", range(3))
def test_when_the_quorum_comes_back_one_by_one(slots: int, seed: int) -> None:
    world = running(7, seed=seed)
    feed(world, 3)
    world.crash(*range(7))
    world.run(slots * SLOT_MS)
    for number in range(4):
        world.start(number)
        world.run(7 * SLOT_MS)
    world.start(4)
    assert_returns(world)


@pytest.mark.parametrize("seed", range(6))
def test_with_locks_on_different_certified_blocks(seed: int) -> None:
    """In each slot one delegate alone learns of the certificate and locks; nobody hears its confirm or certificate."""
    world = running(seed=seed)
    told = {"at": 0}

    def is_hidden(source: int, target: int, message: Message) -> bool:
        if isinstance(message, CertificateMessage):
            return True
        if isinstance(message, BallotMessage):
            return message.ballot.kind is Kind.CONFIRM or target != told["at"]
        return isinstance(message, BlockMessage | CompactBlock) and source == told["at"]

    world.drops = is_hidden
    for slot in range(12):
        told["at"] = slot % 4
        feed(world, 1, at=slot % 4)
    locks = {node.disk.sign.lock.block for node in world.nodes if node.disk.sign is not None}
    assert len(locks) >= 2
    world.drops = lambda _source, _target, _message: False
    reconnect(world)
    assert_returns(world)


@pytest.mark.parametrize("seed", range(3))
def test_after_the_bound_was_reached_and_every_node_restarts_again_and_again(seed: int) -> None:
    world = running(seed=seed, unfinal_blocks_max=4)
    world.crash(3, 2)
    feed(world, 40)
    for number in (0, 1, 0, 1, 0):
        world.crash(number)
        world.run(3 * SLOT_MS)
        world.start(number)
        world.run(40 * SLOT_MS)
    world.start(2)
    assert_returns(world)


@pytest.mark.parametrize("slots", [20, 60, 200])
@pytest.mark.parametrize("seed", range(3))
def test_after_one_was_cut_off_while_another_did_not_confirm(slots: int, seed: int) -> None:
    """Three delegates certify block after block and two confirm; the fourth, alone, votes for its own in later slots."""
    world = running(seed=seed, unfinal_blocks_max=2, heartbeat_slots=1)
    world.drops = lambda source, target, message: 3 in (source, target) and is_confirm(message)
    world.cut = {pair for other in (1, 2, 3) for pair in ((0, other), (other, 0))}
    world.run(slots * SLOT_MS)
    tree = world.nodes[1].running.core.tree
    assert tree.depth(tree.newest_certified()) >= CERTIFIED_FACTOR * tree.unfinal_blocks_max
    world.cut = set()
    assert_returns(world, RETURN_SLOTS if slots < 200 else 2 * RETURN_SLOTS)


def is_confirm(message: Message) -> bool:
    if isinstance(message, CertificateMessage):
        return decode_certificate(message.raw).kind is Kind.CONFIRM
    return isinstance(message, BallotMessage) and message.ballot.kind is Kind.CONFIRM
