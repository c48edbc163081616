"""F9: a delegate whose disk fills up makes no blocks, still votes, says so, and goes on by itself."""

from __future__ import annotations

from p2pchain.chain.mempool import Limits
from p2pchain.node.condition import describe_condition
from p2pchain.node.effects import MissReason, Noted
from p2pchain.node.events import LimitsChanged, RoomMeasured
from p2pchain.node.room import Room
from tests.fakes.world import World, make_genesis

SLOT_MS = 500
LOW, ROOMY = Room("/data", 49, 50, 10), Room("/data", 500, 50, 10)


def busy(world: World, slots: int) -> None:
    world.run(slots * SLOT_MS)


def network() -> World:
    world = World(make_genesis(heartbeat_slots=1), 4)
    world.start()
    busy(world, 8)
    return world


def produced_by(world: World, number: int, above: int) -> int:
    """Final blocks of this delegate above a height, as node 0 has them."""
    key = world.nodes[number].running.core.key
    return sum(header.producer == key for header in world.nodes[0].headers() if header.height > above)


def test_a_delegate_short_of_room_leaves_its_slots_and_still_votes() -> None:
    world = network()
    world.nodes[3].handle(RoomMeasured(LOW))
    before = world.nodes[0].running.core.tree.root.height
    busy(world, 24)
    running = world.nodes[3].running
    assert produced_by(world, 3, before) == 0
    assert world.nodes[0].running.core.tree.root.height > before + 12
    assert running.core.sign is not None
    assert running.core.sign.voted.slot >= running.core.slot - 2
    assert {missed.reason for missed in running.misses.latest if missed.slot > before + 8} == {MissReason.NO_ROOM}
    assert "short of room" in describe_condition(running, running.core.slot)


def test_new_limits_of_the_mempool_come_as_an_event() -> None:
    world = World(make_genesis(), 4)
    world.start()
    world.nodes[3].handle(LimitsChanged(Limits(7, 8, 9)))
    assert world.nodes[3].running.core.pool.limits == Limits(7, 8, 9)
    assert world.nodes[2].running.core.pool.limits == Limits()


def test_it_produces_again_once_there_is_room() -> None:
    world = network()
    world.nodes[3].handle(RoomMeasured(LOW))
    busy(world, 8)
    world.nodes[3].handle(RoomMeasured(ROOMY))
    before = world.nodes[0].running.core.tree.root.height
    busy(world, 12)
    assert produced_by(world, 3, before) >= 2
    assert "room" not in describe_condition(world.nodes[3].running, world.nodes[3].running.core.slot)


def test_each_change_is_noted_once() -> None:
    world = network()
    engine = world.nodes[3].running
    noted = []
    for room in (ROOMY, Room("/data", 99, 50, 10), Room("/data", 60, 50, 10), LOW, LOW, ROOMY, ROOMY):
        effects = engine.handle(RoomMeasured(room), engine.core.now_ms)
        noted += [item.event for item in effects.publish if isinstance(item, Noted) and item.event.startswith("room")]
    assert noted == ["room_running_out", "room_low_production_stops", "room_back_production_goes_on"]
