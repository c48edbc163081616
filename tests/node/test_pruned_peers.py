"""Peers that have pruned: asked for what they have, for proofs always, and neither doubted nor banned for the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.node import effects as e
from p2pchain.node.condition import describe_condition
from p2pchain.node.events import BlocksKept, Peer, StatusReceived
from p2pchain.node.lacking import REMIND_MS
from p2pchain.node.progress import Lack
from p2pchain.wire.messages import GetBlocks, GetBodies, GetProofs, Status, Tips
from tests.fakes.long_chain import LongChain, make_chain
from tests.fakes.world import SimNode, World

HEIGHT = 150


class Asking(SimNode):
    """Remembers what it asked of whom."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.asked: list[tuple[int, type[object], int]] = []

    def send(self, out: e.Outgoing) -> None:
        if isinstance(out, e.Send) and isinstance(out.message, GetBlocks | GetBodies | GetProofs):
            self.asked.append((out.peer, type(out.message), out.message.from_height))
        super().send(out)

    def bodies_asked(self, peer: int) -> list[int]:
        return [height for asked, kind, height in self.asked if asked == peer and kind is not GetProofs]


@pytest.fixture(scope="module")
def chain() -> LongChain:
    return make_chain(HEIGHT)


def world_of(chain: LongChain, *pruned: int, at: int = 0) -> tuple[World, Asking]:
    """Peers with the whole chain, pruned up to these heights; the last node has it up to `at`."""
    world = chain.world(*[None for _ in pruned], at, node=Asking)
    for node, height in zip(world.nodes, pruned, strict=False):
        node.disk.pruned = height
    fresh = world.nodes[-1]
    assert isinstance(fresh, Asking)
    return world, fresh


def noted(node: SimNode, event: str) -> Iterator[dict[str, object]]:
    return (dict(each.fields) for each in node.noted if each.event == event)


def test_a_new_node_takes_old_blocks_from_whom_has_them_and_new_ones_from_all(chain: LongChain) -> None:
    world, fresh = world_of(chain, 0, 100, 100)
    world.start()
    world.run(10_000)
    assert len(fresh.disk.final) == HEIGHT
    assert all(height > 100 for peer in (1, 2) for height in fresh.bodies_asked(peer))
    assert fresh.bodies_asked(0)
    assert not list(noted(fresh, "peer_slow_to_answer"))
    assert not any(fresh.running.sync.is_doubted(Peer(peer)) for peer in range(3))
    assert not any(node.disconnects for node in world.nodes)
    world.check()


def test_who_is_behind_by_less_than_peers_keep_never_notices(chain: LongChain) -> None:
    for behind in (4, 30):
        world, fresh = world_of(chain, HEIGHT - 40, HEIGHT - 40, at=HEIGHT - behind)
        world.start()
        world.run(5_000)
        assert len(fresh.disk.final) == HEIGHT
        assert fresh.running.lacking.now() is None


def test_proofs_are_asked_of_pruned_peers_too(chain: LongChain) -> None:
    world, fresh = world_of(chain, 100, 0)
    world.drops = lambda source, _, __: source == 1  # whoever has all of it is slow at first
    world.start()
    world.run(2_000)
    assert (0, GetProofs, 1) in fresh.asked
    world.drops = lambda *_: False
    world.run(40_000)
    assert len(fresh.disk.final) == HEIGHT


def test_a_node_whose_peers_have_all_pruned_says_so_and_asks_for_nothing(chain: LongChain) -> None:
    world, fresh = world_of(chain, 60, 100, at=20)
    world.start()
    world.run(20_000)
    assert len(fresh.disk.final) == 20
    assert not fresh.asked
    lack = fresh.running.lacking.now()
    assert lack == Lack(needed=21, offered=61)
    words = describe_condition(fresh.running, fresh.running.core.slot)
    assert "no peer gives block 21, the lowest that one has is 61" in words
    assert list(noted(fresh, "blocks_pruned_by_all_peers")) == [{"needed": 21, "offered": 61}]
    assert not list(noted(fresh, "sync_far_given_up"))
    world.run(REMIND_MS)
    assert len(list(noted(fresh, "blocks_pruned_by_all_peers"))) == 2
    assert not any(node.disconnects for node in world.nodes)


def test_it_goes_on_by_itself_once_a_peer_has_the_blocks(chain: LongChain) -> None:
    world, fresh = world_of(chain, 60, 0, at=20)
    world.start(0, 2)
    world.run(10_000)
    assert fresh.running.lacking.now() is not None
    world.start(1)
    world.run(10_000)
    assert len(fresh.disk.final) == HEIGHT
    assert fresh.running.lacking.now() is None


def test_a_claim_that_cannot_be_asked_for_keeps_nobody_from_anything(chain: LongChain) -> None:
    """Else a liar who says that it has pruned could claim what it likes, and would never be found out."""
    world, fresh = world_of(chain, 0, 0, 0, at=HEIGHT)
    world.start()
    world.run(2_000)
    core = fresh.running.core
    slot = core.slot + 1
    claim = Subject(Slot(slot), Height(slot), BlockId(bytes(32)))
    assert claim.height > HEIGHT + 1
    fresh.handle(StatusReceived(Peer(0), Tips(claim, claim)))
    assert fresh.running.sync.is_behind, "a claim of blocks that it has is believed until they do not come"
    fresh.handle(StatusReceived(Peer(0), Tips(claim, claim, Height(HEIGHT + 2))))
    assert not fresh.running.sync.is_behind
    assert fresh.running.lacking.now() is None, "one of three who says that it is ahead is nobody to worry about"


def test_peers_are_told_when_blocks_go(chain: LongChain) -> None:
    world, fresh = world_of(chain, 0, at=HEIGHT)
    world.start()
    world.nodes[0].handle(BlocksKept(Height(40)))
    world.run(1_500)
    assert fresh.running.core.peers[Peer(0)].blocks_from == 40


def test_nobody_lacks_what_is_not_there_yet() -> None:
    tip = Subject(Slot(9), Height(7), BlockId(bytes(32)))
    assert Status.decode(Status(Tips(tip, tip, Height(8))).encode()).tips.blocks_from == 8
    for blocks_from in (0, 9, 2**63):
        with pytest.raises(Invalid):
            Status.decode(Status(Tips(tip, tip, Height(blocks_from))).encode())


def test_close_by_too_nobody_is_asked_for_what_it_lacks(chain: LongChain) -> None:
    world, fresh = world_of(chain, HEIGHT - 1, HEIGHT - 1, HEIGHT - 1, 0, at=HEIGHT - 5)
    world.start()
    world.run(5_000)
    assert len(fresh.disk.final) == HEIGHT
    assert not any(fresh.bodies_asked(peer) for peer in range(3))
    assert fresh.bodies_asked(3) == [HEIGHT - 4]
