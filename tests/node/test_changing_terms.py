"""Every parameter changed under a running network of real engines: it goes on, and all nodes agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.changing import Change, load_proposals, load_scheduled
from p2pchain.chain.errors import Code
from p2pchain.chain.genesis import Genesis, GenesisAccount
from p2pchain.chain.params import Params, parameter_names
from p2pchain.chain.state import DELEGATES
from p2pchain.chain.terms import load_terms
from p2pchain.chain.types import TransactionId
from p2pchain.chain.votes import Kind
from p2pchain.node.condition import describe_condition
from p2pchain.wire.messages import BallotMessage, Message
from tests.fakes.world import SimNode, World, make_genesis, signer

SLOT_MS = 500
NUMBER = {name: number for number, name in enumerate(parameter_names(), 1)}
BOUNDS = {name: (low, high) for name, _, low, high in Params().bounds()}
NOTICE = 2


def genesis(delegates: int = 4, registered: int | None = None, **params: int) -> Genesis:
    made = make_genesis(delegates, registered=registered, **{"notice_blocks": NOTICE, **params})
    rich = tuple(GenesisAccount(signer(2000 + number).public_key, 10**15) for number in range(registered or delegates))
    return replace(made, accounts=(*made.accounts, *rich))


def change(height: int, version: int = 1, **values: int) -> Change:
    return Change(height, version, tuple(sorted((NUMBER[name], value) for name, value in values.items())))


def vote(world: World, wanted: Change, voters: Sequence[int] = (0, 1, 2, 3), *, through: int = 0) -> None:
    for number in voters:
        (result,) = world.nodes[through].act_as(signer(2000 + number), VoteChange(*wanted))
        assert result.code is None, result


def go_on(world: World, slots: int, *, through: int = 0) -> None:
    """One transfer a slot."""
    for _ in range(slots):
        node = world.nodes[through]
        node.submit(node.transfer(1, 2, 1))
        world.run(SLOT_MS)


def network(made: Genesis, nodes: int = 4, *, observers: int = 0) -> World:
    world = World(made, nodes, observers=observers)
    world.start(*range(nodes))
    go_on(world, 3)
    return world


def agree(world: World, values: dict[str, int], voters: Sequence[int] = (0, 1, 2, 3)) -> int:
    """Vote for a change and run until it is in force; its height."""
    height = world.nodes[0].running.core.head.height + NOTICE + 2
    vote(world, change(height, **values), voters)
    go_on(world, NOTICE + 3)
    assert world.final_height() >= height, "the network went on over the change"
    return height


def params(node: SimNode) -> Params:
    return load_terms(node.disk).params


def assert_alive(world: World, *, slots: int = 12) -> None:
    before = world.final_height()
    go_on(world, slots)
    assert world.final_height() >= before + slots - 3
    world.check()
    assert all(node.contradictions == 0 and not node.disconnects for node in world.nodes)


CASES = [(name, value) for name, bounds in list(BOUNDS.items())[1:] for value in bounds if not name.startswith("fee")]
COMPANIONS = {("candidates_max", 1): {"delegates": 1}}


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_network_lives_on_with_every_parameter_at_its_bounds(name: str, value: int) -> None:
    world = network(genesis(block_bytes_max=1 << 20), observers=1)
    values = {name: value, **COMPANIONS.get((name, value), {})}
    agree(world, values)
    assert all(getattr(params(node), name) == value for node in world.nodes[:4])
    assert_alive(world)
    world.start(4)
    world.run(3_000)
    assert len(world.nodes[4].disk.final) == world.final_height(), "a newcomer follows from the genesis through the change"
    world.check()


def crowd(world: World, *actions: Action) -> list[TransactionId]:
    """More than a few blocks of one transaction each can hold, from all accounts."""
    items = []
    for sender in range(4):
        for _ in range(6):
            (result,) = world.nodes[0].act(sender, *actions)
            assert result.id is not None
            items.append(result.id)
    return items


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"fee_per_byte": 50}, Code.FEE_TOO_LOW),
        ({"fee_per_work": 50}, Code.FEE_TOO_LOW),
        ({"transaction_bytes_max": 1_024}, Code.OVERSIZED),
        ({"transaction_actions_max": 1}, Code.OVERSIZED),
        ({"validity_slots_max": 3}, Code.VALIDITY_TOO_LONG),
    ],
    ids=lambda item: next(iter(item)) if isinstance(item, dict) else "",
)
def test_what_new_terms_do_not_allow_leaves_the_pool_with_its_reason(values: dict[str, int], code: Code) -> None:
    world = network(genesis(block_transactions_max=1))
    height = world.nodes[0].running.core.head.height + NOTICE + 6
    vote(world, change(height, **values))
    world.run(5 * SLOT_MS)
    crowded = crowd(world, *[Transfer(signer(3002).public_key, 1, bytes(200))] * 5)
    world.run(8 * SLOT_MS)
    assert world.final_height() >= height - 1, "the block whose state holds the new terms is final"
    before = world.final_height()
    world.run(10 * SLOT_MS)
    assert world.final_height() - before <= 1, "nothing waits, so there are only heartbeats"
    for node in world.nodes:
        assert len(node.running.core.pool) == 0
        ended = [node.running.core.pool.ended(item) for item in crowded]
        assert {item.code for item in ended if item is not None} == {code, Code.NONCE_GAP}
    assert_alive(world)


def test_seats_come_and_go_by_vote_with_standbys_in_them() -> None:
    world = network(genesis(4, registered=7), 7)
    agree(world, {"delegates": 7}, (3, 4, 5, 6))
    go_on(world, 5)
    assert len(world.nodes[0].running.core.head.schedule.active) == 7
    assert_alive(world)
    agree(world, {"delegates": 4}, range(7))
    go_on(world, 8)
    assert len(world.nodes[0].running.core.head.schedule.active) == 4
    assert_alive(world)


class LostConfirms:
    """A network that loses every confirm, so that blocks are certified and not final; those on one height come late."""

    def __init__(self, world: World, height: int) -> None:
        self.kept: list[Callable[[], None]] = []
        self._height = height
        self._pass_on = world.transmit
        self.is_losing = True
        world.transmit = self._transmit  # type: ignore[method-assign]

    def _transmit(self, source: int, target: int, message: Message) -> None:
        if self.is_losing and isinstance(message, BallotMessage) and message.ballot.kind is Kind.CONFIRM:
            if message.ballot.subject.height == self._height:
                self.kept.append(partial(self._pass_on, source, target, message))
            return
        self._pass_on(source, target, message)


@pytest.mark.parametrize("restarts", [False, True], ids=["in one life", "over a restart"])
def test_a_lowered_bound_leaves_room_above_the_blocks_that_delegates_are_locked_on(*, restarts: bool) -> None:
    """The block whose state lowers the bound becomes final when the certified branch above it is far longer."""
    world = network(genesis(unfinal_blocks_max=8))
    height = world.nodes[0].running.core.head.height + NOTICE + 3
    vote(world, change(height, unfinal_blocks_max=2))
    go_on(world, 2)
    confirms = LostConfirms(world, height - 1)
    go_on(world, 26)
    assert world.nodes[0].running.core.head.height > height + 16
    for deliver in confirms.kept:
        deliver()
    world.run(100)
    assert all(node.running.core.tree.root.height == height - 1 for node in world.nodes)
    if restarts:
        world.crash(0, 1, 2, 3)
        world.start()
    confirms.is_losing = False
    world.run(10 * SLOT_MS)
    assert_alive(world)
    assert all(node.running.core.tree.unfinal_blocks_max == 2 for node in world.nodes)


def test_a_lowered_bound_is_overcome_by_nodes_that_restart_in_the_midst_of_it() -> None:
    world = network(genesis(unfinal_blocks_max=24))
    height = world.nodes[0].running.core.head.height + NOTICE + 3
    vote(world, change(height, unfinal_blocks_max=2))
    go_on(world, 2)
    world.cut = {(a, b) for a in range(4) for b in range(4) if (a in (0, 1)) != (b in (0, 1))}
    go_on(world, 40)
    world.crash(0, 1, 2, 3)
    world.cut = set()
    world.start()
    world.run(12 * SLOT_MS)
    assert world.final_height() >= height
    assert_alive(world)


def test_a_raised_bound_is_used_in_the_next_time_without_a_quorum() -> None:
    world = network(genesis(unfinal_blocks_max=2))
    agree(world, {"unfinal_blocks_max": 20})
    world.cut = {(a, b) for a in range(4) for b in range(4) if (a in (0, 1)) != (b in (0, 1))}
    go_on(world, 40)
    assert max(node.running.core.head.height - node.running.core.tree.root.height for node in world.nodes) > 8
    world.cut = set()
    world.run(10 * SLOT_MS)
    assert_alive(world)


def test_an_idle_network_keeps_the_new_heartbeat_and_nobody_is_blamed_for_the_old_one() -> None:
    world = network(genesis(heartbeat_slots=4))
    agree(world, {"heartbeat_slots": 10})
    missed = _missed(world)
    before = world.final_height()
    world.run(100 * SLOT_MS)
    assert 9 <= world.final_height() - before <= 11
    assert _missed(world) == missed


def _missed(world: World) -> int:
    rows = [DELEGATES.load(world.longest().disk, signer(2000 + number).public_key) for number in range(4)]
    return sum(row.missed for row in rows if row is not None)


def test_a_vote_on_a_branch_that_falls_away_counts_for_nothing() -> None:
    world = network(genesis())
    wanted = change(60, heartbeat_slots=30)
    vote(world, wanted, (0, 1))
    go_on(world, 2)
    # nodes 0 and 1 grow a branch with the deciding vote, which they alone know
    world.cut = {(a, b) for a in range(4) for b in range(4) if (a in (0, 1)) != (b in (0, 1))}
    vote(world, wanted, (2,))
    go_on(world, 8)
    branch = world.nodes[0].running.core
    assert load_scheduled(branch.head_view()).changes == (wanted,)
    assert not load_scheduled(world.nodes[0].disk).changes
    other = world.nodes[2].running.core
    assert not load_scheduled(other.head_view()).changes
    world.cut = set()
    world.run(10 * SLOT_MS)
    assert_alive(world)
    kept = load_scheduled(world.nodes[3].disk).changes, load_proposals(world.nodes[3].disk).open
    assert all((load_scheduled(node.disk).changes, load_proposals(node.disk).open) == kept for node in world.nodes)


def test_what_applies_is_told_by_the_node_and_a_bad_vote_at_once() -> None:
    world = network(genesis())
    node = world.nodes[0]
    (result,) = node.act_as(signer(2000), VoteChange(50, 1, ((NUMBER["unfinal_blocks_max"], 129),)))
    assert (result.code, result.evidence) == (Code.BAD_PARAMETER, {"parameter": "unfinal_blocks_max", "found": "129", "wanted": "2 to 128"})
    assert "version" not in describe_condition(node.running, node.running.core.slot)
