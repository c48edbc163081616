"""What is passed on, and what is not."""

import pytest

from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import BlockMessage, Message
from tests.fakes.world import World, make_genesis

SLOT_MS = 500


class ListeningWorld(World):
    def __init__(self, nodes: int) -> None:
        self.sent: list[tuple[int, Message]] = []
        super().__init__(make_genesis(nodes, heartbeat_slots=1000), nodes)

    def transmit(self, source: int, target: int, message: Message) -> None:
        self.sent.append((source, message))
        super().transmit(source, target, message)


# found by the simulator (7 nodes, seed 111): a block that fell out of one full tree came back from another node, was new
# again and was passed on again, without end
@pytest.mark.parametrize(("slots_later", "is_passed_on"), [(0, True), (1, True), (2, False), (5, False)])
def test_a_block_is_passed_on_while_it_can_be_voted_for_and_not_later(slots_later: int, *, is_passed_on: bool) -> None:
    world = ListeningWorld(4)
    for other in (0, 1, 2):
        world.cut |= {(3, other), (other, 3)}
    world.start()
    world.run(SLOT_MS // 2)
    while not (made := [message.raw for source, message in world.sent if isinstance(message, BlockMessage) and source != 3]):
        world.run(SLOT_MS)
    block = made[0]
    world.run(slots_later * SLOT_MS)
    world.sent.clear()
    stranger = world.nodes[3]
    known = len(stranger.running.core.tree)
    stranger.receive(0, encode_frame(BlockMessage(block)), stranger.life)
    assert len(stranger.running.core.tree) == known + 1
    assert ((3, BlockMessage(block)) in world.sent) is is_passed_on
