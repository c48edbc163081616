"""How far a verb of care is: a bar with the time left on a terminal, a line every so often elsewhere; both on standard error.

Each kind of work is measured by itself, in bytes of blocks: links are followed ten times faster than blocks are executed,
so one rate for both would promise what does not come.  The time left is by the rate of the last half minute.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click

LINE_S = 15.0
WINDOW_S = 30.0
Tick = Callable[[str, int], None]


class Rate:
    """Work done and the speed of late."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.done = 0
        self._clock = clock
        self._marks = deque([(clock(), 0)])

    def add(self, count: int) -> None:
        self.done += count
        now = self._clock()
        if now - self._marks[-1][0] >= 1.0:
            self._marks.append((now, self.done))
            while len(self._marks) > 2 and now - self._marks[1][0] >= WINDOW_S:
                self._marks.popleft()

    @property
    def left_s(self) -> float | None:
        """None where nothing can be told: nothing is done yet, or how much there is is not known."""
        since, done = self._marks[0]
        passed, moved = self._clock() - since, self.done - done
        if not self.total or moved <= 0 or passed <= 0:
            return None
        return max(0, self.total - self.done) * passed / moved

    def line(self, doing: str) -> str:
        if not self.total:
            return f"{doing}: under way"
        left = self.left_s
        tail = "" if left is None else f", {left:,.0f} s left"
        return f"{doing}: {min(100, 100 * self.done // self.total)}% of {self.total / 1e6:,.1f} MB{tail}"


@contextmanager
def progress(totals: Mapping[str, int]) -> Iterator[Tick]:
    """`totals` are bytes by kind of work, known before it begins; a kind that is not in it has no end that is known."""
    if not sys.stderr.isatty():
        yield _lines(totals)
        return
    # loaded where there is a bar to draw: the help of a verb must not wait for it
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=WINDOW_S) as bar:
        rows = {}

        def tick(doing: str, count: int) -> None:
            if doing not in rows:
                rows[doing] = bar.add_task(doing, total=totals.get(doing) or None)
            bar.advance(rows[doing], count)

        yield tick


def _lines(totals: Mapping[str, int]) -> Tick:
    rates: dict[str, Rate] = {}
    told_s = time.monotonic()

    def tick(doing: str, count: int) -> None:
        nonlocal told_s
        rate = rates.setdefault(doing, Rate(totals.get(doing, 0)))
        rate.add(count)
        now = time.monotonic()
        if now - told_s >= LINE_S:
            told_s = now
            click.echo(rate.line(doing), err=True)

    return tick
