"""What the verbs of care share: the home that they work on, and the processes that check signatures."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from p2pchain.care.guarded import guarded
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.recovery import Recoveries
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import current_config
from p2pchain.cli.parent import end_with_parent
from p2pchain.config import Config
from p2pchain.genesis_file import load_genesis, load_installed
from p2pchain.storage import Marks

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
JOBS_MAX = 64
HEIGHT = click.IntRange(min=1)


@dataclass(frozen=True, slots=True)
class CareHome:
    config: Config
    genesis: Genesis
    recoveries: Recoveries

    @property
    def data_dir(self) -> Path:
        return self.config.data_path

    @property
    def marks(self) -> Marks:
        return Marks(self.config.storage.free_bytes_low, self.config.storage.free_bytes_end)


def open_home() -> CareHome:
    config = current_config()
    home = config.home
    if not home.genesis_file.exists():
        raise Failure(f"{home.path} is no home of a node (no config/genesis.toml); name one with --home DIR")
    genesis = load_genesis(home.genesis_file)
    return CareHome(config, genesis, Recoveries(load_installed(home.recoveries, genesis.chain_id)))


def in_child(work: Callable[[], T]) -> T:
    """`guarded`, in a process that ends with this one."""
    return guarded(work, partial(end_with_parent, os.getpid()))


def jobs_option(verb: F) -> F:
    """`--jobs`: as many as there are cores, unless said; 0 checks everything in this process."""
    option = click.option(
        "--jobs",
        metavar="N",
        type=click.IntRange(0, JOBS_MAX),
        default=lambda: min(JOBS_MAX, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
        show_default="one a core",
        help="Processes that check signatures; 0: none but this one.",
    )
    return option(verb)


def range_options(verb: F) -> F:
    """`--from` and `--to`, both included."""
    first = click.option("--from", "from_height", metavar="HEIGHT", type=HEIGHT, default=1, show_default=True, help="The first block.")
    last = click.option("--to", "to_height", metavar="HEIGHT", type=HEIGHT, default=None, help="The last block [the last final one].")
    return first(last(verb))
