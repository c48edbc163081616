"""What attacks cost: the delay from a slot's beginning to the finality of its block, without and with each attack.

    .venv/bin/python -m tests.e2e.attacks [--seconds 20] [NAME]...

One of four delegates is attacked; the delay is measured there and at a delegate that nobody attacks, with a transfer
in every slot.  Attackers and nodes share this machine.
"""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
import trio

from p2pchain.badpeers.attack import Attack
from p2pchain.badpeers.campaign import Report, Size, run_campaign
from p2pchain.badpeers.catalogue import CATALOGUE
from p2pchain.badpeers.floods import Flood
from p2pchain.badpeers.targets import Target
from p2pchain.chain.types import ChainId
from p2pchain.config import split_endpoint
from tests.e2e.finality_watch import Finality, FinalityWatch, SteadyFlow
from tests.e2e.network import Network
from tests.e2e.process_figures import cpu_seconds, resident_mb

SLOT_MS = 500
ATTACKED, OTHER, FEEDING = "node-1", "node-2", "node-3"


class Delays(NamedTuple):
    """Of the blocks of one measurement, in ms."""

    blocks: int
    median: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:5.0f} {self.most:5.0f}"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seconds", default=20.0, show_default=True, help="How long each attack goes on, at least.")
@click.option("--rate", type=float, help="Messages a second on each link of a flood [as many as it takes].")
def main(names: tuple[str, ...], seconds: float, rate: float | None) -> None:
    """Attack node-1 of a local network with each attack named, or all."""
    with tempfile.TemporaryDirectory() as folder:
        network = Network(Path(folder) / "net")
        try:
            network.up("--slot-ms", str(SLOT_MS))
            measure(network, names or tuple(CATALOGUE), seconds, rate)
        finally:
            network.close()
            network.run("down", expect=None)


def measure(network: Network, names: tuple[str, ...], seconds: float, rate: float | None) -> None:
    flow = SteadyFlow(network, FEEDING)
    click.echo(f"{'':<22}{'at ' + ATTACKED:>11}  {'at ' + OTHER:>11}  {'':>6}  {'slots':>6}  {'more':>7}  {'':>4}  slowest")
    click.echo(f"{'':<22}{'median   max':>11}  {'median   max':>11}  {'blocks':>6}  {'missed':>6}  {'MB':>7}  core  ping")
    click.echo(line(network, flow, None, seconds))
    for name in names:
        attack = CATALOGUE[name]()
        if isinstance(attack, Flood):
            attack.rate = rate
        click.echo(line(network, flow, attack, max(seconds, attack.SECONDS)))


def line(network: Network, flow: SteadyFlow, attack: Attack | None, seconds: float) -> str:
    """One row of the table; without an attack it is what the others are compared with."""
    pid = network.node(ATTACKED)["pid"]
    memory_mb, cpu_s, missed, began_s = resident_mb(pid), cpu_seconds(pid), missed_slots(network), time.monotonic()
    watches = {name: FinalityWatch(network, at=name, flow=flow if name == OTHER else None) for name in (ATTACKED, OTHER)}
    for watch in watches.values():
        watch.start()
    try:
        report = run(network, attack, seconds)
    finally:
        delays = {name: delays_of(watch.finish()) for name, watch in watches.items()}
    core = (cpu_seconds(pid) - cpu_s) / (time.monotonic() - began_s)
    ping = "" if report is None else f"{report.witness.slowest_ping_s:.2f} s {' '.join(report.findings)}"
    return (
        f"{'no attack' if attack is None else attack.NAME:<22}{delays[ATTACKED]}  {delays[OTHER]}  {delays[OTHER].blocks:>6}"
        f"  {missed_slots(network) - missed:>6}  {resident_mb(pid) - memory_mb:>7.1f}  {core:>4.2f}  {ping}"
    )


def run(network: Network, attack: Attack | None, seconds: float) -> Report | None:
    """Short ones again and again, each whole: what they do to a node is to be felt.  None: so long without an attack."""
    if attack is None:
        trio.run(trio.sleep, seconds)
        return None
    target, chain = Target(*split_endpoint(network.node(ATTACKED)["p2p"])), ChainId(bytes.fromhex(network.record["chain_id"]))
    until, size = time.monotonic() + seconds, Size(seconds, attack.CONNECTIONS)
    while True:
        report = trio.run(run_campaign, attack, target, chain, size)
        if report.findings or time.monotonic() + max(0.5, attack.LEAST_S) > until:
            return report


def delays_of(blocks: list[Finality]) -> Delays:
    found = [block.delay_ms for block in blocks]
    return Delays(len(found), median(found), max(found)) if found else Delays(0, 0, 0)


def missed_slots(network: Network) -> int:
    return sum(each["missed"] for each in network.client(OTHER).delegates()["delegates"])


if __name__ == "__main__":
    main()
