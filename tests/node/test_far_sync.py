"""From far behind: proofs first, then bodies from everybody; whoever lies, stalls or goes away costs time and nothing else."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.node import effects as e
from p2pchain.node.events import Peer, PeerLeft, StatusReceived
from p2pchain.node.far_sync import FAR_BLOCKS, OFF_MS, STALLED_MS
from p2pchain.node.header_chain import LINKS_MAX
from p2pchain.node.held_bodies import HeldBodies
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.messages import ANSWER_BYTES_MAX, Blocks, GetBlocks, GetBodies, GetProofs, Message, Proofs, Tips
from tests.fakes.long_chain import SLOT_MS, LongChain, make_chain
from tests.fakes.proofs import check_proofs
from tests.fakes.world import SimNode, World

HEIGHT = 150


class Fresh(SimNode):
    """Ends a connection as the real network does, and counts what it asks for."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.asked: Counter[tuple[type[Message], int]] = Counter()
        self.refused: dict[int, Reason] = {}

    def receive(self, source: int, frame: bytes, life: int) -> None:
        try:
            super().receive(source, frame, life)
        except ConnectionRefused as refused:
            self.cut_off(source, refused.reason)
        except Invalid:
            self.cut_off(source, Reason.INVALID_DATA)

    def cut_off(self, source: int, reason: Reason) -> None:
        self.refused[source] = reason
        self.world.cut |= {(source, self.number), (self.number, source)}
        self.handle(PeerLeft(Peer(source)))

    def send(self, out: e.Outgoing) -> None:
        if isinstance(out, e.Send):
            self.asked[type(out.message), out.peer] += 1
        super().send(out)

    def sum_of(self, kind: type[Message]) -> int:
        return sum(count for (asked, _), count in self.asked.items() if asked is kind)


class Bad(SimNode):
    """A peer that answers its own way: None is silence."""

    def proofs(self, items: list[bytes]) -> list[bytes] | None:
        return items

    def bodies(self, items: list[bytes]) -> list[bytes] | None:
        return items

    def send(self, out: e.Outgoing) -> None:
        if isinstance(out, e.SendProofs):
            headers = self.disk.final_headers(out.from_height, out.limit, ANSWER_BYTES_MAX)
            items = self.proofs([part for header in headers for part in header])
            if items is not None:
                self.world.transmit(self.number, out.peer, Proofs(out.request, items))
        elif isinstance(out, e.SendFinalBlocks):
            items = self.bodies([part for block in self.final_range(out) for part in (block.raw, b"")])
            if items is not None:
                self.world.transmit(self.number, out.peer, Blocks(out.request, items))
        else:
            super().send(out)


class Silent(Bad):
    def proofs(self, items: list[bytes]) -> None:
        return None

    def bodies(self, items: list[bytes]) -> None:
        return None


class ProvesOnly(Bad):
    def bodies(self, items: list[bytes]) -> None:
        return None


class Empty(Bad):
    def proofs(self, items: list[bytes]) -> list[bytes]:
        return []

    def bodies(self, items: list[bytes]) -> list[bytes]:
        return []


class GivesOthers(Bad):
    """True blocks, and others than were asked for."""

    def bodies(self, items: list[bytes]) -> list[bytes]:
        return items[2:] + items[:2]


class GivesOldOnes(Bad):
    """Claims all and has the beginning."""

    def bodies(self, items: list[bytes]) -> list[bytes]:
        return [part for block in self.disk.final[:8] for part in (block.raw, b"")]


class Unproven(Bad):
    """Headers, and no certificates."""

    def proofs(self, items: list[bytes]) -> list[bytes]:
        return [item if place % 2 == 0 else b"" for place, item in enumerate(items)]


class Forger(Bad):
    """The right names under a certificate, and signatures that are not theirs."""

    def proofs(self, items: list[bytes]) -> list[bytes]:
        return [item if place % 2 == 0 else item[:-1] + bytes((item[-1] ^ 1,)) for place, item in enumerate(items)]


class Unchained(Bad):
    """Leaves a header out."""

    def proofs(self, items: list[bytes]) -> list[bytes]:
        return items[:20] + items[22:]


class Bragging(Bad):
    """Claims as much as can be, and serves what it has."""

    def start(self) -> None:
        super().start()
        slot = self.world.spec.slot_at(self.world.now_ms)
        far = Subject(Slot(slot), Height(slot), BlockId(bytes(32)))
        self.running.core.tips = lambda: Tips(far, far)  # type: ignore[method-assign]


LIARS = [Silent, ProvesOnly, Empty, GivesOthers, GivesOldOnes, Unproven, Forger, Unchained, Bragging]


def chain(height: int = HEIGHT, *changes_at: int) -> LongChain:
    return make_chain(height, changes_at)


def world_of(made: LongChain, *peers: type[SimNode], seed: int = 0) -> tuple[World, Fresh]:
    """These have the whole chain; the last node is new."""
    world = made.world(*[None for _ in peers], 0, seed=seed)
    for number, kind in enumerate(peers):
        world.nodes[number] = kind(world, number, world.nodes[number].disk, is_delegate=False)
    fresh = Fresh(world, len(peers), world.nodes[-1].disk, is_delegate=False)
    world.nodes[-1] = fresh
    return world, fresh


def final_of(node: SimNode) -> int:
    return len(node.disk.final)


def test_a_new_node_asks_for_proofs_first_and_for_bodies_of_everybody() -> None:
    world, fresh = world_of(chain(), SimNode, SimNode, SimNode)
    world.start()
    world.run(3_000)
    assert final_of(fresh) == HEIGHT
    assert fresh.sum_of(GetProofs) == 1
    assert all(fresh.asked[GetBodies, peer] >= 1 for peer in range(3)), fresh.asked
    assert fresh.sum_of(GetBlocks) == 0
    world.check()
    check_proofs(world)


def test_who_is_a_few_blocks_behind_is_told_in_one_answer() -> None:
    made = chain()
    world = made.world(None, HEIGHT - FAR_BLOCKS, node=Fresh)
    world.start()
    world.run(2_000)
    fresh = world.nodes[1]
    assert isinstance(fresh, Fresh)
    assert final_of(fresh) == HEIGHT
    assert fresh.sum_of(GetProofs) == 0
    assert fresh.sum_of(GetBlocks) == 1


@pytest.mark.parametrize("kind", LIARS)
def test_one_honest_peer_among_liars_is_enough(kind: type[Bad]) -> None:
    for honest in (0, 3):
        kinds: list[type[SimNode]] = [kind, kind, kind]
        kinds.insert(honest, SimNode)
        world, fresh = world_of(chain(), *kinds, seed=honest)
        world.start()
        world.run(40_000)
        assert final_of(fresh) == HEIGHT, f"honest peer {honest}"
        assert honest not in fresh.refused
        assert not any(out.peer == honest for out in fresh.disconnects)
        world.check()


@pytest.mark.parametrize("honest", [0, 3])
def test_ranges_that_nothing_proves_to_their_end_are_begun_again_with_others(honest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ranges alone: all blocks that are claimed to be final come, from liars, and there is nothing left to ask for."""
    monkeypatch.setattr("p2pchain.node.far_sync.FAR_BLOCKS", 10**6)
    kinds: list[type[SimNode]] = [Unproven, Unproven, Unproven]
    kinds.insert(honest, SimNode)
    world, fresh = world_of(chain(60), *kinds)
    world.start()
    world.run(20_000)
    assert final_of(fresh) == 60
    assert not fresh.disconnects


@pytest.mark.parametrize(("kind", "provable"), [(Forger, True), (Unchained, True), (Silent, False), (Empty, False), (GivesOldOnes, False)])
def test_only_a_provable_lie_ends_the_connection(kind: type[Bad], *, provable: bool) -> None:
    world, fresh = world_of(chain(), kind, SimNode)
    world.start()
    world.run(40_000)
    assert final_of(fresh) == HEIGHT
    assert set(fresh.refused) <= {0}
    if not provable:
        assert not fresh.refused
        assert not fresh.disconnects


def test_a_forged_certificate_is_refused() -> None:
    world, fresh = world_of(chain(), Forger)
    world.start()
    world.run(2_000)
    assert fresh.refused == {0: Reason.INVALID_DATA}
    assert final_of(fresh) == 0


@pytest.mark.parametrize("kind", [Silent, ProvesOnly, Empty, GivesOthers, GivesOldOnes])
def test_whom_an_honest_peer_waits_for_costs_little_time(kind: type[Bad]) -> None:
    """It is doubted for its first answer, and asked again only where nobody else could be."""
    world, fresh = world_of(chain(), kind, SimNode, SimNode)
    world.start()
    world.run(4_000)
    assert final_of(fresh) == HEIGHT


def test_half_of_all_messages_lost() -> None:
    world, fresh = world_of(chain(), SimNode, SimNode, SimNode, seed=5)
    world.start()
    world.loss = 0.5
    world.run(90_000)
    assert final_of(fresh) == HEIGHT
    assert not fresh.disconnects
    assert not fresh.refused


def test_peers_that_vanish_in_the_middle() -> None:
    world, fresh = world_of(chain(), SimNode, SimNode, SimNode)
    world.start()
    while not 20 < final_of(fresh) < HEIGHT - 40:
        world.run(1)
    world.crash(0, 1)
    world.run(10_000)
    assert final_of(fresh) == HEIGHT


def test_all_peers_vanish_and_another_comes_later() -> None:
    world, fresh = world_of(chain(), SimNode, SimNode)
    world.start(0, 2)
    while final_of(fresh) < 20:
        world.run(1)
    world.crash(0)
    world.run(20_000)
    assert final_of(fresh) < HEIGHT
    world.start(1)
    world.run(5_000)
    assert final_of(fresh) == HEIGHT


def test_a_peer_that_stalls_after_its_first_answers() -> None:
    world, fresh = world_of(chain(), SimNode, SimNode)
    served = Counter[int]()

    def drops(source: int, target: int, message: Message) -> bool:
        served[source] += isinstance(message, Blocks)
        return source == 0 and served[0] > 2

    world.drops = drops
    world.start()
    world.run(8_000)
    assert final_of(fresh) == HEIGHT


def test_peers_with_the_beginning_alone_are_asked_for_that_alone() -> None:
    made = chain()
    world = made.world(60, None, 0, node=Fresh)
    world.start()
    world.run(4_000)
    fresh = world.nodes[2]
    assert isinstance(fresh, Fresh)
    assert final_of(fresh) == HEIGHT
    assert not any(noted.event == "peer_slow_to_answer" for noted in fresh.noted)


@pytest.mark.parametrize("delay_ms", [3_000, 9_000])
def test_a_link_slower_than_the_deadline_is_waited_for_longer(delay_ms: int) -> None:
    world, fresh = world_of(chain(), SimNode)
    world.delay_ms = (delay_ms, delay_ms)
    world.start()
    world.run(60 * delay_ms)
    assert final_of(fresh) == HEIGHT


@pytest.mark.parametrize("changes_at", [(40,), (30, 33), (30, 60, 90, 120)])
def test_over_every_change_of_the_set(changes_at: tuple[int, ...]) -> None:
    made = chain(HEIGHT, *changes_at)
    assert sum(below != above for below, above in pairwise(made.sets)) == len(changes_at)
    assert made.sets[0].isdisjoint(made.sets[-1]) == (len(changes_at) % 2 == 1)
    world, fresh = world_of(made, SimNode, SimNode)
    world.start()
    world.run(5_000)
    assert final_of(fresh) == HEIGHT
    assert fresh.sum_of(GetBlocks) == 0, "it did not get there by proofs"
    assert not fresh.disconnects
    check_proofs(world)


def test_a_chain_that_the_known_set_has_not_confirmed_is_not_believed() -> None:
    """Its members signed as they should; they are not the set yet, as far as the executed blocks say."""
    made = chain(HEIGHT, 40)
    change = next(place for place in range(1, HEIGHT) if made.sets[place] != made.sets[place - 1])
    world, fresh = world_of(made, SimNode)
    world.drops = lambda _source, _target, message: isinstance(message, Blocks)
    world.start()
    world.run(3_000)
    proven = fresh.running.core.proven
    assert proven.top is not None
    assert proven.top.height == change, "the last block that the first set governs"


class SkipsProofs(Bad):
    """Has no proofs but the last of each set: others reach over it."""

    def proofs(self, items: list[bytes]) -> list[bytes]:
        return [item if place % 2 == 0 or place % 31 == 0 else b"" for place, item in enumerate(items)]


def test_who_has_few_proofs_is_followed_by_those() -> None:
    world, fresh = world_of(chain(), SkipsProofs)
    world.start()
    world.run(40_000)
    assert final_of(fresh) >= HEIGHT - 31
    assert not fresh.refused


def test_where_nothing_is_proven_the_other_way_is_taken_and_comes_to_an_end() -> None:
    class NoProofs(SimNode):
        def send(self, out: e.Outgoing) -> None:
            if isinstance(out, e.SendProofs):
                headers = self.disk.final_headers(out.from_height, out.limit, ANSWER_BYTES_MAX)
                self.world.transmit(self.number, out.peer, Proofs(out.request, [part for header in headers for part in (header.raw, b"")]))
            else:
                super().send(out)

    world, fresh = world_of(chain(), NoProofs)
    world.start()
    world.run(5_000)
    assert final_of(fresh) == HEIGHT
    assert fresh.sum_of(GetBlocks) > 0
    assert not fresh.disconnects


def test_a_peer_that_claims_more_than_there_is_ends_up_doubted_and_stops_nothing() -> None:
    world, fresh = world_of(chain(), SimNode)
    world.start()
    world.run(3_000)
    slot = world.spec.slot_at(world.now_ms) + 60
    world.now_ms += 60 * SLOT_MS
    claim = Subject(Slot(slot), Height(HEIGHT + 50), BlockId(bytes(32)))
    fresh.handle(StatusReceived(Peer(0), Tips(claim, claim)))
    assert fresh.running.sync.is_behind
    world.run(3 * SLOT_MS)
    assert not fresh.running.sync.is_behind
    world.run(2 * OFF_MS)
    assert len(fresh.running.far.questions) <= 2


def test_what_is_kept_for_later_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first block that everybody waits for never comes: once enough lies here, nothing else is asked for."""
    made = make_chain(HEIGHT, (), 10)
    size = sum(len(step.stored.block.raw) for step in made.steps)
    monkeypatch.setattr("p2pchain.node.far_sync.ANSWER_BYTES_MAX", size // 20)
    monkeypatch.setattr("p2pchain.node.far_sync.FIT_BYTES", size // 20)
    monkeypatch.setattr("p2pchain.node.far_sync.HELD_BYTES_MAX", size // 4)
    world, fresh = world_of(made, SimNode, SimNode, SimNode)
    first = made.steps[0].stored.block.raw
    world.drops = lambda _source, _target, message: isinstance(message, Blocks) and first in message.items
    world.start()
    most = 0
    for _ in range(100):
        world.run(50)
        far = fresh.running.far
        most = max(most, far.held.bytes)
        assert len(fresh.running.core.asked_bodies) <= 6
        assert len(fresh.running.core.proven) <= LINKS_MAX
    assert size // 8 < most <= size // 4 + 6 * size // 20


def test_bodies_that_wait_are_counted_and_dropped_once_they_are_settled() -> None:
    blocks = [step.stored.block for step in chain().steps[:3]]
    held = HeldBodies()
    for block in (*blocks[::-1], blocks[0]):
        held.put(Peer(1), block)
    assert held.bytes == sum(len(block.raw) for block in blocks)
    assert (held.next_above(0), held.next_above(1), held.next_above(3)) == (1, 2, None)
    held.drop_until(1)
    assert 1 not in held
    taken = held.take(2)
    assert taken is not None
    assert taken.block is blocks[1]
    assert held.take(2) is None
    held.drop_until(3)
    assert (len(held), held.bytes) == (0, 0)


def test_where_a_block_fills_an_answer_a_peer_has_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its outbox has room for one such block and a proof, and it would end the link for the second."""
    monkeypatch.setattr("p2pchain.node.far_sync.FIT_BYTES", 1)
    world, fresh = world_of(chain(60), SimNode, SimNode)
    world.start()
    most = 0
    while final_of(fresh) < 60 - FAR_BLOCKS:
        world.run(1)
        most = max(most, len(fresh.running.far.questions))
    assert most == 2


def test_proofs_of_blocks_that_nobody_gives_are_let_go() -> None:
    world, fresh = world_of(chain(), ProvesOnly)
    world.start()
    world.run(STALLED_MS)
    assert len(fresh.running.core.proven) == HEIGHT
    world.run(2 * SLOT_MS)
    assert len(fresh.running.core.proven) == 0
    assert any(noted.event == "sync_far_given_up" for noted in fresh.noted)
    assert fresh.sum_of(GetBlocks) > 0, "the other way was not tried"


def test_a_lie_about_a_body_costs_no_signature_check() -> None:
    world, fresh = world_of(chain(), ProvesOnly)
    world.start()
    world.run(200)
    request, wanted = next(iter(fresh.running.core.asked_bodies.items()))
    blocks = world.nodes[0].disk.final
    answer = Blocks(request, [part for block in blocks[wanted.stop : wanted.stop + 4] for part in (block.raw, b"")])
    peer = next(question.peer for question in fresh.running.far.questions._asked.values())
    opened = fresh.intake.open(peer, answer)
    assert opened is not None
    assert not opened.checks
