"""Looks at a node again and again until Ctrl-C: one screen on a terminal, one block of lines a look elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from p2pchain.cli.live.pictures import Look, Picture
from p2pchain.client import NodeClient, NodeUnreachableError
from p2pchain.client.answers import Json

EVERY_S = 1.0
Show = Callable[[list[str]], None]


def watch(url: str, ask: Callable[[NodeClient], Json], picture: Picture, *, pause: Callable[[float], None] = time.sleep) -> None:
    """A node that does not answer for a while is waited for: what it does next is what one wants to see."""
    before: Look | None = None
    with NodeClient(url) as client, _shown() as show:
        try:
            while True:
                try:
                    look = Look(ask(client), time.time())
                except NodeUnreachableError as error:
                    before = None
                    show([str(error), "looking again every second; end with Ctrl-C"])
                else:
                    show(picture(look, before))
                    before = look
                pause(EVERY_S)
        except KeyboardInterrupt:
            return


@contextmanager
def _shown() -> Iterator[Show]:
    if not sys.stdout.isatty():
        yield _print_block
        return
    with Live(console=Console(), screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        yield lambda lines: live.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)


def _print_block(lines: list[str]) -> None:
    click.echo("\n".join([*lines, ""]))
