"""A real node that its network outgrows: it says so, ends in order with its own exit status, and does not start again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from p2pchain.daemon import EXIT_PROTOCOL
from tests.e2e.network import COMMAND, command, environment, processes_of
from tests.e2e.ports import free_port
from tests.e2e.waiting import wait_until


def test_a_node_that_is_too_old_ends_before_the_height_and_says_what_to_do(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    settings = ["--set", f"api.listen=127.0.0.1:{free_port()}", "--set", f"p2p.listen=127.0.0.1:{free_port()}"]
    command("init", "--delegate", "--open", *home, *settings)
    address = json.loads(command("keys", "show", "account", "--prefix", "p2p", "--json", *home).stdout)["address"]
    process = subprocess.Popen([*COMMAND, "run", *home], stderr=subprocess.PIPE, text=True, env=environment())
    try:
        wait_until(lambda: command("status", *home, expect=None).returncode == 0, 20, "the node answers")
        command("delegate", "vote-change", "--height", "24", "--version", "2", "--from", "account", "--wait", "final", *home)
        (change,) = json.loads(command("params", "--json", *home).stdout)["scheduled"]
        assert change == {"height": 24, "version": 2, "values": {}}
        told = json.loads(command("status", "--json", *home).stdout)
        assert told["requirement"] == {"version": 2, "height": 24}
        assert "takes protocol version 2" in told["condition"]
        for _ in range(60):
            sent = command("tx", "transfer", "--from", "account", "--to", address, "--amount", "1", "--wait", "final", *home, expect=None)
            if sent.returncode != 0:
                break
        _, log = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    line = "from height 24 on the network takes protocol version 2 and this node knows versions up to 1: it ends after height 23"
    assert process.returncode == EXIT_PROTOCOL == 76
    assert log.splitlines()[-1].startswith(f"p2pchain: {line}; install a newer p2pchain")
    assert "Traceback" not in log
    again = command("run", *home, expect=EXIT_PROTOCOL).stderr
    assert again.splitlines()[-1].startswith(f"p2pchain: {line}")
    assert not processes_of(tmp_path)
