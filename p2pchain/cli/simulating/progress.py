"""How far `sim --many` is: a bar on a terminal, a plain line every so often elsewhere; both on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from p2pchain.sim.sums import Sums

LINE_S = 15.0


class Meter:
    """Counts what this command itself has run; what a state file knew already is no speed."""

    def __init__(self, sums: Sums, count: int) -> None:
        self.sums = sums
        self.count = count
        self._seeds = sums.seeds
        self._slots = sums.slots
        self._began_s = time.monotonic()

    @property
    def wall_s(self) -> float:
        return time.monotonic() - self._began_s

    @property
    def slots_per_s(self) -> float:
        return (self.sums.slots - self._slots) / max(self.wall_s, 0.001)

    @property
    def left_s(self) -> float | None:
        """None while nothing is done."""
        done = self.sums.seeds - self._seeds
        return (self.count - self.sums.seeds) * self.wall_s / done if done else None

    def numbers(self) -> str:
        bad = len(self.sums.failing) + len(self.sums.lost)
        return f"{self.slots_per_s:,.0f} slots/s, {bad} failing"

    def line(self) -> str:
        left = "" if self.left_s is None else f", {self.left_s:,.0f} s left"
        return f"{self.sums.seeds:,} of {self.count:,} seeds, {self.numbers()}{left}"

    def tick(self) -> None:
        """Show it, if it is time."""


class _Lines(Meter):
    _told_s = 0.0

    def tick(self) -> None:
        if self.wall_s - self._told_s >= LINE_S:
            self._told_s = self.wall_s
            click.echo(self.line(), err=True)


class _Bar(Meter):
    def __init__(self, sums: Sums, count: int, bar: Progress) -> None:
        super().__init__(sums, count)
        self._bar = bar
        self._row = bar.add_task("seeds", total=count, completed=sums.seeds, numbers="")

    def tick(self) -> None:
        self._bar.update(self._row, completed=self.sums.seeds, numbers=self.numbers())


@contextmanager
def progress_of(sums: Sums, count: int) -> Iterator[Meter]:
    """As long as it is open, `tick` shows how far it is."""
    if not sys.stderr.isatty():
        yield _Lines(sums, count)
        return
    columns = (TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[numbers]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield _Bar(sums, count, bar)
