"""Waiting until a testnet that was just started works: every node answers and knows a final block."""

from __future__ import annotations

import time

from p2pchain.cli.background import died_early
from p2pchain.cli.failures import Failure
from p2pchain.cli.testnet.interruption import Interruption
from p2pchain.cli.testnet.processes import Children
from p2pchain.cli.testnet.record import NodeRecord, Testnet
from p2pchain.client import ClientError, NodeClient

DEADLINE_S = 60.0
"""Far beyond the promised 4 s: a slow machine is no failure."""
_POLL_FIRST_S = 0.02
_POLL_MOST_S = 0.1


def wait_for_final_block(testnet: Testnet, children: Children, interruption: Interruption) -> int:
    """The height of the last final block that all nodes know.  `Failure` where a process ends, or nothing is final in time."""
    waiting = [node for node in testnet.nodes if node.name in children]
    deadline, pause_s, lowest = time.monotonic() + DEADLINE_S, _POLL_FIRST_S, 0
    while True:
        heights = {node.name: final_height(node) for node in waiting}
        lowest = min((height or 0 for height in heights.values()), default=0)
        if lowest:
            return lowest
        refuse_ended(testnet, children)
        if time.monotonic() >= deadline:
            raise Failure(f"no final block on every node after {DEADLINE_S:g} s: {_shown(heights)}; see the logs, NODE/data/node.log")
        if interruption.wait(pause_s):
            raise Failure("interrupted before the first final block")
        pause_s = min(1.5 * pause_s, _POLL_MOST_S)


def wait_for_answer(node: NodeRecord, children: Children, timeout_s: float) -> None:
    """Until its API answers."""
    deadline = time.monotonic() + timeout_s
    while final_height(node) is None:
        child = children[node.name]
        if child.poll() is not None:
            raise died_early(node.name, node.layout, child.returncode)
        if time.monotonic() >= deadline:
            raise Failure(f"{node.name} does not answer at {node.api} after {timeout_s:g} s; see {node.layout.data / 'node.log'}")
        # A node tells nobody that it is ready but by answering.
        time.sleep(_POLL_FIRST_S)


def refuse_ended(testnet: Testnet, children: Children) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            raise died_early(name, testnet.node(name).layout, child.returncode)


def final_height(node: NodeRecord) -> int | None:
    """None as long as it does not answer."""
    try:
        with NodeClient(node.api, timeout_s=1) as client:
            return client.status()["final"]["height"]
    except ClientError:
        return None


def _shown(heights: dict[str, int | None]) -> str:
    return ", ".join(f"{name} {'does not answer' if height is None else f'has {height}'}" for name, height in heights.items())
