"""Real nodes on machines of their own.  Delegates find each other by DNS names."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.waiting import never_within, wait_until
from tests.netns.lab import SWITCH_ADDRESS
from tests.netns.nodes import P2P, Node, Scene, slot_now
from tests.netns.slow_link import Line

pytestmark = pytest.mark.e2e

FOLLOW_S = 20.0
HEAL_SLOTS = 10
TRAVEL_SLOTS = 10
"""TCP sends again what was lost after growing pauses: a cut of some seconds costs as much again, which is not the node's doing."""
ALL = ("node-1", "node-2", "node-3", "node-4")


def follows(node: Node, other: Node, blocks: int = 2) -> bool:
    """Whether it has what the other has, and some new blocks as well."""
    height = other.final() + blocks
    wait_until(lambda: node.final() >= height, FOLLOW_S, f"{node.title} reaches height {height} as {other.title} does")
    return True


@contextmanager
def running(node: Node) -> Iterator[Node]:
    node.start()
    try:
        yield node
    finally:
        node.stop()


def test_delegates_that_know_each_other_by_name_alone_make_final_blocks(delegates: Scene) -> None:
    node = delegates.nodes["node-1"]
    assert follows(node, delegates.nodes["node-4"])
    assert {peer["address"].rpartition(":")[0] for peer in node.peers().values() if peer["outbound"]} <= {
        f"node-{number}.p2pchain.test" for number in (2, 3, 4)
    }
    delegates.agree(*ALL)


def test_a_delegate_that_hears_nobody_stops_nobody_and_catches_up(delegates: Scene) -> None:
    first, deaf = delegates.nodes["node-1"], delegates.nodes["node-4"]
    deaf.machine.drop_from(*(delegates.nodes[title].machine for title in ALL[:3]))
    begun, stuck = first.final(), deaf.final()
    wait_until(lambda: first.final() >= begun + 4, FOLLOW_S, "the others go on")
    assert deaf.final() <= stuck + 2
    delegates.lab.heal()
    assert follows(deaf, first)
    delegates.agree(*ALL)


def test_two_halves_make_nothing_final_and_go_on_soon_after_they_meet(delegates: Scene) -> None:
    machines = [delegates.nodes[title].machine for title in ALL]
    first = delegates.nodes["node-1"]
    delegates.lab.partition(machines[:2], machines[2:])
    settled = wait_until(lambda: "quorum" in str(first.status()["condition"]) and first.final() + 1, FOLLOW_S, "the quorum is missed")
    never_within(lambda: first.final() >= settled, 1, "a final block of half the delegates")
    met = slot_now(first)
    delegates.lab.heal()
    wait_until(lambda: first.final() >= settled, FOLLOW_S, "final blocks after the halves met")
    assert int(first.status()["final"]["slot"]) <= met + HEAL_SLOTS + TRAVEL_SLOTS
    for title in ALL[1:]:
        assert follows(delegates.nodes[title], first)
    delegates.agree(*ALL)


def test_blocks_become_final_where_every_twentieth_packet_is_lost(delegates: Scene) -> None:
    for title in ALL:
        delegates.nodes[title].machine.lose(5)
    first = delegates.nodes["node-1"]
    height = first.final() + 4
    wait_until(lambda: first.final() >= height, FOLLOW_S, "four final blocks in spite of the loss")
    delegates.lab.heal()
    delegates.agree(*ALL)


def test_a_node_behind_a_router_that_nobody_can_dial_follows(delegates: Scene) -> None:
    first = delegates.nodes["node-1"]
    router = delegates.lab.add_machine("router")
    inner = delegates.lab.add_behind(router, "inner")
    with running(delegates.add_observer(inner, p2p__seeds=(f"node-1.p2pchain.test:{P2P}",))) as node:
        assert follows(node, first)
        seen = first.peers()[node.key]
        assert seen["address"].rpartition(":")[0] == router.address, "it is seen as its router"
        assert not seen["outbound"]
        assert all(peer["outbound"] for peer in node.peers().values())


def test_a_node_that_starts_without_a_network_answers_and_follows_once_there_is_one(delegates: Scene) -> None:
    machine = delegates.lab.add_machine("unplugged")
    machine.unplug()
    with running(delegates.add_observer(machine, p2p__seeds=(f"node-2.p2pchain.test:{P2P}",))) as node:
        assert node.peers() == {}
        wait_until(lambda: "peer unreachable" in node.log, FOLLOW_S, "it has tried in vain")
        machine.plug_in()
        assert follows(node, delegates.nodes["node-1"])


def test_a_node_follows_over_a_slow_link_and_comes_back_after_it_was_cut(delegates: Scene) -> None:
    first, port = delegates.nodes["node-1"], 30_001
    link = delegates.slow_link(first, port, Line(delay_ms=100, bytes_per_s=200_000))
    machine = delegates.lab.add_machine("far")
    with running(delegates.add_observer(machine, p2p__persistent_peers=(f"{SWITCH_ADDRESS}:{port}",), p2p__exchange=False)) as node:
        assert follows(node, first)
        link.give(json.dumps({"is_cut": True}))
        wait_until(lambda: node.peers() == {}, FOLLOW_S, "the link is lost")
        link.give(json.dumps({"is_cut": False}))
        assert follows(node, first)


def test_a_seed_that_moved_is_found_at_its_new_address(delegates: Scene) -> None:
    nobody = delegates.lab.add_machine("nobody")
    name = delegates.name("moving", nobody.address)
    with running(delegates.add_observer(delegates.lab.add_machine("seeker"), p2p__seeds=(f"{name}:{P2P}",))) as node:
        wait_until(lambda: "peer unreachable" in node.log, FOLLOW_S, "nobody listens at the old address")
        delegates.name("moving", delegates.nodes["node-3"].machine.address)
        assert follows(node, delegates.nodes["node-1"])
