"""F28: nodes that know the next version of the protocol and nodes that do not, over the height at which it is in force."""

from __future__ import annotations

import random

import pytest

from p2pchain.chain.block import decode_envelope, decode_header
from p2pchain.chain.terms import load_terms
from p2pchain.chain.votes import Kind
from p2pchain.node.condition import describe_condition
from p2pchain.node.effects import ProtocolOutgrown
from p2pchain.wire.messages import BallotMessage, BlockMessage, Blocks, CompactBlock, Message
from tests.fakes.world import SimNode, World
from tests.node.test_changing_terms import NOTICE, SLOT_MS, assert_alive, change, genesis, go_on, vote


def mixed(nodes: int, old: set[int], *, observers: int = 0, seed: int = 0, loss: float = 0.0) -> World:
    """A network of which some nodes know version 1 only; all others know version 2."""
    world = World(genesis(nodes), nodes, observers=observers, seed=seed)
    for node in world.nodes:
        node.supported = 1 if node.number in old else 2
    world.loss = loss
    world.start(*range(nodes))
    go_on(world, 3, through=nodes - 1)
    return world


def agree_on_version(world: World, version: int = 2, *, after: int = NOTICE + 4) -> int:
    last = len([node for node in world.nodes if node.is_delegate]) - 1
    height = world.nodes[last].running.core.head.height + after
    vote(world, change(height, version), range(last + 1), through=last)
    go_on(world, 2, through=last)
    return height


def assert_ended_before(node: SimNode, height: int) -> None:
    assert node.outgrown == ProtocolOutgrown(2, height, 1)
    assert node.engine is None
    assert len(node.disk.final) == height - 1, "it took part up to the last block that it can judge"
    assert load_terms(node.disk).version == 2
    assert not node.disconnects


def test_old_nodes_say_so_from_the_agreement_on_and_end_before_the_height_while_the_new_go_on() -> None:
    world = mixed(4, {0})
    old = world.nodes[0]
    height = agree_on_version(world)
    assert old.running.core.requirement == (2, height)
    condition = describe_condition(old.running, old.running.core.slot)
    assert condition.startswith(f"from height {height} on the network takes protocol version 2 and this node knows versions up to 1")
    assert [note.fields["height"] for note in old.noted if note.event == "protocol_too_old"] == [height]
    assert all(node.running.core.requirement is None for node in world.nodes[1:])
    go_on(world, 12, through=3)
    assert_ended_before(old, height)
    assert world.final_height() >= height + 5, "three of four are a quorum"
    assert all(node.running.core.head.schedule.terms.version == 2 for node in world.nodes[1:])
    assert all(not node.disconnects for node in world.nodes)
    world.check()


def test_an_old_node_produces_and_votes_up_to_the_last_block_that_it_can_judge() -> None:
    """Its vote is needed: one of the new nodes is down until then."""
    world = mixed(4, {0})
    height = agree_on_version(world, after=NOTICE + 12)
    world.crash(2)
    go_on(world, 40, through=3)
    assert_ended_before(world.nodes[0], height)
    assert world.final_height() == height - 1, "two of four cannot go on"
    producers = {header.producer for header in world.nodes[3].headers()[-10:]}
    assert world.nodes[0].signer.public_key in producers
    world.start(2)
    world.run(10 * SLOT_MS)
    go_on(world, 5, through=3)
    assert world.final_height() > height + 3
    world.check()


def test_when_too_many_are_old_all_end_at_one_block_and_go_on_once_they_are_upgraded() -> None:
    world = mixed(4, {0, 1, 2, 3})
    height = agree_on_version(world)
    world.run(12 * SLOT_MS)
    go_on_until_ended(world)
    for node in world.nodes:
        assert_ended_before(node, height)
        node.supported = 2
    world.start()
    world.run(4 * SLOT_MS)
    go_on(world, 10)
    assert world.final_height() >= height + 5
    world.check()


def go_on_until_ended(world: World) -> None:
    for _ in range(20):
        for node in world.up()[-1:]:
            node.submit(node.transfer(1, 2, 1))
        world.run(SLOT_MS)
    assert not world.up()


def test_an_upgraded_node_catches_up_over_the_height() -> None:
    world = mixed(4, {0})
    height = agree_on_version(world)
    go_on(world, 20, through=3)
    assert_ended_before(world.nodes[0], height)
    world.nodes[0].supported = 2
    world.start(0)
    world.run(10 * SLOT_MS)
    go_on(world, 5, through=3)
    assert len(world.nodes[0].disk.final) == world.final_height()
    world.check()


@pytest.mark.parametrize("seed", range(3))
def test_an_old_node_that_comes_late_catches_up_to_the_last_block_that_it_can_judge_and_ends(seed: int) -> None:
    """Also where the proof that this block is final lies in one that it cannot read."""
    world = mixed(4, {4}, observers=1, seed=seed)
    height = agree_on_version(world)
    go_on(world, 20, through=3)
    world.start(4)
    world.run(40_000)
    late = world.nodes[4]
    assert late.outgrown == ProtocolOutgrown(2, height, 1)
    assert late.engine is None
    assert height - 2 <= len(late.disk.final) <= height - 1
    assert all(not node.disconnects for node in world.nodes)
    world.check()


def test_blocks_beyond_are_refused_as_nobodys_fault_and_fetched_from_nobody() -> None:
    world = mixed(4, {0})
    height = agree_on_version(world)
    old = world.nodes[0]
    world.cut = {(source, 0) for source in range(1, 4)}
    go_on(world, 14, through=3)
    world.cut = set()
    world.run(20 * SLOT_MS)
    assert_ended_before(old, height)
    assert all(not node.disconnects for node in world.nodes)


class Unreadable:
    """Old nodes cannot even decode the blocks of the new version."""

    def __init__(self, world: World, height: int, old: set[int]) -> None:
        self._pass_on = world.transmit
        self._height = height
        self.old = old
        world.transmit = self._transmit  # type: ignore[method-assign]

    def _transmit(self, source: int, target: int, message: Message) -> None:
        if target not in self.old:
            pass
        elif isinstance(message, BlockMessage) and self._is_new(message.raw):
            message = BlockMessage(b"\x94" + message.raw)
        elif isinstance(message, CompactBlock) and decode_header(message.header).height >= self._height:
            message = message._replace(header=b"\x94" + message.header)
        elif isinstance(message, Blocks):
            items = [b"\x94" + raw if raw and place % 2 == 0 and self._is_new(raw) else raw for place, raw in enumerate(message.items)]
            message = Blocks(message.request, items)
        self._pass_on(source, target, message)

    def _is_new(self, raw: bytes) -> bool:
        return decode_envelope(raw).header.height >= self._height


def test_blocks_that_an_old_node_cannot_even_read_are_no_lies() -> None:
    """`Intake.open` raises where a peer lies, and nothing here catches that."""
    world = mixed(4, {0, 4}, observers=1)
    height = agree_on_version(world)
    Unreadable(world, height, {0, 4})
    go_on(world, 20, through=3)
    assert_ended_before(world.nodes[0], height)
    world.start(4)
    world.run(40_000)
    late = world.nodes[4]
    assert late.outgrown == ProtocolOutgrown(2, height, 1)
    assert not late.disconnects
    world.check()


class LostConfirms:
    """Every confirm on the blocks of one height is lost, so that the proof of its finality lies in the block above."""

    def __init__(self, world: World, height: int) -> None:
        self._pass_on = world.transmit
        self._height = height
        world.transmit = self._transmit  # type: ignore[method-assign]

    def stop(self, world: World) -> None:
        world.transmit = self._pass_on  # type: ignore[method-assign]

    def _transmit(self, source: int, target: int, message: Message) -> None:
        is_confirm = isinstance(message, BallotMessage) and message.ballot.kind is Kind.CONFIRM
        if not (is_confirm and isinstance(message, BallotMessage) and message.ballot.subject.height == self._height):
            self._pass_on(source, target, message)


def test_a_node_that_never_gets_the_proof_of_its_last_block_ends_once_others_are_beyond() -> None:
    """Until then it fills no slot, votes for nothing and blames nobody, whatever it is sent."""
    world = mixed(4, {0, 4}, observers=1)
    height = agree_on_version(world)
    unreadable = Unreadable(world, height, {0, 4})
    LostConfirms(world, height - 1)
    go_on(world, 20, through=3)
    old = world.nodes[0]
    assert old.running.core.head.height == height - 1
    assert len(old.disk.final) == height - 2
    assert world.final_height() > height + 5
    world.start(4)
    world.run(60_000)
    for node in (old, world.nodes[4]):
        assert node.outgrown == ProtocolOutgrown(2, height, 1)
        assert len(node.disk.final) == height - 2
        assert not node.disconnects
    assert old.disk.sign is not None
    assert old.disk.sign.produced.height < height
    assert old.disk.sign.voted.height < height
    old.supported = 2
    unreadable.old = set()
    world.start(0)
    world.run(5_000)
    assert len(old.disk.final) == world.final_height()
    world.check()


def test_old_leaders_sign_no_block_of_the_new_version_while_they_wait_for_the_proof() -> None:
    world = mixed(4, {0, 1, 2, 3})
    height = agree_on_version(world)
    confirms = LostConfirms(world, height - 1)
    go_on(world, 20, through=3)
    for node in world.nodes:
        assert node.running.core.head.height == height - 1
        assert node.disk.sign is not None
        assert node.disk.sign.produced.height < height
    confirms.stop(world)
    world.crash(0)
    world.start(0)
    world.crash(1)
    world.start(1)
    world.run(5_000)
    for node in world.nodes:
        assert_ended_before(node, height)


def test_a_cancelled_version_lets_old_nodes_live_on() -> None:
    world = mixed(4, {0, 1})
    height = agree_on_version(world, after=NOTICE + 12)
    assert world.nodes[0].running.core.requirement == (2, height)
    vote(world, change(height), through=3)
    go_on(world, 16, through=3)
    assert world.nodes[0].running.core.requirement is None
    assert world.final_height() > height
    assert_alive(world)


@pytest.mark.parametrize("seed", range(12))
def test_mixed_versions_keep_one_chain_whatever_the_network_loses(seed: int) -> None:
    """Old and new nodes, lost messages, crashes around the height: the new go on, the old end at it or before."""
    draw = random.Random(seed)
    nodes = draw.choice((4, 7))
    old = set(draw.sample(range(nodes - 1), draw.randint(1, (nodes - 1) // 3)))
    world = mixed(nodes, old, seed=seed, loss=draw.choice((0.0, 0.02, 0.05)))
    height = agree_on_version(world, after=NOTICE + draw.randint(2, 8))
    victim = draw.choice(sorted(set(range(nodes - 1)) - old))
    world.at(world.now_ms + draw.randint(0, 10) * SLOT_MS, lambda: world.crash(victim))
    world.at(world.now_ms + 14 * SLOT_MS, lambda: world.start(victim))
    go_on(world, 20, through=nodes - 1)
    world.loss = 0.0
    go_on(world, 20, through=nodes - 1)
    world.run(40_000)
    go_on(world, 5, through=nodes - 1)
    assert world.final_height() >= height + 10
    for node in world.nodes:
        assert not node.disconnects
        assert node.contradictions == 0
        if node.number in old:
            assert node.outgrown == ProtocolOutgrown(2, height, 1)
            assert len(node.disk.final) <= height - 1
        else:
            assert len(node.disk.final) >= world.final_height() - 2
    world.check()
