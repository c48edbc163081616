"""Four real delegates beyond what they can take: does finality go on, and is every client told?

    .venv/bin/python -m tests.e2e.overload [--seconds 60] [--batch 500] [--json]

First the peak: clients that hold back while much waits.  Then the same clients without restraint: whatever is refused is handed in again at
once, against the advice of `Retry-After`.  What counts is what becomes final, and which slots stay empty while transactions wait.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click

from p2pchain.bench.processes import cpu_seconds
from p2pchain.client import NodeClient, NodeError
from tests.e2e.network import Network, processes_of
from tests.e2e.transfers import Purse, Signed

HELD_BACK = 8_000
"""Transactions that wait while clients hold back: two full slots."""
PAUSE_S = 0.02
REFUSED = "429"


class Phase(NamedTuple):
    told: Counter[str]
    """Transactions by what their client was told."""
    seconds: float
    first_height: int
    last_height: int


@click.command()
@click.option("--seconds", default=60.0, show_default=True, help="Of overload; the peak is measured for a third of that.")
@click.option("--batch", default=500, show_default=True, help="Transactions in a request.")
@click.option("--slot-ms", default=500, show_default=True)
@click.option("--signed", default=300_000, show_default=True, help="Transactions made beforehand.")
@click.option("--keep-logs", type=click.Path(path_type=Path, file_okay=False, exists=True), help="A folder for the logs of the nodes.")
@click.option("--json", "as_json", is_flag=True)
def main(seconds: float, batch: int, signed: int, slot_ms: int, *, keep_logs: Path | None, as_json: bool) -> None:
    """Measure a local network beyond its limit."""
    with tempfile.TemporaryDirectory() as folder:
        network = Network(Path(folder) / "net")
        network.up("--delegates", "4", "--accounts", "2000", "--slot-ms", str(slot_ms))
        try:
            figures = _measure(network, seconds, batch, signed)
        finally:
            network.close()
            network.run("down", expect=None)
            if keep_logs is not None:
                for node in network.record["nodes"]:
                    (keep_logs / f"{node['name']}.log").write_bytes((Path(node["home"]) / "data" / "node.log").read_bytes())
            assert not processes_of(Path(folder))
    if as_json:
        click.echo(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        click.echo(f"{name:<66}{value:12.2f}")


def _measure(network: Network, seconds: float, batch: int, signed: int) -> dict[str, float]:
    purse = Purse(network.record["accounts"], network.client("node-1"))
    made = purse.sign(signed, network.status("node-1")["slot"] + 5_000)
    count = len(network.names)
    queues = [deque(item for item in made if item.account % count == place) for place in range(count)]
    figures: dict[str, float] = {}
    pids = [node["pid"] for node in network.record["nodes"]]
    for name, length, restrained in (("peak", seconds / 3, True), ("overload", seconds, False)):
        before = sum(map(cpu_seconds, pids))
        phase = _press(network, queues, length, batch, restrained=restrained)
        cores = (sum(map(cpu_seconds, pids)) - before) / phase.seconds
        offered = sum(phase.told.values())
        final, empty, worst = _look_back(network, phase)
        figures |= {
            f"{name}: offered a second": offered / phase.seconds,
            f"{name}: taken a second": phase.told["taken"] / phase.seconds,
            f"{name}: told to wait, with 429, a second": phase.told[REFUSED] / phase.seconds,
            f"{name}: told to wait beside others that were taken, a second": phase.told["pool_full"] / phase.seconds,
            f"{name}: told anything else": offered - phase.told["taken"] - phase.told[REFUSED] - phase.told["pool_full"],
            f"{name}: final a second": final,
            f"{name}: slots without a block": empty,
            f"{name}: most slots in a row without a block": worst,
            f"{name}: cores used by all nodes": cores,
        }
    figures["overload: final rate by the peak's"] = figures["overload: final a second"] / figures["peak: final a second"]
    return figures


def _final(network: Network) -> int:
    """By a connection of its own: one that was kept may have been closed meanwhile."""
    with NodeClient(network.node("node-1")["api"], timeout_s=30) as client:
        return client.status()["final"]["height"]


def _press(network: Network, queues: list[deque[Signed]], seconds: float, batch: int, *, restrained: bool) -> Phase:
    """All nodes at once, each by a client of its own."""
    until = time.monotonic() + seconds
    begun, first = time.monotonic(), _final(network)
    urls = [network.node(name)["api"] for name in network.names]
    with ThreadPoolExecutor(len(urls)) as clients:
        tasks = [clients.submit(_client, url, queue, until, batch, restrained) for url, queue in zip(urls, queues, strict=True)]
        told = sum((task.result() for task in tasks), Counter[str]())
    return Phase(told, time.monotonic() - begun, first, _final(network))


def _client(url: str, queue: deque[Signed], until: float, batch: int, restrained: bool) -> Counter[str]:  # noqa: FBT001 - handed to a thread
    told: Counter[str] = Counter()
    with NodeClient(url, timeout_s=60) as client:
        while time.monotonic() < until:
            assert queue, "the transactions that were made beforehand are all gone: ask for more with --signed"
            if restrained and client.status()["mempool"]["transactions"] > HELD_BACK:
                time.sleep(PAUSE_S)  # holding back is what this client does
                continue
            items = [queue.popleft() for _ in range(min(batch, len(queue)))]
            try:
                results = client.submit([item.raw for item in items])
            except NodeError as error:
                told[str(error.http_status)] += len(items)
                queue.extendleft(reversed(items))
                continue
            codes = [None if result["error"] is None else str(result["error"]["code"]) for result in results]
            told.update("taken" if code is None else code for code in codes)
            again = [item for item, code in zip(items, codes, strict=True) if code in ("pool_full", "nonce_gap")]
            queue.extendleft(reversed(again))
    return told


def _look_back(network: Network, phase: Phase) -> tuple[float, int, int]:
    """Transactions a second that became final; slots without a block, and the most of them in a row."""
    slots, transactions, height = list[int](), 0, phase.first_height + 1
    with NodeClient(network.node("node-1")["api"], timeout_s=30) as client:
        while height <= phase.last_height:
            answer = client.blocks(height, 20)
            blocks = [block for block in answer["blocks"] if block["height"] <= phase.last_height]
            slots += [block["slot"] for block in blocks]
            transactions += sum(len(block["transactions"]) for block in blocks)
            height = answer["next"]
    gaps = [later - earlier - 1 for earlier, later in pairwise(slots)]
    return transactions / phase.seconds, sum(gaps), max(gaps, default=0)


if __name__ == "__main__":
    main()
