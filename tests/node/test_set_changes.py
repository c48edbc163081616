"""The set changes by one, two or all of its members, and the network breaks at that very moment.

The moment: a block that closes a round and changes the set is somewhere the head, and final nowhere.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from p2pchain.chain.actions.stake import Stake, Unstake
from p2pchain.chain.state import ActiveDelegate
from tests.fakes.proofs import check_proofs
from tests.fakes.world import World, make_genesis, signer

SLOT_MS = 500
SEATS = 4
NODES = 8
NUMBER = {signer(1000 + number).public_key: number for number in range(NODES)}
Said = dict[int, tuple[int, int, bytes, tuple[ActiveDelegate, ...]]]


def network(seed: int) -> World:
    """Four seats, eight registered delegates, all running: 4 to 7 sit."""
    world = World(make_genesis(SEATS, registered=NODES), NODES, seed=seed)
    world.start()
    world.run(2 * SLOT_MS)
    return world


def seated(world: World, number: int = 0) -> set[int]:
    return {NUMBER[key] for key in world.nodes[number].running.core.head.schedule.keys}


def go_on(world: World, slots: int, said: Said) -> None:
    """Somebody who is up gets a transaction in every slot; S14: whoever has a final block computes the same turns above it."""
    for _ in range(slots):
        node = world.up()[0]
        node.submit(node.transfer(1, 2, 1))
        world.run(SLOT_MS)
        for each in world.up():
            root = each.running.core.tree.root
            above = root.schedule
            turns = (above.round, above.start_slot, above.seed, above.active)
            assert said.setdefault(root.height, turns) == turns, f"node {each.number} computes other delegates above {root.height} (S14)"


def elect(world: World, *numbers: int) -> None:
    """Enough stake for each of them to take the first seats."""
    actions = [Stake(signer(2000 + number).public_key, 10**10 + number) for number in numbers]
    world.nodes[0].act(0, *actions)


def is_changing(world: World) -> bool:
    return any(node.running.core.head.schedule.keys != node.running.core.tree.root.schedule.keys for node in world.up())


def run_to_the_moment(world: World) -> None:
    for step in range(2_000):
        if step % 100 == 0:
            world.nodes[0].submit(world.nodes[0].transfer(1, 2, 1))
        world.run(5)
        if is_changing(world):
            return
    pytest.fail("the set did not change")


def part(world: World, side: set[int]) -> None:
    rest = set(range(NODES)) - side
    world.cut = {(a, b) for a in side for b in rest} | {(b, a) for a in side for b in rest}


def heal(world: World) -> None:
    world.cut = set()
    for node in world.nodes:
        if node.engine is None:
            world.start(node.number)


Fault = Callable[[World, set[int], set[int]], None]


def old_from_new(world: World, old: set[int], new: set[int]) -> None:
    part(world, old - new)


def old_quorum_alone(world: World, old: set[int], new: set[int]) -> None:
    """A quorum of the old set hears one another, and too few of the new."""
    part(world, set(sorted(old, key=lambda number: number in new)[:3]))


def new_quorum_alone(world: World, old: set[int], new: set[int]) -> None:
    part(world, set(sorted(new, key=lambda number: number in old)[:3]))


def two_old_crash(world: World, old: set[int], new: set[int]) -> None:
    world.crash(*sorted(old, key=lambda number: number in new)[:2])


def two_new_crash(world: World, old: set[int], new: set[int]) -> None:
    world.crash(*sorted(new, key=lambda number: number in old)[:2])


def all_crash(world: World, old: set[int], new: set[int]) -> None:
    world.crash(*range(NODES))
    world.start(0)


FAULTS: list[Fault] = [old_from_new, old_quorum_alone, new_quorum_alone, two_old_crash, two_new_crash, all_crash]


@pytest.mark.parametrize("changed", [1, 2, 4])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_at_the_moment_of_a_change_forks_nothing_and_heals_within_ten_slots(changed: int, fault: Fault) -> None:
    world, said = network(seed=changed), Said()
    old = seated(world)
    elect(world, *range(changed))
    run_to_the_moment(world)
    new = next(
        {NUMBER[key] for key in node.running.core.head.schedule.keys}
        for node in world.up()
        if node.running.core.head.schedule.keys != node.running.core.tree.root.schedule.keys
    )
    assert len(new - old) == changed
    fault(world, old, new)
    go_on(world, 12, said)
    world.check()
    heal(world)
    before = world.final_height()
    go_on(world, 10, said)
    assert world.final_height() > before, "no finality within ten slots (L2)"
    go_on(world, 10, said)
    world.check()
    assert world.final_height() >= before + 8
    assert all(seated(world, number) == new for number in range(NODES))
    check_proofs(world)
    assert all(node.contradictions == 0 and not node.disconnects for node in world.nodes)


@pytest.mark.parametrize("changed", [1, 2, 4])
def test_a_change_in_good_weather_costs_no_slot(changed: int) -> None:
    world, said = network(seed=changed), Said()
    elect(world, *range(changed))
    go_on(world, 12, said)
    assert len(seated(world) - {4, 5, 6, 7}) == changed
    assert max(world.nodes[7].latencies_ms) < 2 * SLOT_MS
    world.check()


def test_while_the_old_set_alone_is_awake_a_change_waits() -> None:
    """The new set has no quorum: nothing above the change becomes final by votes of the old set alone."""
    world, said = network(seed=1), Said()
    old = seated(world)
    elect(world, 0, 1, 2, 3)
    run_to_the_moment(world)
    world.crash(0, 1, 2, 3)
    go_on(world, 12, said)
    top = max(node.running.core.tree.root.height for node in world.up())
    assert all(NUMBER[header.producer] in old for header in world.longest().headers()), "no block of the new set is final"
    heal(world)
    go_on(world, 20, said)
    assert world.final_height() > top + 8
    world.check()


@pytest.mark.parametrize("seed", range(2))
def test_changes_without_end_under_crashes_and_cuts_keep_one_chain_and_one_schedule(seed: int) -> None:
    world, said = network(seed), Said()
    chance = world.random
    for turn in range(8):
        target = turn % NODES
        world.nodes[0].act(0, Stake(signer(2000 + target).public_key, 10**10 * (turn + 1)))
        if turn % 3 == 2:
            world.nodes[0].act(0, Unstake(signer(2000 + (turn - 2) % NODES).public_key, 10**10 * (turn - 1)))
        go_on(world, 1 + chance.randrange(5), said)
        if chance.random() < 0.5:
            part(world, set(chance.sample(range(NODES), 3)))
        else:
            world.crash(1 + chance.randrange(NODES - 1))
        go_on(world, 2 + chance.randrange(5), said)
        heal(world)
        go_on(world, 3, said)
        world.check()
    before = world.final_height()
    go_on(world, 12, said)
    assert world.final_height() >= before + 8
    world.check()
    check_proofs(world)
    assert all(node.contradictions == 0 and not node.disconnects for node in world.nodes)
