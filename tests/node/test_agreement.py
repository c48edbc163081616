"""Whole networks of real engines: what users were promised, and what happens when nodes fail."""

from __future__ import annotations

import pytest

from p2pchain.chain.errors import Code
from p2pchain.node.condition import describe_condition
from tests.fakes.world import SimNode, World, make_genesis

SLOT_MS = 500


def started(delegates: int = 4, *, seed: int = 0, observers: int = 0, **params: int) -> World:
    world = World(make_genesis(delegates, **params), delegates, observers=observers, seed=seed)
    world.start(*range(delegates))
    world.run(2 * SLOT_MS)
    return world


def traffic(world: World, node: SimNode, slots: int) -> None:
    """One transfer a slot, so that every leader has something to include."""
    for _ in range(slots):
        node.submit(node.transfer(0, 1, 1))
        world.run(SLOT_MS)


def no_disconnects(world: World) -> bool:
    return all(not node.disconnects for node in world.nodes)


@pytest.mark.parametrize("delegates", [1, 2, 3, 4, 7])
def test_every_block_is_final_within_its_slot_when_all_are_up(delegates: int) -> None:
    world = started(delegates)
    traffic(world, world.nodes[0], 20)
    world.run(2 * SLOT_MS)
    for node in world.nodes:
        assert len(node.final) >= 15
        assert max(node.latencies_ms) < SLOT_MS
        assert node.balance(1) == 10**12 + 20
    world.check()
    assert no_disconnects(world)


def test_with_one_of_four_dead_each_block_is_final_within_its_slot_or_the_next() -> None:
    world = started()
    world.crash(3)
    traffic(world, world.nodes[0], 40)
    world.run(2 * SLOT_MS)
    assert len(world.nodes[0].final) >= 20
    assert max(world.nodes[0].latencies_ms) < 2 * SLOT_MS
    assert world.nodes[0].balance(1) == 10**12 + 40
    world.check()


def test_a_killed_delegate_catches_up_produces_and_never_signs_twice() -> None:
    world = started()
    for _ in range(5):
        world.crash(3)
        traffic(world, world.nodes[0], 6)
        world.start(3)
        traffic(world, world.nodes[0], 6)
    world.run(4 * SLOT_MS)
    heights = {len(node.disk.final) for node in world.nodes}
    assert len(heights) == 1
    own = world.nodes[3].signer.public_key
    produced = [header for header in world.nodes[0].headers() if header.producer == own]
    assert produced[-1].slot > world.spec.slot_at(world.now_ms) - 20
    assert all(node.contradictions == 0 for node in world.nodes)
    world.check()
    assert no_disconnects(world)


def test_without_a_quorum_nothing_is_final_and_the_chain_stays_bounded() -> None:
    world = started(unfinal_blocks_max=8)
    before = world.final_height()
    world.crash(2, 3)
    node = world.nodes[0]
    traffic(world, node, 100)
    assert world.final_height() == before
    assert node.running.core.tree.depth(node.running.core.head) == 8
    assert len(node.running.core.tree) <= node.running.core.tree.blocks_max
    assert len(node.disk.unfinal) == len(node.running.core.tree)
    condition = describe_condition(node.running, world.spec.slot_at(world.now_ms))
    assert "no quorum: heard 2 of 4 delegates lately, 3 needed" in condition


@pytest.mark.parametrize("silence_slots", [10, 100, 1000])
def test_finality_returns_within_ten_slots_of_the_quorum(silence_slots: int) -> None:
    world = started(unfinal_blocks_max=8)
    world.crash(2, 3)
    world.nodes[0].submit(world.nodes[0].transfer(0, 1, 7))
    world.run(silence_slots * SLOT_MS)
    before = world.final_height()
    world.start(2, 3)
    world.run(10 * SLOT_MS)
    assert world.final_height() > before
    assert all(node.balance(1) == 10**12 + 7 for node in world.nodes)
    world.check()


def test_memory_does_not_grow_with_the_length_of_a_stall() -> None:
    world = started(unfinal_blocks_max=8)
    world.crash(2, 3)
    sizes = []
    for _ in range(4):
        world.run(300 * SLOT_MS)
        core = world.nodes[0].running.core
        ballots = sum(len(slots) for slots in core.ballots._by_voter.values())
        sizes.append((len(core.tree), ballots, len(world.nodes[0].disk.unfinal)))
    assert max(ballots for _, ballots, _ in sizes) <= 2 * 2 * 512
    assert sizes[-1][0] <= sizes[0][0]
    assert sizes[-1][2] <= sizes[0][2]


def test_an_idle_chain_writes_heartbeats_only_and_a_transfer_into_it_is_final_within_a_second() -> None:
    world = started(heartbeat_slots=20)
    world.run(200 * SLOT_MS)
    slots = [header.slot for header in world.nodes[0].headers()]
    assert slots[1:] == list(range(20, slots[-1] + 1, 20))
    for shift_ms in (0, 130, 260, 390):
        world.run(7 * SLOT_MS + shift_ms)
        node = world.nodes[1]
        before, sent = len(node.final), world.now_ms
        node.submit(node.transfer(2, 3, 1))
        world.run(1000)
        assert len(node.final) > before
        assert node.final[before][0] - sent < 1000
    world.check()


def test_an_observer_that_joins_late_has_the_same_chain_and_signs_nothing() -> None:
    world = started(observers=1)
    traffic(world, world.nodes[0], 200)
    world.start(4)
    world.run(3000)
    assert len(world.nodes[4].disk.final) == world.final_height()
    assert not world.nodes[4].signed
    traffic(world, world.nodes[4], 5)
    assert len(world.nodes[4].disk.final) == world.final_height()
    world.check()
    assert no_disconnects(world)


def test_catching_up_asks_several_peers() -> None:
    world = started(observers=1)
    traffic(world, world.nodes[0], 400)
    world.start(4)
    asked = set()
    for _ in range(100):
        world.run(10)
        asked |= {question.peer for question in world.nodes[4].running.far.questions.of_kind(bodies=True)}
    assert len(asked) >= 3
    world.run(2000)
    assert len(world.nodes[4].disk.final) == world.final_height()


def test_a_partition_heals_and_both_sides_agree() -> None:
    world = started()
    for a in (0, 1):
        for b in (2, 3):
            world.cut |= {(a, b), (b, a)}
    before = world.final_height()
    traffic(world, world.nodes[0], 20)
    assert world.final_height() <= before + 1
    world.cut.clear()
    traffic(world, world.nodes[0], 10)
    assert world.final_height() > before + 1
    world.check()
    assert all(node.contradictions == 0 for node in world.nodes)


def test_a_delegate_without_its_record_stays_silent_until_later_blocks_are_final() -> None:
    world = started()
    world.crash(3)
    traffic(world, world.nodes[0], 2)
    world.nodes[3].disk.sign = None
    world.start(3)
    traffic(world, world.nodes[0], 3)
    assert not any(slot >= world.spec.slot_at(world.now_ms) - 2 for _, slot in world.nodes[3].signed)
    traffic(world, world.nodes[0], 12)
    assert any(note.event == "signing_resumed" for note in world.nodes[3].noted)
    assert any(slot >= world.spec.slot_at(world.now_ms) - 8 for _, slot in world.nodes[3].signed)
    assert all(node.contradictions == 0 for node in world.nodes)


def test_a_transaction_that_the_head_includes_is_pending_again_when_its_block_falls_away() -> None:
    world = started(unfinal_blocks_max=4)
    world.crash(2, 3)
    node = world.nodes[0]
    (result,) = node.submit(node.transfer(0, 1, 5))
    assert result.status == "pending"
    world.run(50 * SLOT_MS)
    world.start(2, 3)
    world.run(10 * SLOT_MS)
    assert all(other.balance(1) == 10**12 + 5 for other in world.nodes)
    assert len(node.running.core.pool) == 0


def test_a_refused_item_has_its_code_and_its_neighbours_are_unharmed() -> None:
    world = started()
    node = world.nodes[0]
    good, other = node.transfer(0, 1, 1, nonce=0), node.transfer(1, 0, 1, nonce=0)
    gap = node.transfer(0, 1, 1, nonce=5)
    broke = node.transfer(2, 1, 10**13)
    spoiled = good[:-1] + bytes([good[-1] ^ 1])
    results = node.submit(good, b"\x93junk", gap, broke, spoiled, good, other)
    wanted = [None, Code.MALFORMED, Code.NONCE_GAP, Code.INSUFFICIENT_FUNDS, Code.BAD_SIGNATURE, Code.DUPLICATE, None]
    assert [result.code for result in results] == wanted


# seed 292: delegates locked on a certified block at the bound of unfinal blocks; nothing could be built above it
@pytest.mark.parametrize("seed", [*range(15), 292])
def test_loss_crashes_and_delays_never_split_the_chain_and_it_goes_on_afterwards(seed: int) -> None:
    world = World(make_genesis(4, unfinal_blocks_max=8), 4, seed=seed, delay_ms=(1, 400))
    world.start()
    world.loss = 0.15
    for _ in range(25):
        world.run(world.random.randint(100, 2000))
        number = world.random.randrange(4)
        if world.nodes[number].engine is None:
            world.start(number)
        elif world.random.random() < 0.5:
            world.crash(number)
        for node in world.up():
            if world.random.random() < 0.5:
                node.submit(node.transfer(world.random.randrange(4), world.random.randrange(4), 1))
        world.check()
    world.loss, world.delay_ms = 0.0, (1, 20)
    for node in world.nodes:
        if node.engine is None:
            node.start()
    before = world.final_height()
    world.run(10 * SLOT_MS)
    traffic(world, world.nodes[0], 10)
    assert world.final_height() > before
    assert min(len(node.disk.final) for node in world.nodes) > before
    world.check()
    assert all(node.contradictions == 0 for node in world.nodes)
