"""The verbs of care on real nodes: beside one that runs, on one that is damaged, and a chain taken to another home by a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from p2pchain.chain.votes import Kind
from p2pchain.storage.layout import block_key, certificate_key
from tests.e2e.network import Network, command
from tests.e2e.transfers import Purse
from tests.e2e.waiting import wait_until
from tests.storage.observing import change_value


def _told(*arguments: str, expect: int = 0) -> dict[str, Any]:
    return json.loads(command(*arguments, "--json", expect=expect).stdout)  # type: ignore[no-any-return]


def test_a_damaged_delegate_is_found_mended_and_back_in_step_and_a_file_takes_the_chain_to_a_new_home(
    network: Network, tmp_path: Path
) -> None:
    network.up("--delegates", "4", "--slot-ms", "250")
    client = network.client("node-1")
    purse = Purse(network.record["accounts"], client)

    def final_at_least(name: str, height: int) -> bool:
        """Each transfer is a reason for a block."""
        client.submit([item.raw for item in purse.sign(2, client.status()["slot"] + 400)])
        return network.final(name) >= height

    wait_until(lambda: final_at_least("node-1", 12), 30, "twelve final blocks")
    running, damaged = (str(network.node(name)["home"]) for name in ("node-1", "node-4"))
    before = network.final("node-1")
    told = _told("verify", "--home", running)
    assert told["well"], "a node runs beside it, and everything is compared to the last row"
    assert told["last"] == told["final"] >= before
    assert told["rows"] > 0
    assert "in use by process" in command("repair", "--home", running, expect=1).stderr

    network.run("stop", "node-4")
    block = bytes.fromhex(network.block_hash("node-1", 6))
    key = certificate_key(block_key(6, block), Kind.CONFIRM)
    assert _told("verify", "--home", damaged)["well"]
    change_value(Path(damaged) / "data", b"certificates", key, lambda _: b"rotten")
    found = _told("verify", "--home", damaged, expect=1)
    assert found["problem"]["height"] == 6, found
    signed = (Path(damaged) / "signing" / "sign-state").read_bytes()
    repaired = _told("repair", "--home", damaged)
    assert (repaired["kept"], repaired["problem"]["height"]) == (5, 6)
    assert (Path(damaged) / "signing" / "sign-state").read_bytes() == signed
    network.run("start", "node-4")
    reached = network.final("node-1") + 4
    wait_until(lambda: final_at_least("node-4", reached), 20, "the mended delegate is in step")
    assert network.metric("node-1", "p2pchain_contradictions_total") == 0
    assert _told("verify", "--home", damaged)["last"] >= reached

    file, copy = tmp_path / "blocks.jsonl", str(tmp_path / "copy")
    told = _told("export", "blocks", "--home", running, "--out", str(file))
    bundle = tmp_path / "net.toml"
    bundle.write_text(network.run("bundle"))
    command("join", str(bundle), "--home", copy)
    assert _told("import", str(file), "--home", copy)["final"] == told["last"]
    assert _told("verify", "--home", copy)["well"]
