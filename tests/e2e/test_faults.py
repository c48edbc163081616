from tests.e2e.network import Network
from tests.e2e.transfers import Purse
from tests.e2e.waiting import never_within, wait_until

SLOT_MS = "250"
NO_CONTRADICTION = "p2pchain_contradictions_total"


class Flow:
    """Keeps something to include in the pool, so that leaders fill their slots."""

    def __init__(self, network: Network, at: str) -> None:
        self._client = network.client(at)
        self._purse = Purse(network.record["accounts"], self._client)

    def feed(self) -> None:
        (item,) = self._purse.sign(1, self._client.status()["slot"] + 400)
        assert self._client.submit([item.raw])[0]["error"] is None


def final_in_sight(network: Network, flow: Flow, name: str, height: int) -> bool:
    flow.feed()
    return network.final(name) >= height


def test_finality_goes_on_without_a_killed_delegate_which_catches_up_and_produces_again(network: Network) -> None:
    network.up("--delegates", "4", "--slot-ms", SLOT_MS)
    flow = Flow(network, "node-1")
    network.run("stop", "node-3", "--kill")
    assert network.node("node-3")["pid"] is None
    reached = network.final("node-1") + 6
    wait_until(lambda: final_in_sight(network, flow, "node-1", reached), 10, "six more final blocks with one delegate dead")
    blocks = network.client("node-1").blocks(reached - 5, 6)["blocks"]
    assert all(block["status"] == "final" for block in blocks)

    network.run("start", "node-3")
    wait_until(lambda: network.final("node-3") >= reached, 10, "the killed delegate has caught up")
    own = network.client("node-3").status()["delegate"]
    (key,) = [item["consensus_key"] for item in network.client("node-1").delegates()["delegates"] if item["address"] == own]

    def has_produced() -> bool:
        flow.feed()
        return any(block["producer"] == key for block in network.client("node-1").blocks(reached + 1, 100)["blocks"])

    wait_until(has_produced, 15, "the killed delegate produces a final block")
    assert [network.metric(name, NO_CONTRADICTION) for name in network.names] == [0, 0, 0, 0]


def test_without_a_quorum_nothing_becomes_final_and_the_status_says_why_until_it_is_back(network: Network) -> None:
    network.up("--delegates", "4", "--slot-ms", SLOT_MS)
    flow = Flow(network, "node-1")
    network.run("stop", "node-3")
    network.run("stop", "node-4")
    flow.feed()
    wait_until(lambda: "no quorum" in network.status("node-1")["condition"], 10, "the status names the missing quorum")
    before = network.final("node-1")
    never_within(lambda: network.final("node-1") > before or network.final("node-2") > before, 2, "a final block without a quorum")

    network.run("start", "node-3")
    network.run("start", "node-4")
    slot = network.status("node-1")["slot"]
    wait_until(lambda: network.final("node-1") > before, 10, "a final block after the quorum is back")
    assert network.status("node-1")["final"]["slot"] <= slot + 10
    height = network.final("node-1")
    for name in network.names:
        wait_until(lambda name=name: network.final(name) >= height, 5, f"{name} follows")  # type: ignore[misc]
    assert len({network.block_hash(name, height) for name in network.names}) == 1
    assert [network.metric(name, NO_CONTRADICTION) for name in network.names] == [0, 0, 0, 0]


def test_a_testnet_that_was_down_goes_on_with_the_same_chain(network: Network) -> None:
    network.up("--delegates", "4", "--slot-ms", SLOT_MS, "--accounts", "2")
    chain, first = network.record["chain_id"], network.block_hash("node-2", 1)
    network.run("down")
    assert [node["pid"] for node in network.record["nodes"]] == [None] * 4
    assert "no node was running" in network.run("down")
    network.up()
    assert network.status("node-2")["chain_id"] == chain
    assert network.block_hash("node-2", 1) == first
    assert "runs already" not in network.run("status")
    network.run("up", "--detach", expect=1)
