import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2pchain.client import NodeClient
from tests.e2e.network import Network, command
from tests.e2e.ports import free_port
from tests.e2e.waiting import wait_until

JOINED_S = 5.0


@contextmanager
def started(home: Path) -> Iterator[None]:
    command("start", "--home", str(home))
    try:
        yield
    finally:
        command("stop", "--home", str(home))


def loopback_settings() -> tuple[list[str], str]:
    """Settings for a node on free ports, and its API's URL."""
    api = f"127.0.0.1:{free_port()}"
    return ["--set", f"api.listen={api}", "--set", f"p2p.listen=127.0.0.1:{free_port()}"], f"http://{api}"


def test_an_observer_that_is_added_has_the_same_final_block_within_five_seconds(network: Network) -> None:
    network.up("--delegates", "4", "--slot-ms", "250", "--accounts", "2")
    begin = time.monotonic()
    network.run("add")
    height = network.final("node-1")
    found = network.block_hash("node-5", height)
    assert time.monotonic() - begin < JOINED_S
    assert found == network.block_hash("node-1", height)
    assert network.node("node-5")["role"] == "observer"
    assert network.status("node-5")["delegate"] is None


def test_a_stranger_joins_by_the_bundle_in_three_commands(network: Network, tmp_path: Path) -> None:
    network.up("--delegates", "1", "--slot-ms", "250", "--accounts", "2")
    bundle, home = tmp_path / "net.toml", tmp_path / "stranger"
    bundle.write_text(network.run("bundle"))
    settings, url = loopback_settings()
    joined = command("join", str(bundle), "--home", str(home), *settings).stdout
    assert network.record["chain_id"] in joined
    with started(home), NodeClient(url) as client:
        height = network.final("node-1")
        wait_until(lambda: client.status()["final"]["height"] >= height, JOINED_S, "the stranger has the final block")
        assert json.loads(command("status", "--home", str(home), "--json").stdout)["chain_id"] == network.record["chain_id"]
        assert "runs already" in command("start", "--home", str(home), expect=1).stderr
    assert command("status", "--home", str(home), expect=1).stderr.startswith("p2pchain: ")
    assert "no node" in command("stop", "--home", str(home), expect=1).stderr


def test_a_node_of_a_foreign_genesis_is_refused_and_both_sides_say_so(network: Network, tmp_path: Path) -> None:
    network.up("--delegates", "1", "--slot-ms", "250", "--accounts", "2")
    settings, url = loopback_settings()
    home, neighbour = tmp_path / "foreign", network.node("node-1")["p2p"]
    command("init", "--delegate", "--open", "--home", str(home), *settings, "--set", f"p2p.persistent_peers={neighbour}")
    with started(home), NodeClient(url) as client:
        refused = wait_until(lambda: client.peers()["refused"], 10, "the foreign node tells of its refusal")
        assert {item["reason"] for item in refused} == {"wrong_chain"}
        refused = wait_until(lambda: network.client("node-1").peers()["refused"], 10, "the network's node tells of the refusal")
        assert {item["reason"] for item in refused} == {"wrong_chain"}
        assert network.status("node-1")["peers"] == 0
        assert "wrong_chain" in command("peers", "--node", url).stdout
