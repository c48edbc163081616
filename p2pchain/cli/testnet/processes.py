"""The processes of a testnet: started and ended by pid, and nothing of them left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from p2pchain.cli.background import is_node, read_pid, send_signal, spawn_node, wait_for_end
from p2pchain.cli.failures import Failure
from p2pchain.cli.testnet.record import NodeRecord, Testnet

TERM_S = 5.0
KILL_S = 5.0
Children = dict[str, "subprocess.Popen[bytes]"]
"""Processes that this command started, by the node's name."""


def pid_of(node: NodeRecord) -> int | None:
    """The node's live process: as recorded, or as it says itself."""
    return node.pid if is_node(node.pid, node.layout) else read_pid(node.layout)


def spawn_all(testnet: Testnet, *, tied: bool) -> Children:
    """Start every node; `tied` ones end with this process even if it is killed.  All of them, or none."""
    children: Children = {}
    try:
        for node in testnet.nodes:
            children[node.name] = spawn(node, tied=tied)
    except BaseException:
        end_children(children)
        raise
    return children


def spawn(node: NodeRecord, *, tied: bool = False, under: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    arguments = ["--parent-pid", str(os.getpid())] if tied else []
    return spawn_node(node.layout, arguments, _environment(os.environ), under=under)


def with_pids(testnet: Testnet, children: Children) -> Testnet:
    """The record with the pids of these processes, null for nodes that do not live."""
    nodes = [replace(node, pid=children[node.name].pid if node.name in children else pid_of(node)) for node in testnet.nodes]
    return replace(testnet, nodes=tuple(nodes))


def end_nodes(nodes: Iterable[NodeRecord]) -> None:
    """SIGTERM to all at once, SIGKILL to those that stay; returns when none lives."""
    living = [(pid, node) for node in nodes if (pid := pid_of(node)) is not None]
    for number, timeout_s in ((signal.SIGTERM, TERM_S), (signal.SIGKILL, KILL_S)):
        for pid, _ in living:
            send_signal(pid, number)
        deadline = time.monotonic() + timeout_s
        living = [(pid, node) for pid, node in living if not wait_for_end(pid, node.layout, deadline - time.monotonic())]
    if living:
        raise Failure(f"still running after SIGKILL: {', '.join(f'{node.name} (process {pid})' for pid, node in living)}")


def end_children(children: Children) -> None:
    """The same for processes that are in no record yet."""
    for child in children.values():
        child.terminate()
    for child in children.values():
        try:
            child.wait(TERM_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(KILL_S)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """A testnet is configured by its homes alone; the operator's own settings are for another node.  Only logs may be tuned."""
    return {name: value for name, value in environ.items() if not name.startswith("P2PCHAIN_") or name.startswith("P2PCHAIN_LOG_")}
