"""What the doctor finds: on a node that is well, on one that is stopped, on homes that are broken on purpose."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from tests.e2e.network import Network, command
from tests.e2e.ports import free_port
from tests.e2e.transfers import Purse
from tests.e2e.waiting import wait_until


def examine(home: Path | str, *settings: str, expect: int) -> dict[str, Any]:
    """By check, the worst finding of each."""
    flags = [text for setting in settings for text in ("--set", setting)]
    told = json.loads(command("doctor", "--home", str(home), "--json", *flags, expect=expect).stdout)
    assert told["well"] is (expect == 0)
    order = ("well", "doubtful", "broken")
    return {each["check"]: each for each in sorted(told["findings"], key=lambda each: order.index(each["state"]))}


def test_a_network_that_is_well_is_found_well_and_a_stopped_node_is_named(network: Network) -> None:
    network.up("--delegates", "4", "--slot-ms", "250")
    home = network.record["nodes"][0]["home"]
    client = network.client("node-1")
    purse = Purse(network.record["accounts"], client)

    def delegates_were_heard() -> bool:
        """Each transfer is a reason for a block, and a block one for ballots."""
        client.submit([item.raw for item in purse.sign(1, client.status()["slot"] + 1_000)])
        return client.status()["clock_offset_ms"] is not None

    wait_until(delegates_were_heard, 30, "the delegates were heard")
    found = examine(home, expect=0)
    assert {each["state"] for each in found.values()} == {"well"}
    assert {
        "genesis",
        "key node",
        "key delegate",
        "disk",
        "process",
        "api",
        "version",
        "clock",
        "peers",
        "finality",
        "settings",
        "seed",
    } <= set(found)
    network.run("stop", "node-1")
    found = examine(home, expect=0)
    assert (found["process"]["state"], found["process"]["todo"]) == ("doubtful", "start it: p2pchain start")
    assert found["p2p.listen"]["state"] == "well"


def test_each_thing_that_is_broken_is_told_with_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "p2pchain init" in examine(home, expect=1)["home"]["todo"]
    command("init", "--delegate", "--open", "--home", str(home))
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as seed:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        alive, dead = f"127.0.0.1:{seed.getsockname()[1]}", f"127.0.0.1:{free_port()}"
        found = examine(home, f"p2p.listen={listen}", f"api.listen=127.0.0.1:{free_port()}", f"p2p.seeds={alive},{dead}", expect=1)
        assert found["p2p.listen"]["found"] == f"{listen}: Address already in use"
        assert found["seed"]["state"] == "doubtful"
        assert found["seed"]["found"] == f"{dead}: Connection refused"
    found = examine(home, f"p2p.listen=127.0.0.1:{free_port()}", f"p2p.seeds={dead}", expect=1)
    assert found["seed"]["state"] == "broken"
    (home / "keys" / "delegate.key").chmod(0o644)
    assert "chmod" in examine(home, expect=1)["key delegate"]["found"]
    (home / "config" / "node.toml").write_text("[log]\nlevel = 'loud'\n")
    assert "log.level" in examine(home, expect=1)["configuration"]["found"]
