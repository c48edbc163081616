"""`status --watch`: how far a node is that catches up, until it is in step: a bar on a terminal, a line a second elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from p2pchain.client import NodeClient
from p2pchain.client.answers import Status, SyncAnswer

POLL_S = 1.0
CALM_LOOKS = 2
"""A node that has just started may not know its peers yet: it must be in step this many times in a row."""

Show = Callable[[Status], None]


def watch_sync(url: str, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Returns once the node is in step."""
    calm = 0
    with NodeClient(url) as client, _shown() as show:
        while True:
            status = client.status()
            show(status)
            calm = 0 if status["syncing"] or not status["peers"] else calm + 1
            if calm >= CALM_LOOKS:
                break
            pause(POLL_S)
    click.echo(f"in step: final height {status['final']['height']}")


def describe_sync(sync: SyncAnswer) -> str:
    """One line: from, at, to, how fast, how long."""
    rate = sync["blocks_per_second"]
    speed = "speed unknown" if rate is None else f"{rate:,.1f} blocks/s"
    return (
        f"from {sync['from']:,}, at {sync['at']:,} of {sync['to']:,}, proven to {sync['proven']:,}, {speed}, {_left(sync['seconds_left'])}"
    )


def _left(seconds: int | None) -> str:
    if seconds is None:
        return "time left unknown"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return "about " + (f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s") + " left"


@contextmanager
def _shown() -> Iterator[Show]:
    if not sys.stdout.isatty():
        yield _show_line
        return
    columns = TextColumn("catching up"), BarColumn(), TextColumn("{task.fields[text]}")
    with Progress(*columns, console=Console(), auto_refresh=False, transient=True) as bar:
        row = bar.add_task("sync", total=None, text="")

        def show(status: Status) -> None:
            sync = status.get("sync")
            if sync is None:
                bar.update(row, text=status["condition"], refresh=True)
                return
            total = max(1, sync["to"] - sync["from"])
            bar.update(row, total=total, completed=sync["at"] - sync["from"], text=describe_sync(sync), refresh=True)

        yield show


def _show_line(status: Status) -> None:
    sync = status.get("sync")
    click.echo(status["condition"] if sync is None else describe_sync(sync))
