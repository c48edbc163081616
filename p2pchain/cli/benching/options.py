"""Options that several benchmarks take, each said once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from p2pchain.chain.params import Params

F = TypeVar("F", bound=Callable[..., Any])
_SLOT_MS = Params.__dataclass_fields__["slot_ms"].metadata
SENDERS = 2_000
_SVG = click.Path(path_type=Path, dir_okay=False)


def delegates_option(verb: F) -> F:
    return click.option("--delegates", type=click.IntRange(1, 101), default=4, show_default=True, help="Nodes, one process each.")(verb)


def slot_option(verb: F) -> F:
    kind = click.IntRange(_SLOT_MS["low"], _SLOT_MS["high"])
    return click.option("--slot-ms", type=kind, default=Params().slot_ms, show_default=True, help="Length of a slot in milliseconds.")(verb)


def senders_option(verb: F) -> F:
    kind = click.IntRange(2, 100_000)
    return click.option("--senders", type=kind, default=SENDERS, show_default=True, help="Accounts that send, each to another one.")(verb)


def profile_option(whom: str) -> Callable[[F], F]:
    kind = click.Path(path_type=Path, dir_okay=False, writable=True, resolve_path=True)
    words = f"Run {whom} under cProfile, and write here what it says; it is slower then."
    return click.option("--profile", type=kind, metavar="FILE", help=words)


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
