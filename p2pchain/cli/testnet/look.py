"""What each node of a testnet says of itself, for people and programs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from p2pchain.cli.testnet.processes import pid_of
from p2pchain.cli.testnet.record import NodeRecord, Testnet
from p2pchain.client import ClientError, NodeClient

_TIMEOUT_S = 2.0
Json = dict[str, Any]


def look_at(testnet: Testnet) -> Json:
    """`{"chain_id", "nodes": [{"name", "role", "alive", "pid", "api", "p2p", "status", "error"}]}`; `status` is the API's object."""
    return {"chain_id": testnet.chain_id, "nodes": [_look(node) for node in testnet.nodes]}


def print_table(found: Json) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("node", "role", "process", "head", "final", "peers", "pool", "API", "condition"):
        table.add_column(name, overflow="fold")
    for node in found["nodes"]:
        table.add_row(*_row(node))
    Console().print(table)


def _look(node: NodeRecord) -> Json:
    pid, status, error = pid_of(node), None, None
    try:
        if pid is not None:
            with NodeClient(node.api, timeout_s=_TIMEOUT_S) as client:
                status = client.status()
    except ClientError as failure:
        error = str(failure)
    named = {"name": node.name, "role": node.role, "alive": pid is not None, "pid": pid, "api": node.api, "p2p": node.p2p}
    return named | {"status": status, "error": error}


def _row(node: Json) -> list[str]:
    status = node["status"]
    first = [node["name"], node["role"], str(node["pid"] or "down")]
    if status is None:
        return [*first, "", "", "", "", node["api"], node["error"] or ""]
    numbers = [status["head"]["height"], status["final"]["height"], status["peers"], status["mempool"]["transactions"]]
    return [*first, *map(str, numbers), node["api"], status["condition"]]
