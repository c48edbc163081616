"""A delegate goes on producing after its blocks were orphaned, after a restart, and on another machine."""

from __future__ import annotations

from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.state import COMMITMENTS, GLOBALS
from tests.fakes.world import Disk, SimNode, World, make_genesis, signer

SLOT_MS = 500


def busy(world: World, slots: int, node: int = 0) -> None:
    for _ in range(slots):
        world.nodes[node].submit(world.nodes[node].transfer(1, 2, 1))
        world.run(SLOT_MS)


def producers(world: World, last: int) -> set[int]:
    keys = {signer(1000 + number).public_key: number for number in range(len(world.nodes))}
    return {keys[header.producer] for header in world.longest().headers()[-last:]}


def part(world: World, *sides: set[int]) -> None:
    """Nobody hears who is not on its side."""
    world.cut = {(a, b) for one in sides for other in sides if one is not other for a in one for b in other}


def test_blocks_that_were_orphaned_do_not_bind_their_producers() -> None:
    """Both halves go on alone and commit anew with every block; afterwards the branch that lives says what is due."""
    world = World(make_genesis(), 4)
    world.start()
    busy(world, 10)
    part(world, {0, 1}, {2, 3})
    for _ in range(12):
        world.nodes[0].submit(world.nodes[0].transfer(1, 2, 1))
        world.nodes[3].submit(world.nodes[3].transfer(2, 1, 1))
        world.run(SLOT_MS)
    heads = {node.running.core.head.id for node in world.nodes}
    assert len(heads) == 2, "there are two branches"
    world.cut = set()
    before = world.final_height()
    busy(world, 24)
    assert world.final_height() >= before + 12
    assert producers(world, 12) == {0, 1, 2, 3}
    world.check()
    assert not any(node.disconnects for node in world.nodes)
    assert not any(noted.event == "reveal_unknown" for node in world.nodes for noted in node.noted)


def test_a_restart_needs_no_memory_of_what_was_committed_to() -> None:
    world = World(make_genesis(), 4)
    world.start()
    busy(world, 9)
    for number in (1, 2, 3):
        world.crash(number)
        busy(world, 5)
        world.start(number)
        busy(world, 5)
    busy(world, 8)
    assert producers(world, 8) == {0, 1, 2, 3}
    world.check()


def test_a_key_that_moved_to_another_machine_reveals_what_it_committed_to_on_the_old_one() -> None:
    """The chain is fetched anew; only the key came along.  With no record of what it signed it is silent first."""
    world = World(make_genesis(), 4)
    world.start()
    busy(world, 9)
    world.crash(3)
    disk = Disk(world.genesis)
    disk.sign = None
    world.nodes[3] = SimNode(world, 3, disk, is_delegate=True)
    world.start(3)
    before = COMMITMENTS.load(world.longest().disk, signer(1003).public_key)
    busy(world, 30)
    after = COMMITMENTS.load(world.longest().disk, signer(1003).public_key)
    assert before is not None
    assert after is not None
    assert after.slot > before.slot
    assert 3 in producers(world, 8)
    world.check()


def test_a_node_that_cannot_know_what_is_due_leaves_its_slots_and_says_so_once_a_slot() -> None:
    world = World(make_genesis(), 4)
    world.start()
    busy(world, 9)
    world.nodes[3].running.core.reveals = RevealSecret(b"another")
    busy(world, 20)
    noted = [item for item in world.nodes[3].noted if item.event == "reveal_unknown"]
    slots = [item.fields["slot"] for item in noted]
    assert noted
    assert len(set(slots)) == len(slots)
    assert 3 not in producers(world, 10)
    assert world.final_height() > 16, "the others go on"
    world.check()


def test_all_nodes_draw_one_seed() -> None:
    """S14: who saw everything, who was cut off, who restarted."""
    world = World(make_genesis(7), 7)
    world.start()
    busy(world, 8)
    part(world, {0, 1, 2, 3, 4}, {5, 6})
    busy(world, 10)
    world.cut = set()
    world.crash(1)
    busy(world, 6)
    world.start(1)
    busy(world, 8)
    rows = {node.disk.get(GLOBALS.prefix) for node in world.nodes if len(node.disk.final) == world.final_height()}
    assert len(rows) == 1
    world.check()
