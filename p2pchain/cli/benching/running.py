"""What all benchmarks share on the command line: options, signals, the folder, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from p2pchain.bench.errors import BadOption, NotMeasured
from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Result
from p2pchain.cli.benching.showing import print_result, progress_bar, write_plot
from p2pchain.cli.benching.signals import ended_by_signals
from p2pchain.cli.failures import FAILED, WRONG_USE, Failure

F = TypeVar("F", bound=Callable[..., Any])
_SVG = click.Path(path_type=Path, dir_okay=False)


def seed_option(verb: F) -> F:
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**63),
        default=1,
        show_default=True,
        help="Makes keys and transfers: the same seed, the same ones.",
    )(verb)


def plot_option(verb: F) -> F:
    return click.option("--plot", type=_SVG, metavar="FILE.svg", callback=_svg, help="Draw the curve.")(verb)


def _svg(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    """Before anything is measured: a minute later it would be too late to say."""
    if value is None:
        return None
    if value.suffix != ".svg":
        raise click.BadParameter(f"found {value.name!r}, wanted a name that ends in .svg", param_hint="--plot")
    if not value.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {value.absolute().parent}", param_hint="--plot")
    return value


def run_bench(measure: Callable[[Progress], Result], *, as_json: bool, plot: Path | None = None) -> None:
    """Measure, then print; a run that was not as promised prints no figure and ends with 1."""
    try:
        with ended_by_signals(), progress_bar() as progress:
            result = measure(progress)
    except BadOption as refusal:
        raise Failure(str(refusal), WRONG_USE) from None
    except NotMeasured as reason:
        raise Failure(f"not measured: {reason}", FAILED) from None
    if plot is not None:
        write_plot(result, plot)
    print_result(result, as_json=as_json)
