import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.network import COMMAND, Network, environment, processes_of
from tests.e2e.waiting import wait_until

UP_S = 20.0
END_S = 12.0


@contextmanager
def foreground(network: Network, *options: str, output: int = subprocess.PIPE) -> Iterator[subprocess.Popen[bytes]]:
    arguments = ["testnet", "up", "--delegates", "4", "--slot-ms", "250", "--accounts", "4", "--dir", str(network.folder), *options]
    command = [*COMMAND, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment(), start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def nodes_of(network: Network) -> list[str]:
    return [line for line in processes_of(network.folder) if " run " in line]


def read_to_the_end(terminal: int) -> None:
    """A terminal whose other side is closed answers with an error."""
    with suppress(OSError):
        while os.read(terminal, 65_536):
            pass


def wait_for_four(network: Network) -> None:
    wait_until(lambda: len(nodes_of(network)) == 4, UP_S, "four nodes run")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_foreground_command_leaves_no_process(network: Network, number: signal.Signals) -> None:
    with foreground(network, "--sample-transfers") as process:
        wait_until(lambda: (network.folder / "testnet.json").exists() and len(nodes_of(network)) == 4, UP_S, "four nodes run")
        wait_until(lambda: all(node["pid"] for node in network.record["nodes"]), 5, "they are recorded")
        wait_until(lambda: network.client("node-1").is_alive() and network.final("node-1") >= 2, UP_S, "sample transfers become final")
        process.send_signal(number)
        output, _ = process.communicate(timeout=END_S)
    assert process.returncode == 0, output
    assert b"transfers sent" in output
    assert processes_of(network.folder) == []
    assert [node["pid"] for node in network.record["nodes"]] == [None] * 4


def test_ctrl_c_on_a_terminal_leaves_no_process(network: Network) -> None:
    terminal, end = pty.openpty()
    with foreground(network, output=end) as process:
        os.close(end)
        shown = b""
        while b"Ctrl-C ends all nodes" not in shown:
            shown += os.read(terminal, 65_536)
        process.send_signal(signal.SIGINT)
        read_to_the_end(terminal)
        assert process.wait(END_S) == 0
    os.close(terminal)
    assert processes_of(network.folder) == []


def test_nodes_in_the_foreground_end_with_a_killed_parent(network: Network) -> None:
    with foreground(network) as process:
        wait_for_four(network)
        process.kill()
        process.wait(END_S)
        wait_until(lambda: nodes_of(network) == [], END_S, "the nodes end by themselves")


def test_an_interrupt_during_the_set_up_leaves_no_process(network: Network) -> None:
    with foreground(network) as process:
        wait_until(lambda: nodes_of(network), UP_S, "a node runs")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=END_S)
    assert process.returncode == 1
    assert processes_of(network.folder) == []


def test_a_node_that_cannot_start_ends_the_others_and_is_quoted(network: Network, tmp_path: Path) -> None:
    network.up("--delegates", "4", "--slot-ms", "250", "--accounts", "2")
    network.run("down")
    (tmp_path / "testnet" / "node-2" / "keys" / "node.key").unlink()
    with foreground_again(network) as process:
        output, _ = process.communicate(timeout=UP_S)
    assert process.returncode == 1
    assert b"node-2" in output
    assert b"node.key" in output
    assert processes_of(network.folder) == []


@contextmanager
def foreground_again(network: Network) -> Iterator[subprocess.Popen[bytes]]:
    command = [*COMMAND, "testnet", "up", "--dir", str(network.folder)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment())
    with process:
        yield process
