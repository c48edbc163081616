import json
import shutil
import tomllib
from pathlib import Path

from tests.e2e.network import Network, command
from tests.e2e.test_faults import Flow
from tests.e2e.waiting import wait_until


def test_two_of_four_delegates_are_gone_for_good_and_the_procedure_brings_the_network_back(network: Network, tmp_path: Path) -> None:
    network.up("--delegates", "4", "--slot-ms", "250", "--accounts", "2")
    network.run("add")
    flow = Flow(network, "node-1")
    flow.feed()
    gone = [network.status(name)["delegate"] for name in ("node-3", "node-4")]
    for name in ("node-3", "node-4"):
        network.run("stop", name, "--kill")
        shutil.rmtree(network.node(name)["home"])
    flow.feed()
    wait_until(lambda: "no quorum" in network.status("node-1")["condition"], 10, "the status names the missing quorum")
    before = network.final("node-1")
    homes = {name: network.node(name)["home"] for name in ("node-1", "node-2")}
    assert json.loads(command("recovery", "inspect", "--json", "--home", homes["node-1"]).stdout)["running"]

    for name in homes:
        network.run("stop", name)
    file = tmp_path / "recovery.toml"
    file.write_text(_draft(tmp_path, homes, gone))
    assert "is missing" in command("recovery", "install", str(file), "--home", homes["node-1"], expect=1).stderr
    assert "still to sign" in command("recovery", "sign", str(file), "--home", homes["node-1"]).stdout
    assert "signed the recovery" in command("start", "--home", homes["node-1"], expect=1).stderr
    assert "all have signed" in command("recovery", "sign", str(file), "--home", homes["node-2"]).stdout
    for name, home in homes.items():
        command("recovery", "install", str(file), "--home", home)
        network.run("start", name)

    base = tomllib.loads(file.read_text())["recovery"]["base_height"]
    assert base >= before
    flow.feed()
    wait_until(lambda: network.final("node-1") > base, 10, "a final block above the base")
    wait_until(lambda: "install its document" in network.status("node-5")["condition"], 15, "the observer says what it lacks")
    command("recovery", "install", str(file), "--home", network.node("node-5")["home"])
    network.run("stop", "node-5")
    network.run("start", "node-5")
    bundle = network.run("bundle")
    assert tomllib.loads(bundle)["recoveries"][0]["base_height"] == base
    network.run("add")
    height = network.final("node-1")
    assert len({network.block_hash(name, height) for name in ("node-1", "node-2", "node-5", "node-6")}) == 1


def _draft(folder: Path, homes: dict[str, str], gone: list[str | None]) -> str:
    """Inspect both homes and draft."""
    reports = []
    for name, home in homes.items():
        reports.append(str(folder / f"{name}.json"))
        Path(reports[-1]).write_text(command("recovery", "inspect", "--json", "--home", home).stdout)
    without = [part for account in gone for part in ("--without", str(account))]
    return command("recovery", "draft", *reports, *without).stdout
