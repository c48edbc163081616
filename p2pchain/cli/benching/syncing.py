"""`bench sync`"""

from __future__ import annotations

from pathlib import Path

import click

from p2pchain.chain.params import Params
from p2pchain.cli.benching.options import profile_option, seed_option
from p2pchain.cli.options import json_option

_BLOCK_MAX = Params.ceiling("block_transactions_max")


@click.command()
@click.option("--accounts", type=click.IntRange(2, 1_000_000), default=2_000, show_default=True, help="Accounts in the ledger.")
@click.option("--blocks", type=click.IntRange(1, 100_000), default=200, show_default=True, help="How many blocks.")
@click.option("--transactions", type=click.IntRange(1, _BLOCK_MAX), default=1_000, show_default=True, help="Transfers in each block.")
@click.option("--peers", type=click.IntRange(1, 8), default=2, show_default=True, help="Nodes that have the chain.")
@profile_option("the fresh node")
@seed_option
@json_option
def sync(*, accounts: int, blocks: int, transactions: int, peers: int, profile: Path | None, seed: int, as_json: bool) -> None:
    """How fast a fresh node catches up with its peers."""
    from p2pchain.bench.syncing import Plan, measure_sync  # noqa: PLC0415 - loads a node, which help need not
    from p2pchain.cli.benching.network import bench_folder, bench_observer  # noqa: PLC0415
    from p2pchain.cli.benching.running import run_bench  # noqa: PLC0415

    plan = Plan(accounts, blocks, transactions, peers, seed, profile)
    with bench_folder() as place:
        run_bench(lambda progress: measure_sync(plan, place, bench_observer, progress), as_json=as_json)
