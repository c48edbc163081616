"""`bench rest`"""

from __future__ import annotations

import click

from p2pchain.cli.benching.options import delegates_option, slot_option
from p2pchain.cli.options import json_option


@click.command()
@delegates_option
@slot_option
@click.option("--seconds", type=click.FloatRange(0.5, 3_600), default=20.0, show_default=True, help="How long.")
@json_option
def rest(*, delegates: int, slot_ms: int, seconds: float, as_json: bool) -> None:
    """CPU and memory of nodes that nobody uses."""
    from p2pchain.bench.rest import Plan, measure_rest  # noqa: PLC0415 - loads a node, which help need not
    from p2pchain.cli.benching.network import bench_network  # noqa: PLC0415
    from p2pchain.cli.benching.running import run_bench  # noqa: PLC0415

    run_bench(lambda progress: measure_rest(Plan(delegates, slot_ms, seconds), bench_network, progress), as_json=as_json)
