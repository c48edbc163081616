"""The active set changes while blocks are made, and nobody notices but the ones elected."""

from __future__ import annotations

from p2pchain.chain.actions.stake import Stake, Unstake
from p2pchain.chain.types import PublicKey
from tests.fakes.world import World, make_genesis, signer

SLOT_MS = 500


def network() -> World:
    """Four seats, six registered delegates, all of them running: 2 to 5 are active."""
    world = World(make_genesis(4, registered=6), 6, observers=1)
    world.start(*range(6))
    world.run(2 * SLOT_MS)
    return world


def active(world: World) -> set[int]:
    keys: frozenset[PublicKey] = world.nodes[0].running.core.head.schedule.keys
    return {number for number in range(6) if signer(1000 + number).public_key in keys}


def go_on(world: World, slots: int) -> None:
    node = world.nodes[0]
    for _ in range(slots):
        node.submit(node.transfer(1, 2, 1))
        world.run(SLOT_MS)


def delegate(number: int) -> bytes:
    return signer(2000 + number).public_key


def test_stake_elects_a_standby_and_unstaking_sends_it_back() -> None:
    world = network()
    assert active(world) == {2, 3, 4, 5}
    world.nodes[0].act(0, Stake(delegate(0), 10**10), Stake(delegate(1), 10**10))
    go_on(world, 12)
    assert active(world) == {0, 1, 4, 5}
    produced = {header.producer for header in world.nodes[0].headers()[-6:]}
    assert signer(1000).public_key in produced
    world.nodes[0].act(0, Unstake(delegate(0), 10**10))
    go_on(world, 12)
    assert active(world) == {1, 3, 4, 5}
    world.check()
    assert max(world.nodes[3].latencies_ms) < 2 * SLOT_MS


def test_a_change_of_the_whole_set_with_crashes_around_it_keeps_one_chain() -> None:
    world = network()
    for turn in range(6):
        number = turn % 6
        world.nodes[0].act(0, Stake(delegate(number), 10**10))
        go_on(world, 2)
        victim = 1 + (turn % 5)
        world.crash(victim)
        go_on(world, 4)
        world.start(victim)
        go_on(world, 2)
        world.check()
    before = world.final_height()
    go_on(world, 10)
    assert world.final_height() >= before + 8
    world.check()
    assert all(node.contradictions == 0 and not node.disconnects for node in world.nodes)


def test_an_observer_catches_up_through_many_changes_of_the_set() -> None:
    world = network()
    for turn in range(8):
        world.nodes[0].act(0, Stake(delegate(turn % 6), 10**10 * (turn + 1)))
        go_on(world, 10)
    world.start(6)
    world.run(4000)
    assert len(world.nodes[6].disk.final) == world.final_height()
    assert not world.nodes[6].disconnects
    world.check()
