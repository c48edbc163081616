"""The foreground of `testnet up`: a live table on a terminal, a line a second elsewhere, until interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import click
from rich.console import Console
from rich.live import Live

from p2pchain.cli.testnet.interruption import Interruption
from p2pchain.cli.testnet.picture import Scene, line_of, picture_of
from p2pchain.cli.testnet.processes import Children, pid_of
from p2pchain.cli.testnet.record import TestnetFolder
from p2pchain.cli.testnet.samples import Row, Watched
from p2pchain.cli.testnet.traffic import Traffic
from p2pchain.client import ClientError, NodeClient

TERMINAL_S = 0.5
LINE_S = 1.0


@dataclass(slots=True)
class Observer:
    """Looks at all nodes of the folder, those added meanwhile included."""

    place: TestnetFolder
    sends: bool
    watched: dict[str, Watched] = field(default_factory=dict)
    traffic: Traffic | None = None
    sent_at_s: float = 0.0

    def close(self) -> None:
        for watched in self.watched.values():
            watched.client.close()

    def look(self, now_s: float) -> Scene:
        testnet = self.place.load()
        for node in testnet.nodes:
            known = self.watched.get(node.name)
            if known is None or known.node.api != node.api:
                self.watched[node.name] = Watched(node)
        rows = [self.watched[node.name].look(now_s) for node in testnet.nodes]
        self._send(rows, now_s)
        if self.traffic is None:
            return Scene(rows)
        return Scene(rows, tuple(self.traffic.last), self.traffic.sent, self.traffic.final)

    def _send(self, rows: Sequence[Row], now_s: float) -> None:
        client = next((self.watched[row.name].client for row in rows if row.status is not None), None)
        if not self.sends or client is None:
            return
        if self.traffic is None:
            self.traffic = self._begin(client)
        if self.traffic is not None:
            if now_s - self.sent_at_s >= 1.0:
                self.sent_at_s = now_s
                self.traffic.send(client)
            self.traffic.refresh(client)

    def _begin(self, client: NodeClient) -> Traffic | None:
        try:
            return Traffic(self.place.load().accounts, client.spec())
        except ClientError:
            return None


def watch(place: TestnetFolder, children: Children, interruption: Interruption, *, sample_transfers: bool) -> None:
    """Returns when interrupted, or when no node of the testnet is left."""
    console = Console()
    with closing(Observer(place, sample_transfers)) as observer:
        if not console.is_terminal:
            _loop(observer, children, interruption, LINE_S, lambda scene: click.echo(line_of(scene)))
            return
        with Live(console=console, auto_refresh=False) as live:
            _loop(observer, children, interruption, TERMINAL_S, lambda scene: live.update(picture_of(scene), refresh=True))


def _loop(observer: Observer, children: Children, interruption: Interruption, pause_s: float, show: Callable[[Scene], None]) -> None:
    while not interruption:
        show(observer.look(time.monotonic()))
        for child in children.values():
            child.poll()  # takes leave of one that ended, which would else stay in the process table
        if all(pid_of(node) is None for node in observer.place.load().nodes):
            return
        interruption.wait(pause_s)
