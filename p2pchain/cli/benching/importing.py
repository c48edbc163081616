"""`bench import`"""

from __future__ import annotations

from pathlib import Path

import click

from p2pchain.chain.params import Params
from p2pchain.cli.benching.options import plot_option, seed_option
from p2pchain.cli.options import json_option

_ACCOUNTS_MAX = 10_000_000
_BLOCK_MAX = Params.ceiling("block_transactions_max")


@click.command("import")
@click.option(
    "--accounts",
    type=click.IntRange(2, _ACCOUNTS_MAX),
    multiple=True,
    default=(1_000, 1_000_000),
    show_default=True,
    help="Accounts in the ledger; may be repeated.",
)
@click.option("--blocks", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many blocks.")
@click.option("--transactions", type=click.IntRange(1, _BLOCK_MAX), default=2_000, show_default=True, help="Transfers in each block.")
@seed_option
@plot_option
@json_option
def import_(*, accounts: tuple[int, ...], blocks: int, transactions: int, seed: int, plot: Path | None, as_json: bool) -> None:
    """Importing blocks, cold and from a full mempool, by the size of the ledger."""
    from p2pchain.bench.importing import measure_import  # noqa: PLC0415 - loads a node, which help need not
    from p2pchain.cli.benching.network import bench_folder  # noqa: PLC0415
    from p2pchain.cli.benching.running import run_bench  # noqa: PLC0415

    with bench_folder() as place:
        run_bench(
            lambda progress: measure_import(sorted(set(accounts)), blocks, transactions, seed, place, progress), as_json=as_json, plot=plot
        )
