"""What half-open connections cost: 1,000 sockets to one of four delegates that say nothing, opened again whenever they are closed.

    .venv/bin/python -m tests.e2e.half_open [--seconds 60]

Transfers go on meanwhile, one at a time, and are measured before and under attack.  Everything is on loopback, whose
addresses are not counted as one network, so that the cap of 64 alone is at work.
"""

import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import click

from p2pchain.bench.processes import cpu_seconds, resident_mb
from p2pchain.config import split_endpoint
from tests.e2e.figures import SLOT_MS
from tests.e2e.load import quantile
from tests.e2e.network import Network
from tests.e2e.transfers import Purse
from tests.e2e.waiting import wait_until

SOCKETS = 1_000
ROUND_S = 0.5


class Attack(Thread):
    """Until it is told to stop."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__()
        self._address = address
        self.stopping = Event()
        self.opened = 0

    def run(self) -> None:
        held: list[socket.socket] = []
        try:
            while not self.stopping.wait(ROUND_S):
                held = [each for each in held if is_open(each)]
                while len(held) < SOCKETS and not self.stopping.is_set():
                    held.append(socket.create_connection(self._address))
                    held[-1].setblocking(False)
                    self.opened += 1
        finally:
            for each in held:
                each.close()


def is_open(each: socket.socket) -> bool:
    try:
        said = each.recv(1)
    except BlockingIOError:
        return True
    except OSError:
        said = b""
    assert not said, "a node says nothing to who says nothing"
    each.close()
    return False


def transfers_s(network: Network, purse: Purse, seconds: float) -> Iterator[float]:
    """From submitting a transfer to its being final, one after the other."""
    client = network.client("node-1")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        (transfer,) = purse.sign(1, client.status()["slot"] + 100)
        began = time.monotonic()
        client.submit([transfer.raw])
        wait_until(lambda transfer=transfer: client.transaction(transfer.id)["status"] == "final", 30, "a transfer is final")  # type: ignore[misc]
        yield time.monotonic() - began


@click.command()
@click.option("--seconds", default=60.0, show_default=True, help="How long.")
def main(seconds: float) -> None:
    """Attack node-1 of a local network."""
    with tempfile.TemporaryDirectory() as folder:
        network = Network(Path(folder) / "net")
        try:
            network.up("--slot-ms", str(SLOT_MS))
            measure(network, seconds)
        finally:
            network.close()
            network.run("down", expect=None)


def measure(network: Network, seconds: float) -> None:
    node = network.node("node-1")
    purse = Purse(network.record["accounts"], network.client("node-1"))
    tell("before", sorted(transfers_s(network, purse, seconds / 3)))
    memory_mb, cpu_s = resident_mb(node["pid"]), cpu_seconds(node["pid"])
    attack = Attack(split_endpoint(node["p2p"]))
    attack.start()
    try:
        tell("under attack", sorted(transfers_s(network, purse, seconds)))
    finally:
        attack.stopping.set()
        attack.join()
    growth_mb, core = resident_mb(node["pid"]) - memory_mb, (cpu_seconds(node["pid"]) - cpu_s) / seconds
    missed = sum(each["missed"] for each in network.client("node-1").delegates()["delegates"])
    click.echo(f"{attack.opened} sockets, {growth_mb:.1f} MB more, {core:.2f} of a core, {missed} slots missed")


def tell(when: str, spans_s: list[float]) -> None:
    click.echo(f"{len(spans_s)} transfers {when}: p50 {quantile(spans_s, 0.5):.2f} s, p99 {quantile(spans_s, 0.99):.2f} s")


if __name__ == "__main__":
    main()
