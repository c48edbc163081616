"""`status`: one screen about one node."""

from __future__ import annotations

import json

import click

from p2pchain.cli.sync_watch import describe_sync
from p2pchain.client import NodeClient
from p2pchain.client.answers import Json, Status, Tip


def print_status(url: str, *, as_json: bool) -> None:
    with NodeClient(url) as client:
        status = client.status()
    click.echo(json.dumps(status) if as_json else _screen(status))


def _screen(status: Status) -> str:
    rows = {
        "node": f"{status['name'] or '-'}  {status['node_id']}",
        "version": status["version"],
        "chain id": status["chain_id"],
        "condition": status["condition"],
        **({"sync": describe_sync(sync)} if (sync := status.get("sync")) is not None else {}),
        "head": _tip(status["head"]),
        "final": _tip(status["final"]),
        "slot": f"{status['slot']}, leader {status['leader'] or '-'}",
        "delegate": f"{status['delegate'] or 'none: an observer'}{', producing' if status['producing'] else ''}",
        "peers": str(status["peers"]),
        **({"blocks": f"from height {status['blocks_from']} on, older ones were pruned"} if status["blocks_from"] > 1 else {}),
        **({"index": _index(index)} if (index := status["index"]) is not None else {}),
        "mempool": f"{status['mempool']['transactions']} transactions, {status['mempool']['bytes']} bytes",
    }
    return "\n".join(f"{name:<10} {value}" for name, value in rows.items())


def _index(index: Json) -> str:
    state = index["failure"] or ("built" if index["built"] else "being built")
    return f"{state}, of heights {index['from_height']} to {index['height']}"


def _tip(tip: Tip) -> str:
    return f"height {tip['height']}, slot {tip['slot']}, {tip['hash']}"
