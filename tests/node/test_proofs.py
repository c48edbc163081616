"""What a node keeps proves its chain to everybody, over every change of the set, however it came to know it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from p2pchain.chain.actions.stake import Stake
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.wire.messages import BallotMessage
from tests.fakes.proofs import check_proofs, follow, governing_sets
from tests.fakes.world import Disk, World, make_genesis, signer

SLOT_MS = 500
SEATS = 4
DELEGATES = 8
SYNCED, FRESH = DELEGATES, DELEGATES + 1
"""Two observers: one learns everything at once, the other from that one alone."""


def network(seed: int = 1) -> World:
    world = World(make_genesis(SEATS, registered=DELEGATES), DELEGATES, observers=2, seed=seed)
    world.start(*range(DELEGATES))
    world.run(2 * SLOT_MS)
    return world


def go_on(world: World, slots: int) -> None:
    node = world.nodes[0]
    for _ in range(slots):
        node.submit(node.transfer(1, 2, 1))
        world.run(SLOT_MS)


def stake_for_the_others(world: World, turn: int) -> None:
    """The four that do not sit get more stake than those that do."""
    others = range(SEATS * (turn % 2), SEATS * (turn % 2) + SEATS)
    world.nodes[0].act(0, *(Stake(signer(2000 + number).public_key, 10 ** (10 + turn)) for number in others))


def run_until_elected(world: World) -> int:
    """Height of the block that changes the set: somewhere the head, final nowhere."""
    for step in range(2_000):
        if step % 100 == 0:
            world.nodes[0].submit(world.nodes[0].transfer(1, 2, 1))
        world.run(5)
        for node in world.up():
            core = node.running.core
            if core.head.schedule.keys != core.tree.root.schedule.keys:
                return core.head.height
    pytest.fail("the set did not change")


class Counting(Disk):
    """Remembers how many blocks became final at once."""

    most_at_once = 0

    def commit(self, commit: Commit) -> None:
        self.most_at_once = max(self.most_at_once, len(commit.final))
        super().commit(commit)


# found by the simulator (7 nodes): of all proofs in one answer only the last was kept
@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("changes", [1, 2])
def test_who_learned_of_a_change_in_one_answer_proves_it_to_the_next(changes: int, *, far: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ranges, or by proofs first, which end at each change."""
    if not far:
        monkeypatch.setattr("p2pchain.node.far_sync.FAR_BLOCKS", 10**6)
    world = network()
    world.nodes[SYNCED].disk = disk = Counting(world.genesis)
    for turn in range(changes):
        stake_for_the_others(world, turn)
        go_on(world, 3 * SEATS)
    sets = governing_sets(world.genesis, world.longest().disk.final)
    assert sum(below != above for below, above in pairwise(sets)) == changes
    world.start(SYNCED)
    go_on(world, 4)
    assert disk.most_at_once > (SEATS if far else 3 * SEATS), "it did not learn it at once"
    world.crash(*range(DELEGATES))
    check_proofs(world)
    world.start(FRESH)
    world.run(10 * SLOT_MS)
    assert world.nodes[FRESH].disk.final[-1].raw == disk.final[-1].raw
    assert not world.nodes[FRESH].disconnects
    check_proofs(world)


def test_one_proof_may_reach_over_a_change_and_then_suffices_for_whoever_is_below_it() -> None:
    """Nobody hears the confirms of the block that elects: it becomes final with one above it, by both sets."""
    world = network()
    world.start(SYNCED)
    stake_for_the_others(world, 0)
    elects = run_until_elected(world)
    world.drops = lambda _source, _target, message: (
        isinstance(message, BallotMessage) and message.ballot.kind is Kind.CONFIRM and message.ballot.subject.height <= elects
    )
    go_on(world, 2 * SEATS)
    final = world.nodes[SYNCED].disk.final
    sets = governing_sets(world.genesis, final)
    assert sets[elects - 1] != sets[elects], f"block {elects} does not elect"
    assert not final[elects - 1].certificate
    check_proofs(world)
    world.crash(*range(DELEGATES))
    world.start(FRESH)
    world.run(10 * SLOT_MS)
    assert len(world.nodes[FRESH].disk.final) == len(final)
    assert not world.nodes[FRESH].disconnects


def test_a_proof_of_the_new_set_alone_proves_nothing_below_the_change() -> None:
    """So that the check above can fail: without the proofs below it, the last one is not enough."""
    world = network()
    stake_for_the_others(world, 0)
    go_on(world, 3 * SEATS)
    final = world.nodes[0].disk.final
    sets = governing_sets(world.genesis, final)
    last = [block._replace(certificate=b"") for block in final[:-1]] + final[-1:]
    change = next(place for place in range(1, len(sets)) if sets[place] != sets[place - 1])
    assert [follow(last, sets, start) for start in range(len(final))] == [
        start if start < change else len(final) for start in range(len(final))
    ]
