"""Every slot that should have had a block and has none is told with its delegate and, where it can be known, its reason."""

from __future__ import annotations

from typing import Any

import pytest

from p2pchain.chain import transition
from p2pchain.chain.actions.delegate import ComeBack
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.reveal import Draw
from p2pchain.chain.state import DELEGATES
from p2pchain.chain.transition import Draft, Executed, Parent
from p2pchain.chain.types import Hash
from p2pchain.node import events, producer
from p2pchain.node.condition import describe_condition
from p2pchain.node.effects import MissReason, SlotMissed
from p2pchain.node.misses import MISSES_MAX
from p2pchain.wire.messages import Message
from tests.fakes.world import World, make_genesis, signer

SLOT_MS = 500


def network(**params: int) -> World:
    world = World(make_genesis(**params), 4)
    world.start()
    busy(world, 8)
    return world


def busy(world: World, slots: int) -> None:
    for _ in range(slots):
        world.nodes[0].submit(world.nodes[0].transfer(1, 2, 1))
        world.run(SLOT_MS)


def account(number: int) -> bytes:
    return signer(2000 + number).public_key


def told(world: World, of: int, by: int = 0) -> list[SlotMissed]:
    return [missed for missed in world.nodes[by].running.misses.latest if missed.delegate == account(of)]


def test_where_nobody_misses_nothing_is_told() -> None:
    world = network()
    busy(world, 20)
    world.run(70 * SLOT_MS)
    assert all(not node.running.misses.latest for node in world.nodes)


def test_who_hears_late_accuses_nobody() -> None:
    """A transaction waits here at the beginning of a slot, and the block of the slot before that has it is still on its way."""
    world = network()
    transmit = world.transmit

    def far(source: int, target: int, message: Message) -> None:
        if target == 0:
            world.at(world.now_ms + 450, lambda: transmit(source, target, message))
        else:
            transmit(source, target, message)

    world.transmit = far  # type: ignore[method-assign]
    world.run(100)
    for _ in range(12):
        world.nodes[0].submit(world.nodes[0].transfer(1, 2, 1))
        world.run(4 * SLOT_MS)
    assert world.final_height() > 12
    assert not [missed for missed in world.nodes[0].running.misses.latest if missed.delegate != account(0)]


def test_an_idle_chain_has_misses_in_heartbeats_alone() -> None:
    world = network(heartbeat_slots=10)
    world.crash(3)
    world.run(100 * SLOT_MS)
    slots = [missed.slot for missed in world.nodes[0].running.misses.latest]
    assert slots
    head = world.nodes[0].running.core.head.slot
    assert all(slot % 10 == 0 or slot > 10 for slot in slots)
    assert {missed.delegate for missed in world.nodes[0].running.misses.latest} == {account(3)}
    assert head > 90


def test_who_is_gone_is_silent() -> None:
    world = network()
    world.crash(3)
    busy(world, 20)
    reasons = {missed.reason for missed in told(world, 3)}
    assert len(told(world, 3)) >= 4
    assert reasons == {MissReason.SILENT}
    assert told(world, 3) == told(world, 3, by=1) == told(world, 3, by=2)
    assert not told(world, 1)


def test_who_pauses_is_empty_to_others_and_paused_to_itself() -> None:
    world = network()
    world.nodes[3].handle(events.ProductionPaused())
    busy(world, 20)
    assert {missed.reason for missed in told(world, 3)} == {MissReason.EMPTY}
    assert {missed.reason for missed in told(world, 3, by=3)} == {MissReason.PAUSED}


def test_whose_record_is_lost_knows_it() -> None:
    world = network()
    world.crash(3)
    world.nodes[3].disk.sign = None
    world.start(3)
    world.nodes[3].running.core.sign = None
    world.nodes[3].running.consensus._started_slot = 10**9
    busy(world, 20)
    assert {missed.reason for missed in told(world, 3, by=3)} == {MissReason.RECORD_LOST}


def test_who_is_alone_knows_nothing_of_the_others_and_blames_its_links() -> None:
    world = World(make_genesis(heartbeat_slots=1), 4)
    world.start(0)
    world.run(30 * SLOT_MS)
    latest = world.nodes[0].running.misses.latest
    assert {missed.delegate for missed in latest} <= {account(0)}
    reasons = [missed.reason for missed in latest]
    assert reasons.count(MissReason.CATCHING_UP) <= 1, "in its first slot it waits for others"
    assert set(reasons) <= {MissReason.CATCHING_UP, MissReason.NOT_CONNECTED}


def test_a_late_block_is_late() -> None:
    world = network()
    world.cut = {(3, other) for other in range(3)}
    slow: list[tuple[int, int]] = []
    transmit = world.transmit

    def delayed(source: int, target: int, message: Message) -> None:
        if source == 3:
            slow.append((source, target))
            world.at(world.now_ms + 2 * SLOT_MS + 200, lambda: transmit(source, target, message))
        else:
            transmit(source, target, message)

    world.cut = set()
    world.transmit = delayed  # type: ignore[method-assign]
    busy(world, 24)
    assert slow
    assert MissReason.LATE in {missed.reason for missed in told(world, 3)}
    assert {missed.reason for missed in told(world, 3)} <= {MissReason.LATE, MissReason.SILENT, MissReason.EMPTY}
    assert not any(node.disconnects for node in world.nodes)


def test_a_refused_block_is_told_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    world = network()

    def unchecked(parent: Parent, draft: Draft, *rest: Any, **words: Any) -> Executed:
        with monkeypatch.context() as lenient:
            lenient.setattr(transition, "validate_reveal", lambda *_: None)
            return transition.execute(parent, draft, *rest, **words)

    monkeypatch.setattr(producer, "execute", unchecked)
    world.nodes[3].running.core.reveals = Forger()  # type: ignore[assignment]
    busy(world, 12)
    refused = [missed for missed in told(world, 3) if missed.reason is MissReason.REFUSED]
    assert refused
    assert {missed.code for missed in refused} == {"wrong_reveal"}


class Forger:
    """Reveals what it likes."""

    def draw(self, _due: object, _slot: int) -> Draw:
        return Draw(Hash(b"\x66" * 32), Hash(bytes(32)))


def test_what_is_kept_is_bounded() -> None:
    world = network()
    misses = world.nodes[0].running.misses
    for slot in range(MISSES_MAX + 5):
        misses.latest.append(SlotMissed(slot, b"", MissReason.SILENT, ""))
    assert len(misses.latest) == MISSES_MAX


# --- demotion


def test_a_demoted_delegate_says_so_and_comes_back() -> None:
    world = World(make_genesis(4, registered=5, heartbeat_slots=1, misses_max=3), 5)
    world.start()
    busy(world, 8)
    world.nodes[0].act(0, Transfer(account(4), 10**6))
    busy(world, 2)
    world.crash(4)
    busy(world, 24)
    row = DELEGATES.load(world.nodes[0].disk, account(4))
    assert row is not None
    assert row.demoted
    assert signer(1004).public_key not in world.nodes[0].running.core.head.schedule.keys
    assert signer(1000).public_key in world.nodes[0].running.core.head.schedule.keys, "the standby has the seat"
    world.start(4)
    busy(world, 6)
    node = world.nodes[4].running
    text = describe_condition(node, node.core.slot)
    assert "this delegate is demoted" in text
    assert "p2pchain delegate come-back --from KEY" in text
    world.nodes[0].act_as(signer(2004), ComeBack())
    busy(world, 10)
    assert signer(1004).public_key in world.nodes[0].running.core.head.schedule.keys
    assert "demoted" not in describe_condition(node, node.core.slot)
    world.check()


def lonely() -> World:
    """Every slot is a heartbeat, three misses demote, and the two standbys of six registered never ran."""
    world = World(make_genesis(4, registered=6, heartbeat_slots=1, misses_max=3), 6)
    world.start(2, 3, 4, 5)
    for _ in range(8):
        world.run(SLOT_MS)
    return world


def assert_nobody_lost_a_seat(world: World) -> None:
    """Or the seats had gone to who never ran, and no quorum of the new set would ever come together."""
    before = world.final_height()
    world.run(10 * SLOT_MS)
    assert world.final_height() > before, "no finality within ten slots (L2)"
    world.run(20 * SLOT_MS)
    head = world.nodes[5].running.core
    assert head.head.schedule.keys == {signer(1000 + number).public_key for number in (2, 3, 4, 5)}
    rows = [DELEGATES.load(head.head_view(), account(number)) for number in range(6)]
    assert not any(row is None or row.demoted for row in rows)
    world.check()


def test_halves_that_were_cut_apart_demote_nobody() -> None:
    world = lonely()
    world.cut = {pair for a in (2, 3) for b in (4, 5) for pair in ((a, b), (b, a))}
    world.run(80 * SLOT_MS)
    world.cut = set()
    assert_nobody_lost_a_seat(world)


def test_an_outage_of_most_demotes_nobody() -> None:
    world = lonely()
    world.crash(2, 3, 4)
    world.run(80 * SLOT_MS)
    world.start(2, 3, 4)
    assert_nobody_lost_a_seat(world)
