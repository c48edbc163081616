"""The figures of a whole network of real processes on this machine, each measured as a user would see it.

    .venv/bin/python -m tests.e2e.figures [--json]

Four delegates, slots of 500 ms, everything on loopback and durable.  Anything that is not as promised ends it with an error.
What a load and a rest cost is measured by `p2pchain bench`.
"""

import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from p2pchain.bench.processes import resident_mb
from p2pchain.cli.background import send_signal, spawn_node, wait_for_end
from p2pchain.client import NodeClient
from p2pchain.config import Home
from tests.e2e.load import run_load
from tests.e2e.network import Network, command, processes_of
from tests.e2e.ports import free_port
from tests.e2e.transfers import Purse
from tests.e2e.waiting import wait_until

Figures = dict[str, float | int | str]
SLOT_MS = 500
STALL_S = 10.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(*, as_json: bool) -> None:
    """Measure a local network."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        network = Network(Path(folder) / "net")
        try:
            measure(network, Path(folder), figures, lambda text: None if as_json else click.echo(text))
        finally:
            network.close()
            network.run("down", expect=None)
            assert not processes_of(Path(folder))
    if as_json:
        click.echo(json.dumps(figures, indent=1))


def measure(network: Network, folder: Path, figures: Figures, show: Callable[[str], None]) -> None:
    steps: list[Callable[[], Figures]] = [
        lambda: first_answer(folder / "single"),
        lambda: first_final_block(network),
        lambda: idle_transfers(network),
        lambda: killed_delegate(network),
        lambda: lost_quorum(network),
        lambda: joining_observer(network),
    ]
    for step in steps:
        for name, value in step().items():
            figures[name] = round(value, 3) if isinstance(value, float) else value
            show(f"{name:<58} {figures[name]}")


def first_answer(home: Path) -> Figures:
    api = f"127.0.0.1:{free_port()}"
    command(
        "init", "--delegate", "--open", "--home", str(home), "--set", f"api.listen={api}", "--set", f"p2p.listen=127.0.0.1:{free_port()}"
    )
    begin = time.monotonic()
    process = spawn_node(Home(home))
    with process, NodeClient(f"http://{api}", timeout_s=1) as client:
        wait_until(client.is_alive, 20, "the node answers")
        seconds = time.monotonic() - begin
        send_signal(process.pid, 15)  # type: ignore[arg-type]
        assert wait_for_end(process.pid, Home(home), 10)
    return {"first API answer of a node, s (at most 1.5)": seconds}


def first_final_block(network: Network) -> Figures:
    begin = time.monotonic()
    network.up("--delegates", "4", "--slot-ms", str(SLOT_MS))
    return {"first final block after the command, s (at most 4)": time.monotonic() - begin}


def idle_transfers(network: Network) -> Figures:
    client = network.client("node-1")
    purse, seconds = Purse(network.record["accounts"], client), []
    for _ in range(10):
        (item,) = purse.sign(1, client.status()["slot"] + 100)
        begin = time.monotonic()
        client.submit([item.raw])
        assert client.wait_for(item.id, "final", 10)["status"] == "final"
        seconds.append(time.monotonic() - begin)
        time.sleep(1.3 * SLOT_MS / 1_000)  # so that each begins at another point of its slot
    return {"a transfer into an idle network, mean s": sum(seconds) / len(seconds), "the slowest of ten, s (at most 1)": max(seconds)}


def killed_delegate(network: Network) -> Figures:
    network.run("stop", "node-3", "--kill")
    purse = Purse(network.record["accounts"], network.client("node-1"))
    alive = _Alive(network, "node-3")
    run_load(alive, purse, 1_000, 100)
    height = network.final("node-1")
    begin = time.monotonic()
    network.run("start", "node-3")
    wait_until(lambda: network.final("node-3") >= height, 30, "it has caught up")
    contradictions = sum(network.metric(name, "p2pchain_contradictions_total") for name in network.names)
    assert contradictions == 0
    return {
        "killed delegate: start to caught up, s": time.monotonic() - begin,
        "contradicting signatures": int(contradictions),
    }


def lost_quorum(network: Network) -> Figures:
    for name in ("node-3", "node-4"):
        network.run("stop", name)
    client = network.client("node-1")
    (item,) = Purse(network.record["accounts"], client).sign(1, client.status()["slot"] + 1_000)
    client.submit([item.raw])
    wait_until(lambda: "no quorum" in client.status()["condition"], 20, "the status says why")
    condition, before, pid = client.status()["condition"], network.final("node-1"), network.node("node-1")["pid"]
    memory = resident_mb(pid)
    time.sleep(STALL_S)  # the time without a quorum is what is measured
    assert network.final("node-1") == before
    growth = resident_mb(pid) - memory
    begin = time.monotonic()
    network.run("start", "node-4")
    with ThreadPoolExecutor(1) as other:
        starting = other.submit(network.run, "start", "node-3")
        wait_until(lambda: network.final("node-1") > before, 20, "final blocks are back")
        seconds = time.monotonic() - begin
        starting.result()
    return {
        "two of four stopped: the status": condition,
        f"two of four stopped: growth in {STALL_S:g} s, MB": growth,
        "third delegate's start command to a final block, s": seconds,
        "the same in slots (at most 10)": 1_000 * seconds / SLOT_MS,
    }


def joining_observer(network: Network) -> Figures:
    begin = time.monotonic()
    network.run("add")
    height = network.final("node-1")
    found = network.block_hash("node-5", height)
    seconds = time.monotonic() - begin
    assert found == network.block_hash("node-1", height)
    return {f"an observer has {height} blocks after, s (at most 5)": seconds}


class _Alive(Network):
    """The same network, seen without one of its nodes."""

    def __init__(self, network: Network, without: str) -> None:
        super().__init__(network.folder)
        self._clients = network._clients
        self._without = without

    @property
    def names(self) -> list[str]:
        return [name for name in super().names if name != self._without]


if __name__ == "__main__":
    main()
