"""`bench scale`"""

from __future__ import annotations

from pathlib import Path

import click

from p2pchain.chain.params import Params
from p2pchain.cli.benching.options import plot_option, seed_option
from p2pchain.cli.options import json_option

_BLOCK_MAX = Params.ceiling("block_transactions_max")


@click.command()
@click.option(
    "--accounts", type=click.IntRange(2, 10_000_000), multiple=True, default=(1_000, 10_000, 100_000), show_default=True, help="Repeatable."
)
@click.option("--delegates", type=click.IntRange(1, 101), multiple=True, default=(4, 16, 64), show_default=True, help="Repeatable.")
@click.option(
    "--transactions", type=click.IntRange(1, _BLOCK_MAX), multiple=True, default=(100, 1_000, 5_000), show_default=True, help="Repeatable."
)
@click.option("--blocks", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many blocks for each.")
@seed_option
@plot_option
@json_option
def scale(
    *,
    accounts: tuple[int, ...],
    delegates: tuple[int, ...],
    transactions: tuple[int, ...],
    blocks: int,
    seed: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """How the cost grows with accounts, delegates, and transactions in a block."""
    from p2pchain.bench.scale import Plan, measure_scale  # noqa: PLC0415 - loads a node, which help need not
    from p2pchain.cli.benching.network import bench_folder  # noqa: PLC0415
    from p2pchain.cli.benching.running import run_bench  # noqa: PLC0415

    plan = Plan(sorted(set(accounts)), sorted(set(delegates)), sorted(set(transactions)), blocks, seed)
    with bench_folder() as place:
        run_bench(lambda progress: measure_scale(plan, place, progress), as_json=as_json, plot=plot)
