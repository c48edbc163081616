"""Options of benchmarks that measure networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from p2pchain.chain.params import Params

F = TypeVar("F", bound=Callable[..., Any])
_SLOT_MS = Params.__dataclass_fields__["slot_ms"].metadata
SENDERS = 2_000


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
