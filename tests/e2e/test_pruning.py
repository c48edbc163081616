"""A real node is pruned while it runs and killed in the middle; who joins it then is told what it cannot get."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from p2pchain.chain.address import encode_address
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.types import AccountId
from p2pchain.cli.background import send_signal, spawn_node
from p2pchain.cli.home_making import make_home, new_home_config
from p2pchain.client import NodeClient, NodeError
from p2pchain.config import Home
from p2pchain.storage import open_store
from tests.e2e.network import command, environment
from tests.e2e.ports import free_port
from tests.e2e.restart_figures import Chain, Made, make_single
from tests.e2e.waiting import wait_until

OPENED, BLOCKS = 15_000, 1_300
HEIGHT = 3 + BLOCKS


def printed(*arguments: str) -> Any:
    return json.loads(command(*arguments, "--json").stdout)


def test_a_running_node_is_pruned_killed_and_asked(tmp_path: Path) -> None:
    made = make_single(tmp_path / "node", BLOCKS)
    fill(made, OPENED, BLOCKS)
    home = ("--home", str(tmp_path / "node"))
    environ = environment() | {"P2PCHAIN_INDEX_ENABLED": "true"}
    account = encode_address(made.genesis.address_prefix, AccountId(made.genesis.accounts[0].account))
    processes = [spawn_node(made.config.home, environ=environ)]
    try:
        with NodeClient(f"http://{made.config.api.listen}", timeout_s=10) as client:

            def height() -> int:
                return int(client.status()["final"]["height"])

            def transfer() -> None:
                printed("tx", "transfer", *home, "--from", "account", "--to", account, "--amount", "1", "--wait", "final")

            wait_until(client.is_alive, 30, "the node answers")
            wait_until(lambda: (client.status()["index"] or {})["height"] >= HEIGHT, 30, "the index is built beside the chain")
            size = allocated(made.config.data_path)
            answer = printed("prune", *home, "--keep-blocks", "1000")
            assert answer["pruning"]
            transfer()
            send_signal(processes[0].pid, signal.SIGKILL)
            processes[0].wait()
            processes.append(spawn_node(made.config.home, environ=environ | {"P2PCHAIN_STORAGE_KEEP_BLOCKS": "1000"}))
            wait_until(client.is_alive, 30, "the node answers again")
            transfer()
            transfer()
            assert printed("prune", *home, "--wait")["pruning"] is False
            first = client.status()["blocks_from"]
            assert HEIGHT - 1_000 < first <= height() - 800
            with pytest.raises(NodeError) as refused:
                client.block(1)
            assert (refused.value.code, refused.value.evidence["blocks_from"]) == ("pruned", client.status()["blocks_from"])
            assert client.block(first)["height"] == first
            wait_until(lambda: allocated(made.config.data_path) < size - 1_500_000, 20, "three full blocks' space is given back")
            page = printed("account", account, *home, "--history", "--limit", "5")
            assert page["transactions"][0]["status"] == "final"
            assert {item["status"] for item in page["transactions"]} == {"final", "pruned"}
            processes.append(spawn_node(observer(tmp_path / "late", made.genesis, made.config.p2p.listen), environ=environment()))
            with NodeClient(f"http://{api_of(tmp_path / 'late')}", timeout_s=10) as late:
                wait_until(late.is_alive, 30, "the new node answers")
                lacking = wait_until(lambda: late.status()["lacking"], 30, "the new node says what it lacks")
                assert lacking["needed"] == 1
                assert lacking["offered"] > 200
                assert "no peer gives block 1" in late.status()["condition"]
                assert late.status()["syncing"]
    finally:
        for process in processes:
            if process.poll() is None:
                send_signal(process.pid, signal.SIGTERM)
            process.wait()


def test_a_stopped_node_is_pruned_here(tmp_path: Path) -> None:
    made = make_single(tmp_path / "node", 1_200)
    home = ("--home", str(tmp_path / "node"))
    assert "never run" in command("prune", *home, "--keep-blocks", "1000", expect=1).stderr
    fill(made, 0, 1_200)
    assert "keep all blocks" in command("prune", *home, expect=1).stderr
    answer = printed("prune", *home, "--keep-blocks", "5")
    assert answer["blocks_from"] == 201, "a thousand stay"
    with open_store(made.config.data_path, made.genesis) as store:
        assert store.blocks_from == 201
        assert store.recovered().root.subject.height == 1_200


def fill(made: Made, accounts: int, blocks: int) -> None:
    with open_store(made.config.data_path, made.genesis) as store:
        chain = Chain(made, store)
        chain.open_accounts(accounts)
        for _ in range(blocks):
            chain.add(())
        chain.keep()


def allocated(data: Path) -> int:
    return (data / "chain" / "data.mdb").stat().st_blocks * 512


def observer(path: Path, genesis: Genesis, peer: str) -> Home:
    settings: dict[str, object] = {name: f"127.0.0.1:{free_port()}" for name in ("p2p.listen", "api.listen")}
    config = new_home_config(path, settings | {"node.role": "observer", "p2p.persistent_peers": [peer]})
    make_home(config, genesis)
    return config.home


def api_of(path: Path) -> str:
    lines = (path / "config" / "node.toml").read_text().split("[api]")[1].splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("listen"))
