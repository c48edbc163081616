"""A result on a terminal, as JSON, and as a picture; progress on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from p2pchain.bench.progress import Progress as Shown
from p2pchain.bench.result import Figures, Result, Value, to_json
from p2pchain.cli.showing import table


class _Bar:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._part: TaskID | None = None

    def begin(self, words: str, total: float) -> None:
        if self._part is not None:
            self._bar.remove_task(self._part)
        self._part = self._bar.add_task(words, total=total)

    def advance(self, steps: float = 1) -> None:
        assert self._part is not None, "a part has begun"
        self._bar.advance(self._part, steps)


class _Lines:
    """Where there is no terminal: a line as each part begins."""

    def begin(self, words: str, _total: float) -> None:
        click.echo(words, err=True)

    def advance(self, steps: float = 1) -> None:
        pass


@contextmanager
def progress_bar() -> Iterator[Shown]:
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar)


def print_result(result: Result, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(to_json(result), allow_nan=False))
        return
    for line in lines_of(result):
        click.echo(line)


def lines_of(result: Result) -> list[str]:
    lines = [f"{result.name}: {result.measured}", ""]
    lines += _pairs(result.figures)
    if result.rows:
        lines += ["", *table([_cells(result, row) for row in result.rows])]
    share = "" if result.share_of_limit is None else f"; this run reached {100 * result.share_of_limit:.2g}%"
    lines += ["", f"limit of the machine, in the same run{share}", *_pairs(result.limit), "", "measured on"]
    return lines + _pairs({**result.machine, "commit": result.commit or "not a working copy", "seed": result.seed})


def _cells(result: Result, row: Figures) -> dict[str, str]:
    return {name: _text(row[name]) for name in result.columns or row}


def _pairs(figures: Figures | dict[str, str | int | float]) -> list[str]:
    width = max(map(len, figures), default=0)
    return [f"  {name.replace('_', ' '):<{width}}  {_text(value)}" for name, value in figures.items()]


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return "-" if value in (None, "") else str(value)
    if isinstance(value, float) and (not math.isfinite(value) or abs(value) < 100):
        return f"{value:g}"
    return f"{value:,.0f}"


def write_plot(result: Result, path: Path) -> None:
    from p2pchain.bench.plot import draw  # noqa: PLC0415 - only where a picture is wanted

    assert result.curve is not None, "only benchmarks with a curve take --plot"
    path.write_text(draw(result.curve), encoding="utf-8")
    click.echo(f"drawn: {path}", err=True)
