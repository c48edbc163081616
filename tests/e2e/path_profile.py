"""Four real delegates under load, one of them sampled: processor time a transaction on each node, and where it goes.

    .venv/bin/python -m tests.e2e.path_profile [--transfers 20000] [--rate 1500] [--accounts 1000] [--json]

The load is signed beforehand and handed in at a steady rate, in turn to all nodes; finality is read from `node-1`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from p2pchain.bench.processes import cpu_seconds
from tests.e2e.load import quantile, run_load
from tests.e2e.network import Network, environment, processes_of
from tests.e2e.transfers import Purse
from tests.e2e.waiting import wait_until

SAMPLED = "node-2"
"""Not the one that is asked for blocks."""


@click.command()
@click.option("--transfers", default=20_000, show_default=True)
@click.option("--rate", default=1_500, show_default=True, help="Submitted a second.")
@click.option("--accounts", default=1_000, show_default=True)
@click.option("--lines", default=40, show_default=True, help="Of each list.")
@click.option("--json", "as_json", is_flag=True)
def main(transfers: int, rate: int, accounts: int, lines: int, *, as_json: bool) -> None:
    """Measure a local network, and sample one of its nodes."""
    with tempfile.TemporaryDirectory() as folder:
        network = Network(Path(folder) / "net")
        out = Path(folder) / "samples.json"
        network.up("--delegates", "4", "--accounts", str(accounts))
        sampled = _restart_sampled(network, out)
        try:
            figures = _measure(network, transfers, rate, sampled)
        finally:
            sampled.send_signal(signal.SIGTERM)
            sampled.wait(20)
            network.close()
            network.run("down", expect=None)
            assert not processes_of(Path(folder))
        samples = json.loads(out.read_text())
    if as_json:
        click.echo(json.dumps({"figures": figures, "samples": samples}, indent=1))
        return
    for name, value in figures.items():
        click.echo(f"{name:<60}{value:10.3f}")
    _show(samples, transfers, lines)


def _restart_sampled(network: Network, out: Path) -> subprocess.Popen[bytes]:
    network.run("stop", SAMPLED)
    home = network.node(SAMPLED)["home"]
    log = out.with_suffix(".log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.sampler", str(out), "run", "--home", home],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(),
    )  # fmt: skip
    wait_until(lambda: network.client(SAMPLED).is_alive(), 20, f"{SAMPLED} answers")
    wait_until(lambda: not network.status(SAMPLED)["syncing"], 20, f"{SAMPLED} is in step")
    return process


def _measure(network: Network, transfers: int, rate: int, sampled: subprocess.Popen[bytes]) -> dict[str, float]:
    pids = {node["name"]: node["pid"] for node in network.record["nodes"]} | {SAMPLED: sampled.pid}
    purse = Purse(network.record["accounts"], network.client("node-1"))
    before, threads = {name: cpu_seconds(pid) for name, pid in pids.items()}, _threads(sampled.pid)
    client_s = time.process_time()
    load = run_load(network, purse, transfers, rate)
    figures = {
        f"{name}: us of processor time a transaction": (cpu_seconds(pid) - before[name]) / transfers * 1e6 for name, pid in pids.items()
    }
    for name, seconds in _threads(sampled.pid).items():
        figures[f"{SAMPLED}, {name}: us a transaction"] = (seconds - threads.get(name, 0.0)) / transfers * 1e6
    figures["client, signing included: us a transaction"] = (time.process_time() - client_s) / transfers * 1e6
    figures["final transfers a second"] = transfers / load.seconds
    figures["submit to final, p50 s"] = quantile(load.latencies_s, 0.5)
    figures["submit to final, p99 s"] = quantile(load.latencies_s, 0.99)
    figures["blocks"] = load.blocks
    return figures


def _threads(pid: int) -> dict[str, float]:
    """Seconds of the main thread and of all others, in the program and in the kernel."""
    tick, found = os.sysconf("SC_CLK_TCK"), dict[str, float]()
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        who = "main thread" if int(task.name) == pid else "other threads"
        for place, where in ((11, "program"), (12, "kernel")):
            name = f"{who}, {where}"
            found[name] = found.get(name, 0.0) + int(fields[place]) / tick
    return found


def _show(samples: dict[str, Any], transfers: int, lines: int) -> None:
    us = samples["interval_s"] / transfers * 1e6
    click.echo(f"\n{samples['samples']} samples, {samples['samples'] * us:.1f} us a transaction; workers {samples['workers'] * us:.1f} us")
    for title in ("own", "below"):
        click.echo(f"\n--- {title}: us a transaction")
        for name, count in samples[title][:lines]:
            click.echo(f"{count * us:8.2f}  {name}")


if __name__ == "__main__":
    main()
