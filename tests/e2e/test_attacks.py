"""All attacks that a few seconds suffice for, at once against one node of four.  The slow ones: `python -m tests.e2e.attacks`."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from p2pchain.badpeers.answers import Silent
from p2pchain.badpeers.attack import Attack
from p2pchain.badpeers.campaign import Report, Size, run_campaign
from p2pchain.badpeers.catalogue import CATALOGUE
from p2pchain.badpeers.floods import Flood
from p2pchain.badpeers.targets import Target
from p2pchain.bench.processes import resident_mb
from p2pchain.chain.types import ChainId
from p2pchain.config import split_endpoint
from tests.e2e.finality_watch import FinalityWatch, SteadyFlow
from tests.e2e.network import Network
from tests.e2e.test_faults import NO_CONTRADICTION
from tests.e2e.waiting import wait_until

SLOT_MS = 500
QUICK_S = 7.0
LINKS_MAX = 4
APART_S = 0.1
"""Between one attack and the next: else they would push each other out of the 64 handshakes that a node hears at once."""
FLOOD_RATE = 2.0
"""The two cores are shared with the attackers: floods at full speed are for the command above."""
GROWTH_MB_MAX = 40.0
GAP_SLOTS_MAX = 6
LINES_MAX = 3_000

QUICK = {name: attack for name, attack in CATALOGUE.items() if attack.LEAST_S <= QUICK_S}


class Scene(NamedTuple):
    """What is left when all attacks are over."""

    network: Network
    reports: dict[str, Report]
    growth_mb: float
    peers_before: set[tuple[str, int]]
    peers_after: set[tuple[str, int]]
    blocks: int
    gap_s: float
    log: str


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    network = Network(tmp_path_factory.mktemp("attacks") / "testnet")
    try:
        network.up("--slot-ms", str(SLOT_MS))
        yield play(network)
    finally:
        network.close()
        if (network.folder / "testnet.json").exists():
            network.run("down")


def play(network: Network) -> Scene:
    make_room(network)
    node = network.node("node-1")
    before, memory_mb = honest_peers(network), resident_mb(node["pid"])
    watch = FinalityWatch(network, at="node-2", flow=SteadyFlow(network, "node-3"))
    watch.start()
    try:
        reports = trio.run(attack_with_all, network)
    finally:
        seen = watch.finish()
    growth_mb, log = resident_mb(node["pid"]) - memory_mb, (Path(node["home"]) / "data" / "node.log").read_text()
    return Scene(network, reports, growth_mb, before, honest_peers(network), len(seen), watch.gap_s, log)


def make_room(network: Network) -> None:
    """So many attacks at once, each with its honest peer, are more than 64 links."""
    network.run("stop", "node-1")
    file = Path(network.node("node-1")["home"]) / "config" / "node.toml"
    text = file.read_text()
    assert "\npeers_in_max = 64\n" in text
    file.write_text(text.replace("\npeers_in_max = 64\n", "\npeers_in_max = 400\n"))
    network.run("start", "node-1")
    wait_until(lambda: len(honest_peers(network)) == 3, 10, "node-1 is connected with the other delegates")


async def attack_with_all(network: Network) -> dict[str, Report]:
    reports: dict[str, Report] = {}
    chain = ChainId(bytes.fromhex(network.record["chain_id"]))

    async def run(attack: Attack, place: int) -> None:
        await trio.sleep(place * APART_S)
        target = Target(*split_endpoint(network.node("node-4" if attack.CROWDS else "node-1")["p2p"]))
        goes_on = attack.REPEATS or Silent.HELD in attack.ANSWERS
        size = Size(
            min(attack.SECONDS, QUICK_S) if goes_on else attack.SECONDS,
            attack.CONNECTIONS if attack.CROWDS else min(attack.CONNECTIONS, LINKS_MAX),
        )
        reports[attack.NAME] = await run_campaign(attack, target, chain, size)

    async with trio.open_nursery() as nursery:
        for place, kind in enumerate(sorted(QUICK.values(), key=lambda kind: -kind.SECONDS)):
            nursery.start_soon(run, at_a_bearable_rate(kind()), place)
    return reports


def at_a_bearable_rate(attack: Attack) -> Attack:
    if isinstance(attack, Flood):
        attack.rate = FLOOD_RATE
    return attack


def honest_peers(network: Network) -> set[tuple[str, int]]:
    """The other delegates, with the time since when they are connected."""
    peers = network.client("node-1").peers()["peers"]
    return {(peer["node_id"], peer["connected_ms"]) for peer in peers if "badpeer" not in peer["agent"]}


@pytest.mark.parametrize("name", QUICK)
def test_a_node_behaves_under(scene: Scene, name: str) -> None:
    assert scene.reports[name].findings == []


def test_the_other_delegates_stay_connected_under_all_attacks_together(scene: Scene) -> None:
    assert len(scene.peers_before) == 3
    assert scene.peers_after == scene.peers_before


def test_finality_goes_on_under_all_attacks_together(scene: Scene) -> None:
    assert scene.blocks > 0
    assert scene.gap_s <= GAP_SLOTS_MAX * SLOT_MS / 1000
    assert [scene.network.metric(name, NO_CONTRADICTION) for name in scene.network.names] == [0, 0, 0, 0]


def test_the_attacked_node_keeps_little_of_it(scene: Scene) -> None:
    assert scene.growth_mb <= GROWTH_MB_MAX


def test_no_attack_leads_to_a_traceback_or_to_a_flood_of_log_lines(scene: Scene) -> None:
    assert "Traceback" not in scene.log
    assert scene.log.count("\n") <= LINES_MAX
