"""What each node of a testnet says of itself, for people and programs."""

from __future__ import annotations

from typing import Any

import click

from p2pchain.cli.showing import table
from p2pchain.cli.testnet.processes import pid_of
from p2pchain.cli.testnet.record import NodeRecord, Testnet
from p2pchain.client import ClientError, NodeClient

_TIMEOUT_S = 2.0
Json = dict[str, Any]


def look_at(testnet: Testnet) -> Json:
    """`{"chain_id", "nodes": [{"name", "role", "alive", "pid", "api", "p2p", "status", "error"}]}`; `status` is the API's object."""
    return {"chain_id": testnet.chain_id, "nodes": [_look(node) for node in testnet.nodes]}


def print_table(found: Json) -> None:
    for line in table([_row(node) for node in found["nodes"]]):
        click.echo(line)


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


def _row(node: Json) -> Json:
    status = node["status"]
    row = {"node": node["name"], "role": node["role"], "process": node["pid"] or "down"}
    heights = {name: status[name]["height"] if status else None for name in ("head", "final")}
    row |= heights | {"peers": status and status["peers"], "pool": status and status["mempool"]["transactions"], "API": node["api"]}
    return row | {"condition": status["condition"] if status else node["error"]}
