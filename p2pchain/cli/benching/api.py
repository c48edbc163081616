"""`bench api`"""

from __future__ import annotations

from pathlib import Path

import click

from p2pchain.cli.benching.options import plot_option, seed_option, senders_option, slot_option
from p2pchain.cli.options import json_option

_POOL = 50_000
"""What a node keeps waiting unless it is told otherwise."""


@click.command()
@click.option("--transactions", type=click.IntRange(1, _POOL), default=10_000, show_default=True, help="Transfers handed in each way.")
@slot_option
@senders_option
@seed_option
@plot_option
@json_option
def api(*, transactions: int, slot_ms: int, senders: int, seed: int, plot: Path | None, as_json: bool) -> None:
    """Handing in transactions one by one, in bulk, and in a stream."""
    from p2pchain.bench.submitting import Plan, measure_api  # noqa: PLC0415 - loads a node, which help need not
    from p2pchain.cli.benching.network import bench_network  # noqa: PLC0415
    from p2pchain.cli.benching.running import run_bench  # noqa: PLC0415

    plan = Plan(transactions, senders, slot_ms, seed)
    run_bench(lambda progress: measure_api(plan, bench_network, progress), as_json=as_json, plot=plot)
