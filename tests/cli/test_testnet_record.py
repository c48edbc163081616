import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from p2pchain.cli.background import is_node, read_pid
from p2pchain.cli.failures import Failure
from p2pchain.cli.testnet import processes, record
from p2pchain.cli.testnet.making import Size, make_testnet
from p2pchain.cli.testnet.moving import move_taken_ports
from p2pchain.cli.testnet.ports import hold_port, reserve_ports
from p2pchain.cli.testnet.processes import end_nodes, pid_of
from p2pchain.config import Home, load_config, split_endpoint
from p2pchain.genesis_file import load_bundle, load_genesis
from p2pchain.keystore import Keystore
from tests.cli.conftest import Run


@pytest.fixture
def folder(tmp_path: Path) -> record.TestnetFolder:
    path = tmp_path / "net"
    path.mkdir()
    return record.TestnetFolder(path)


@pytest.fixture
def net(folder: record.TestnetFolder) -> record.Testnet:
    """Three delegates that never run."""
    with ExitStack() as stack:
        found = make_testnet(folder, Size(3, 2, 500), reserve_ports(6, stack))
    folder.save(found)
    return found


def test_the_record_has_the_promised_names(folder: record.TestnetFolder, net: record.Testnet) -> None:
    found = json.loads(folder.record_file.read_text())
    assert set(found) == {"chain_id", "genesis", "nodes", "accounts"}
    assert found["nodes"][0] == {
        "name": "node-1",
        "home": str(folder.path / "node-1"),
        "api": net.nodes[0].api,
        "p2p": net.nodes[0].p2p,
        "pid": None,
        "role": "delegate",
    }
    assert [(item["name"], item["key_file"]) for item in found["accounts"]] == [
        (f"account-{i}", str(folder.path / "keys" / f"account-{i}.key")) for i in (1, 2)
    ]
    assert folder.load() == net


def test_homes_belong_to_the_genesis_and_know_each_other(net: record.Testnet) -> None:
    genesis = load_genesis(Path(net.genesis))
    assert genesis.chain_id.hex() == net.chain_id
    assert genesis.params.delegates == len(genesis.delegates) == 3
    keys = {item.consensus_key for item in genesis.delegates}
    for node in net.nodes:
        config = load_config(node.layout.path)
        assert load_genesis(config.home.genesis_file) == genesis
        assert bytes(Keystore(config.home.keys).load("delegate", None).verify_key) in keys
        assert set(config.p2p.persistent_peers) == {other.p2p for other in net.nodes} - {node.p2p}
        assert (config.p2p.listen, f"http://{config.api.listen}") == (node.p2p, node.api)


def test_funded_accounts_can_be_spent_from(net: record.Testnet) -> None:
    genesis = load_genesis(Path(net.genesis))
    funds = {item.account: item.balance for item in genesis.accounts}
    for account in net.accounts:
        assert funds[bytes(Keystore(Path("none")).load(Path(account.key_file), None).verify_key)] == 10**15


def test_a_folder_with_other_things_is_left_alone(folder: record.TestnetFolder) -> None:
    (folder.path / "thesis.txt").write_text("years of work")
    with pytest.raises(Failure, match=r"is not empty \(thesis\.txt\)"), ExitStack() as stack:
        make_testnet(folder, Size(1, 0, 500), reserve_ports(2, stack))
    assert [path.name for path in folder.path.iterdir()] == ["thesis.txt"]


def test_a_failure_while_making_leaves_nothing_behind(folder: record.TestnetFolder) -> None:
    with pytest.raises(TypeError):
        make_testnet(folder, Size(2, 0, 500), [1])  # too few ports
    assert list(folder.path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"chain_id": "x", "genesis": "x", "nodes": [{"name": 1}], "accounts": []}'])
def test_a_record_that_cannot_be_used_is_told(run: Run, folder: record.TestnetFolder, content: str) -> None:
    folder.record_file.write_text(content)
    for verb in ("status", "down", "add", "bundle"):
        result = run("testnet", verb, "--dir", folder.path)
        assert result.exit_code == 1
        assert f"{folder.record_file} cannot be used" in result.stderr


@pytest.mark.parametrize("verb", [["status"], ["down"], ["stop", "node-1"], ["start", "node-1"], ["add"], ["bundle"]])
def test_a_folder_without_a_testnet_says_how_to_make_one(run: Run, tmp_path: Path, verb: list[str]) -> None:
    result = run("testnet", *verb, "--dir", tmp_path / "nothing")
    assert result.exit_code == 1
    assert "p2pchain testnet up --dir" in result.stderr
    assert not (tmp_path / "nothing").exists()


def test_a_testnet_that_does_not_run_is_shown_as_down(run: Run, folder: record.TestnetFolder, net: record.Testnet) -> None:
    found = json.loads(run("testnet", "status", "--dir", folder.path, "--json").stdout)
    assert [(node["name"], node["alive"], node["status"]) for node in found["nodes"]] == [(f"node-{i}", False, None) for i in (1, 2, 3)]
    assert run("testnet", "status", "--dir", folder.path).stdout.count("down") == 3
    assert run("testnet", "down", "--dir", folder.path).stdout == "no node was running\n"
    assert "is not running" in run("testnet", "stop", "node-1", "--dir", folder.path).stderr
    assert "no node 'node-9'; it has: node-1, node-2, node-3" in run("testnet", "start", "node-9", "--dir", folder.path).stderr


def test_the_bundle_names_all_delegates_as_seeds_with_the_keys_that_they_must_prove(
    run: Run, folder: record.TestnetFolder, net: record.Testnet, tmp_path: Path
) -> None:
    (tmp_path / "net.toml").write_text(run("testnet", "bundle", "--dir", folder.path).stdout)
    bundle = load_bundle(tmp_path / "net.toml")
    assert bundle.genesis.chain_id.hex() == net.chain_id
    assert bundle.seeds == tuple(f"{Keystore(node.layout.keys).entry('node').public_key.hex()}@{node.p2p}" for node in net.nodes)


def test_the_size_of_a_testnet_is_fixed_once_it_is_made(run: Run, folder: record.TestnetFolder, net: record.Testnet) -> None:
    assert run("testnet", "up", "--delegates", 5, "--dir", folder.path, "--detach").exit_code == 2
    assert run("testnet", "up", "--sample-transfers", "--dir", folder.path, "--detach").exit_code == 2


def test_reserved_ports_differ_and_cannot_be_reserved_twice() -> None:
    with ExitStack() as stack, ExitStack() as others:
        ports = reserve_ports(20, stack)
        assert len(set(ports) | set(reserve_ports(20, others))) == 40


def test_a_node_can_listen_on_a_port_that_is_held_for_it() -> None:
    with ExitStack() as stack, socket.socket() as listener:
        (port,) = reserve_ports(1, stack)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        assert not hold_port(port, stack)


def test_a_port_taken_meanwhile_is_exchanged_everywhere(net: record.Testnet) -> None:
    taken = net.nodes[0]
    with ExitStack() as stack, socket.socket() as intruder:
        intruder.bind(split_endpoint(taken.p2p))
        intruder.listen()
        moved = move_taken_ports(net, stack)
    assert moved.nodes[0].p2p != taken.p2p
    assert (moved.nodes[0].api, moved.nodes[1:]) == (taken.api, net.nodes[1:])
    assert load_config(taken.layout.path).p2p.listen == moved.nodes[0].p2p
    for node in moved.nodes[1:]:
        peers = load_config(node.layout.path).p2p.persistent_peers
        assert moved.nodes[0].p2p in peers
        assert taken.p2p not in peers
    with ExitStack() as stack:
        assert move_taken_ports(moved, stack) == moved


def test_a_pid_that_another_process_has_now_is_nobody_s_node(net: record.Testnet) -> None:
    node = net.nodes[0]
    home = Home(Path(node.home))
    (home.data / "node.pid").write_text(f"{os.getpid()}\n")
    assert not is_node(os.getpid(), home)
    assert read_pid(home) is None
    assert pid_of(node) is None
    end_nodes(net.nodes)  # and so nothing is ended


def test_a_process_is_told_by_its_home_and_ended_with_force_if_need_be(net: record.Testnet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERM_S", 0.2)
    node = net.nodes[0]
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code, "run", "--home", node.home]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        (Home(Path(node.home)).data / "node.pid").write_text(f"{process.pid}\n")
        assert pid_of(node) == process.pid
        assert pid_of(net.nodes[1]) is None
        end_nodes(net.nodes)
        assert process.wait(5) == -9
