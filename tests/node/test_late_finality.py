"""What tells a busy network from one that has lost its quorum."""

from __future__ import annotations

from p2pchain.node.engine import LATE_SLOTS_MAX
from tests.fakes.world import World, make_genesis

SLOT_MS = 500


def test_finality_is_late_from_the_end_of_a_blocks_slot_until_it_can_only_be_an_outage() -> None:
    world = World(make_genesis(4), 4)
    world.start()
    world.run(3_000)
    engine = world.nodes[0].running
    assert not engine.is_finality_late
    world.crash(2, 3)
    world.nodes[0].submit(world.nodes[0].transfer(0, 1, 1))
    world.run(8 * SLOT_MS)  # one of the two that are left has led a slot meanwhile
    first = engine.core.tree.path(engine.core.head)[0]
    late = {engine.core.slot: engine.is_finality_late}
    while engine.core.slot < first.slot + 2 * LATE_SLOTS_MAX:
        world.run(SLOT_MS)
        late[engine.core.slot] = engine.is_finality_late
    assert all(is_late == (1 <= slot - first.slot <= LATE_SLOTS_MAX) for slot, is_late in late.items())
    assert set(late.values()) == {False, True}
    world.start(2, 3)
    world.run(20 * SLOT_MS)
    assert not engine.is_finality_late
