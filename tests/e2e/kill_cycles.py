"""F5 at length: four delegates under load, killed with SIGKILL and started again until so many kills are done.

    .venv/bin/python -m tests.e2e.kill_cycles [--kills 2000] [--batch 50] [--seed 1]

Prints a line per hundred kills and the sums at the end; any lost block or second signature ends it with an error.
"""

import tempfile
import time
from pathlib import Path

import click

from tests.e2e.killing import Killer, load
from tests.e2e.load import quantile
from tests.e2e.network import Network, processes_of

ALL_EVERY = 10
"""One time in so many all nodes are killed at once."""


@click.command()
@click.option("--kills", default=2_000, show_default=True, help="How many processes to kill.")
@click.option("--batch", default=50, show_default=True, help="Transfers a batch; up to ten batches a second.")
@click.option("--slot-ms", default=500, show_default=True, help="Length of a slot.")
@click.option("--seed", default=1, show_default=True, help="Of the moments and victims.")
def main(kills: int, batch: int, slot_ms: int, seed: int) -> None:
    """Kill nodes of a local network."""
    with tempfile.TemporaryDirectory() as folder:
        network = Network(Path(folder) / "net")
        try:
            network.up("--delegates", "4", "--slot-ms", str(slot_ms), "--accounts", "16")
            run(network, kills, batch, seed)
        finally:
            network.close()
            network.run("down", expect=None)
            assert not processes_of(Path(folder))


def run(network: Network, kills: int, batch: int, seed: int) -> None:
    began, cycles, said = time.monotonic(), 0, 0
    with Killer(network, seed) as killer:
        with load(network, batch) as sender:
            while killer.kills < kills:
                cycles += 1
                try:
                    killer.cycle(everyone=cycles % ALL_EVERY == 0)
                except BaseException:
                    click.echo(killer.describe())
                    raise
                if killer.kills // 100 > said:
                    said = killer.kills // 100
                    tell(killer, sender.sent, time.monotonic() - began)
        for name in network.names:
            killer.require_no_contradiction(name)
    tell(killer, sender.sent, time.monotonic() - began)
    click.echo("no acknowledged final block lost, no contradicting signature")


def tell(killer: Killer, sent: int, seconds: float) -> None:
    restarts = sorted(killer.restarts_s)
    p50, p99 = quantile(restarts, 0.5), quantile(restarts, 0.99)
    click.echo(
        f"{killer.kills} kills in {seconds:.0f} s, {sent} transfers taken; start to first answer: "
        f"p50 {p50:.2f} s, p99 {p99:.2f} s, worst {restarts[-1]:.2f} s"
    )


if __name__ == "__main__":
    main()
