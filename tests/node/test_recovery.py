"""A network that lost a third of its delegates or more for good goes on without them, and nothing final is lost."""

from __future__ import annotations

import copy
import random

import pytest

from p2pchain.chain.actions.stake import Stake, Unstake
from p2pchain.chain.errors import Invalid
from p2pchain.chain.recovery import Recovery, UnfitRecoveryError
from p2pchain.chain.state import DELEGATES
from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Kind
from p2pchain.node.condition import describe_condition
from p2pchain.node.installing import validate_chain, validate_lock
from p2pchain.wire.messages import BallotMessage, CertificateMessage, Message
from tests.fakes.operators import account, agree, inspect, install
from tests.fakes.world import World, make_genesis, signer

SLOT_MS = 500


def go_on(world: World, slots: int, at: int = 0) -> None:
    """Time passes with something to include in every slot."""
    node = world.nodes[at]
    for _ in range(slots):
        if node.engine is not None:
            node.submit(node.transfer(1, 2, 1))
        world.run(SLOT_MS)


def lost(delegates: int, gone: list[int], *, observers: int = 0, seed: int = 0) -> World:
    """A network that ran, lost these delegates, and stands still; observers are not started."""
    world = World(make_genesis(delegates), delegates, observers=observers, seed=seed)
    world.start(*range(delegates))
    go_on(world, 10)
    world.crash(*gone)
    go_on(world, 10)
    return world


def stop(world: World, numbers: list[int]) -> None:
    world.crash(*[number for number in numbers if world.nodes[number].engine is not None])


def recover(world: World, remaining: list[int], gone: list[int], *, accept_loss: bool = False) -> Recovery:
    """The whole procedure; those who remain run again afterwards."""
    stop(world, remaining)
    recovery = agree(world, remaining, gone, accept_loss=accept_loss)
    install(world, recovery, remaining)
    world.start(*remaining)
    return recovery


def heights(world: World, numbers: list[int]) -> list[int]:
    return [len(world.nodes[number].disk.final) for number in numbers]


def condition(world: World, number: int) -> str:
    engine = world.nodes[number].running
    return describe_condition(engine, engine.core.slot)


@pytest.mark.parametrize(("delegates", "lost_count"), [(4, 2), (7, 3), (7, 4)])
@pytest.mark.parametrize("seed", range(3))
def test_those_who_remain_go_on_and_keep_every_final_block(delegates: int, lost_count: int, seed: int) -> None:
    remaining, gone = list(range(delegates - lost_count)), list(range(delegates - lost_count, delegates))
    world = lost(delegates, gone, seed=seed)
    before = world.final_height()
    recover(world, remaining, gone)
    go_on(world, 10)
    assert min(heights(world, remaining)) >= before + 5
    world.check()
    assert not any(node.disconnects for node in world.nodes)


def final_on_the_removed_alone(seed: int) -> World:
    """Confirms stop reaching 0 and 1, and 2 and 3 are lost as soon as they believe one more block final."""
    world = World(make_genesis(4), 4, seed=seed)
    world.start()
    go_on(world, 6)
    before = heights(world, [0, 1])

    def is_confirm_for_those_who_remain(_source: int, target: int, message: Message) -> bool:
        return target < 2 and isinstance(message, BallotMessage) and message.ballot.kind is Kind.CONFIRM

    world.drops = is_confirm_for_those_who_remain
    node = world.nodes[0]
    node.submit(node.transfer(1, 2, 1))
    while min(heights(world, [2, 3])) <= max(before):
        world.run(5)
    world.crash(2, 3)
    world.drops = lambda _source, _target, _message: False
    assert max(heights(world, [0, 1])) < min(heights(world, [2, 3]))
    return world


@pytest.mark.parametrize("seed", range(3))
def test_a_block_that_is_final_only_on_the_disks_of_the_removed_stays_final(seed: int) -> None:
    world = final_on_the_removed_alone(seed)
    lone = world.nodes[2].disk.final[-1].raw
    recover(world, [0, 1], [2, 3])
    go_on(world, 10)
    world.check()
    assert world.nodes[0].disk.final[len(world.nodes[2].disk.final) - 1].raw == lone
    assert len(world.nodes[0].disk.final) > len(world.nodes[2].disk.final) + 4


def test_a_base_that_ignores_the_locks_brings_no_finality_because_the_locks_hold() -> None:
    world = final_on_the_removed_alone(0)
    stop(world, [0, 1])
    wrong = agree(world, [0, 1], [2, 3])._replace(base=inspect(world.nodes[0]).final, signatures={})
    for number in (0, 1):
        wrong = wrong.signed(world.nodes[number].signer)
    install(world, wrong, [0, 1])
    world.start(0, 1)
    go_on(world, 10)
    assert heights(world, [0, 1]) == [wrong.base.height] * 2
    world.check()
    for number in (0, 1):
        state = world.nodes[number].disk.sign
        assert state is not None
        world.nodes[number].disk.sign = state._replace(lock=wrong.base)
        world.crash(number)
        world.start(number)
    go_on(world, 10)
    with pytest.raises(AssertionError, match="S1"):
        world.check()


def test_a_node_that_never_heard_of_the_base_fetches_it_and_signs_nothing_before() -> None:
    world = World(make_genesis(4), 4)
    world.start()
    go_on(world, 6)
    world.cut = {(a, 0) for a in range(1, 4)}
    go_on(world, 3, at=1)
    world.crash(2, 3)
    recover(world, [0, 1], [2, 3])
    voted = world.nodes[0].disk.sign
    world.run(10 * SLOT_MS)
    assert "waits for the base of the recovery" in condition(world, 0)
    assert world.nodes[0].disk.sign == voted
    world.cut.clear()
    before = world.final_height()
    world.crash(0)
    world.start(0)
    go_on(world, 10)
    assert min(heights(world, [0, 1])) > before + 4
    world.check()


def base_that_few_know(remaining: list[int], *, cut: set[int], accept_loss: bool = False) -> tuple[World, Recovery]:
    """One block more becomes final without those who are cut; the removed then return with their disks of before."""
    gone = [number for number in range(4) if number not in remaining]
    world = World(make_genesis(4), 4, observers=1)
    world.start()
    go_on(world, 6)
    world.run(2 * SLOT_MS)
    old = {number: copy.deepcopy(world.nodes[number].disk) for number in gone}
    world.cut = {(a, b) for a in range(5) for b in range(5) if (a in cut) != (b in cut)}
    go_on(world, 1, at=1)
    world.crash(*range(5))
    recovery = agree(world, remaining, gone, accept_loss=accept_loss)
    assert recovery.base.height == len(world.nodes[4].disk.final) + 1
    for number, disk in old.items():
        world.nodes[number].disk = disk
    world.cut.clear()
    install(world, recovery, [*remaining, 4])
    return world, recovery


def test_until_it_has_the_base_a_delegate_does_not_help_the_removed_to_another_branch() -> None:
    world, recovery = base_that_few_know([0, 1], cut={0, 4})
    before = world.nodes[0].disk.sign
    world.start(0, 2, 3)
    go_on(world, 10, at=2)
    assert world.nodes[2].running.core.head.height >= recovery.base.height, "there was another branch to vote for"
    assert world.nodes[0].disk.sign == before
    world.crash(2, 3)
    world.start(1)
    world.run(2 * SLOT_MS)
    go_on(world, 10, at=1)
    assert heights(world, [0]) == heights(world, [1])
    assert len(world.nodes[0].disk.final) > recovery.base.height + 4
    assert world.nodes[0].disk.final[recovery.base.height - 1].raw == world.nodes[1].disk.final[recovery.base.height - 1].raw


def test_until_it_has_the_base_a_node_believes_nothing_final_beside_it() -> None:
    """The removed are a quorum with old disks: what they make final is nothing to whoever installed the document."""
    world, recovery = base_that_few_know([0], cut={4}, accept_loss=True)
    before = len(world.nodes[4].disk.final)
    world.start(1, 2, 3, 4)
    go_on(world, 10, at=1)
    assert len(world.nodes[1].disk.final) >= recovery.base.height, "there was another branch to believe in"
    assert len(world.nodes[4].disk.final) == before
    world.crash(1, 2, 3)
    world.start(0)
    world.run(2 * SLOT_MS)
    go_on(world, 10)
    assert heights(world, [4]) == heights(world, [0])
    assert len(world.nodes[4].disk.final) > recovery.base.height + 4


def test_after_a_recovery_a_newcomer_syncs_from_the_genesis_with_the_document() -> None:
    world = lost(4, [2, 3], observers=1)
    recovery = recover(world, [0, 1], [2, 3])
    go_on(world, 100)
    install(world, recovery, [4])
    world.start(4)
    world.run(4_000)
    assert len(world.nodes[4].disk.final) == world.final_height()
    assert not any(node.disconnects for node in world.nodes)
    world.check()


def test_without_the_document_a_newcomer_stops_at_the_base_and_says_what_it_needs() -> None:
    world = lost(4, [2, 3], observers=1)
    recovery = recover(world, [0, 1], [2, 3])
    go_on(world, 20)
    world.start(4)
    world.run(10_000)
    assert len(world.nodes[4].disk.final) <= recovery.base.height
    assert f"recovered at height {recovery.base.height}, install its document" in condition(world, 4)
    install(world, recovery, [4])
    world.crash(4)
    world.start(4)
    world.run(5_000)
    assert len(world.nodes[4].disk.final) == world.final_height()
    world.check()


def test_an_observer_that_ran_on_without_the_document_does_no_harm_and_follows_once_it_has_it() -> None:
    world = lost(4, [2, 3], observers=1)
    world.start(4)
    world.run(2_000)
    recovery = recover(world, [0, 1], [2, 3])
    before = world.final_height()
    go_on(world, 20)
    assert world.final_height() > before + 10
    assert "install its document" in condition(world, 4)
    assert not any(world.nodes[number].disconnects for number in (0, 1))
    install(world, recovery, [4])
    world.crash(4)
    world.start(4)
    world.run(5_000)
    assert len(world.nodes[4].disk.final) == world.final_height()
    world.check()


def test_every_node_goes_on_after_restarts_at_any_time_after_the_recovery() -> None:
    world = lost(4, [2, 3])
    recover(world, [0, 1], [2, 3])
    for pause in (20, 100, 300, 900, 2_000):
        world.run(pause)
        world.crash(0, 1)
        world.start(0, 1)
    before = world.final_height()
    go_on(world, 10)
    assert min(heights(world, [0, 1])) >= before + 5
    world.check()


def test_the_removed_who_come_back_without_the_document_change_nothing_and_are_not_punished() -> None:
    world = lost(4, [2, 3])
    recover(world, [0, 1], [2, 3])
    go_on(world, 5)
    world.start(2, 3)
    before = world.final_height()
    go_on(world, 20)
    assert min(heights(world, [0, 1])) >= before + 15
    assert not any(world.nodes[number].disconnects for number in (0, 1))
    assert all(node.contradictions == 0 for node in world.nodes)
    assert all("install its document" in condition(world, number) for number in (2, 3))
    row = DELEGATES.load(world.nodes[0].disk, account(3))
    assert row is not None
    assert row.stake == 10**9 + 3
    world.check()


def test_the_removed_who_come_back_with_the_document_follow_and_keep_their_stake() -> None:
    world = lost(4, [2, 3])
    recovery = recover(world, [0, 1], [2, 3])
    go_on(world, 5)
    install(world, recovery, [2, 3])
    world.start(2, 3)
    go_on(world, 10)
    assert heights(world, [2, 3]) == heights(world, [0, 1])
    schedule = world.nodes[0].running.core.head.schedule
    assert {member.account for member in schedule.active} == {account(0), account(1)}
    world.check()


def test_all_the_removed_came_back_and_the_base_is_still_the_only_way() -> None:
    """Three of four are removed, with the loss accepted; they return, and are a quorum by the rules before."""
    world = lost(4, [1, 2, 3])
    recover(world, [0], [1, 2, 3], accept_loss=True)
    before = len(world.nodes[0].disk.final)
    go_on(world, 5)
    world.start(1, 2, 3)
    go_on(world, 20)
    assert len(world.nodes[0].disk.final) > before + 15
    assert not world.nodes[0].disconnects


def test_a_network_can_be_recovered_twice() -> None:
    world = lost(7, [4, 5, 6], observers=1)
    first = recover(world, [0, 1, 2, 3], [4, 5, 6])
    go_on(world, 20)
    world.crash(2, 3)
    go_on(world, 10)
    second = recover(world, [0, 1], [2, 3])
    assert second.base.height > first.base.height
    before = world.final_height()
    go_on(world, 10)
    assert world.final_height() >= before + 5
    install(world, first, [7])
    install(world, second, [7])
    world.start(7)
    world.run(4_000)
    assert len(world.nodes[7].disk.final) == world.final_height()
    world.check()


def test_a_second_recovery_before_any_block_above_the_first_replaces_it() -> None:
    world = lost(7, [4, 5, 6], observers=1)
    stop(world, [0, 1, 2, 3])
    first = agree(world, [0, 1, 2, 3], [4, 5, 6])
    install(world, first, [0, 1, 2, 3])
    world.start(0, 1)
    world.run(5 * SLOT_MS)
    second = recover(world, [0, 1], [2, 3, 4, 5, 6], accept_loss=True)
    assert second.base == first.base
    before = world.final_height()
    go_on(world, 10)
    assert world.final_height() >= before + 5
    install(world, first, [7])
    install(world, second, [7])
    world.start(7)
    world.run(4_000)
    assert len(world.nodes[7].disk.final) == world.final_height()
    world.check()


def test_the_next_election_fills_the_seats_of_the_removed_with_standbys() -> None:
    world = World(make_genesis(4, registered=7), 7)
    world.start()
    go_on(world, 6)
    world.crash(5, 6)
    go_on(world, 6)
    recovery = recover(world, [3, 4], [5, 6])
    world.crash(0, 1, 2)
    install(world, recovery, [0, 1, 2])
    world.start(0, 1, 2)
    go_on(world, 20, at=3)
    schedule = world.nodes[3].running.core.head.schedule
    assert {member.account for member in schedule.active} == {account(number) for number in (1, 2, 3, 4)}
    before = world.final_height()
    world.nodes[3].act(0, Stake(account(0), 10**10))
    go_on(world, 20, at=3)
    assert account(0) in {member.account for member in world.nodes[3].running.core.head.schedule.active}
    assert world.final_height() >= before + 15
    world.nodes[3].act(0, Unstake(account(0), 10**10))
    go_on(world, 5, at=3)
    world.check()


def test_a_standby_that_is_gone_too_is_never_elected_again() -> None:
    world = World(make_genesis(4, registered=7), 7)
    world.start(3, 4, 5, 6)
    go_on(world, 6, at=3)
    world.crash(5, 6)
    go_on(world, 6, at=3)
    recover(world, [3, 4], [0, 1, 2, 5, 6])
    before = world.final_height()
    go_on(world, 30, at=3)
    assert world.final_height() >= before + 20
    world.check()


def test_a_document_that_does_not_fit_its_base_ends_the_node() -> None:
    world = lost(4, [2, 3])
    stop(world, [0, 1])
    recovery = agree(world, [0, 1], [2, 3])
    unasked = recovery._replace(signers=(signer(1000).public_key,), signatures={}).signed(signer(1000))
    everybody = recovery._replace(removed=tuple(sorted(account(number) for number in range(4))))
    stranger = recovery._replace(removed=(signer(1).public_key,))
    elsewhere = recovery._replace(base=recovery.base._replace(height=Height(recovery.base.height + 1)))
    too_many = recovery._replace(removed=tuple(sorted(account(number) for number in range(1, 4))))
    for wrong, words in (
        (unasked, "every active delegate that remains must sign"),
        (everybody, "removes all 4"),
        (stranger, "no delegate of this network"),
        (elsewhere, "its block has"),
        (too_many, "without accept_loss"),
    ):
        world.nodes[0].recoveries = (wrong,)
        with pytest.raises(UnfitRecoveryError, match=words):
            world.nodes[0].start()
        world.nodes[0].engine = None


def test_those_who_sat_before_an_election_are_asked_too_as_long_as_it_is_not_final() -> None:
    """3 unseats 0 in a block that is certified and not final: what 0 confirmed must not be forgotten with its seat."""
    world = World(make_genesis(4, registered=5), 5)
    world.start()
    go_on(world, 6)
    before = world.nodes[1].running.core.head.schedule.active
    world.drops = lambda _source, _target, message: isinstance(message, BallotMessage) and message.ballot.kind is Kind.CONFIRM
    world.nodes[1].act(0, Stake(account(0), 10**10))
    newest = world.nodes[1].running.core.tree
    while newest.newest_certified().schedule.active == before:
        go_on(world, 1, at=1)
    world.crash(0, 1, 2, 3, 4)
    report = inspect(world.nodes[2])
    assert len(report.seats) >= 2
    unseated = {member.account for member in before} - {member.account for member in report.seats[-1].members}
    assert unseated == {account(1)}
    with pytest.raises(Invalid, match=f"no report of {account(1).hex()}"):
        agree(world, [0, 2], [3, 4])
    recovery = agree(world, [0, 1, 2], [3, 4])
    assert signer(1001).public_key in recovery.signers
    world.drops = lambda _source, _target, _message: False
    install(world, recovery, [0, 1, 2])
    world.start(0, 1, 2)
    start = world.final_height()
    go_on(world, 15, at=1)
    assert world.final_height() >= start + 8
    world.check()


@pytest.mark.parametrize("seed", range(16))
def test_whatever_was_lost_on_the_way_before_no_disk_contradicts_another_after(seed: int) -> None:
    """Ballots and certificates vanish at random until a random third and more is lost at a random moment."""
    chance = random.Random(seed)
    delegates = chance.choice([4, 7])
    world = World(make_genesis(delegates, unfinal_blocks_max=8), delegates, seed=seed)
    world.start()
    go_on(world, 4)
    rate = chance.choice([0.2, 0.5, 0.8])
    world.drops = lambda _source, _target, message: isinstance(message, BallotMessage | CertificateMessage) and chance.random() < rate
    for _ in range(chance.randint(3, 40)):
        world.nodes[0].submit(world.nodes[0].transfer(1, 2, 1))
        world.run(chance.randint(50, 600))
    lost_count = chance.randint((delegates + 2) // 3, 2 * delegates // 3)
    gone = sorted(chance.sample(range(delegates), lost_count))
    remaining = [number for number in range(delegates) if number not in gone]
    world.crash(*gone)
    world.run(chance.randint(0, 5_000))
    world.drops = lambda _source, _target, _message: False
    recover(world, remaining, gone)
    before = world.final_height()
    go_on(world, 12, at=remaining[0])
    assert min(heights(world, remaining)) >= before + 6
    world.check()


def test_a_node_whose_final_blocks_or_lock_contradict_the_document_is_told_before_it_is_installed() -> None:
    world = lost(4, [2, 3])
    recover(world, [0, 1], [2, 3])
    go_on(world, 6)
    disk = world.nodes[0].disk
    recovery, final = world.nodes[0].recoveries[0], world.nodes[0].running.core.tree.root.subject
    validate_chain(recovery, final, disk)
    validate_chain(recovery, recovery.base, disk)
    elsewhere = recovery._replace(base=recovery.base._replace(block=BlockId(bytes(32))))
    with pytest.raises(UnfitRecoveryError, match="another block than the base is final"):
        validate_chain(elsewhere, final, disk)
    too_late = recovery._replace(from_slot=Slot(final.slot + 1))
    with pytest.raises(UnfitRecoveryError, match="is final above the base"):
        validate_chain(too_late, final, disk)

    state, key = disk.sign, world.nodes[0].signer.public_key
    assert state is not None
    validate_lock(recovery, key, state)
    between = state._replace(lock=state.lock._replace(slot=Slot(recovery.base.slot + 1)))
    with pytest.raises(UnfitRecoveryError, match="is locked on a block of slot"):
        validate_lock(recovery, key, between)
    validate_lock(recovery, world.nodes[2].signer.public_key, between)
    validate_lock(recovery, key, None)
