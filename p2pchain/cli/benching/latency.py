"""`bench latency`"""

from __future__ import annotations

from pathlib import Path

import click

from p2pchain.cli.benching.options import delegates_option, plot_option, seed_option, senders_option, slot_option
from p2pchain.cli.options import json_option


@click.command()
@delegates_option
@slot_option
@senders_option
@click.option("--seconds", type=click.FloatRange(1, 3_600), default=20.0, show_default=True, help="How long each of the four is measured.")
@click.option("--capacity", type=click.FloatRange(2, 1_000_000), help="What half load is half of [a short ramp finds the highest load].")
@seed_option
@plot_option
@json_option
def latency(
    *, delegates: int, slot_ms: int, senders: int, seconds: float, capacity: float | None, seed: int, plot: Path | None, as_json: bool
) -> None:
    """Submit to final: idle and at half load, all nodes up and one dead."""
    from p2pchain.bench.latency import Plan, measure_latency  # noqa: PLC0415 - loads a node, which help need not
    from p2pchain.cli.benching.network import bench_network  # noqa: PLC0415
    from p2pchain.cli.benching.running import run_bench  # noqa: PLC0415

    plan = Plan(delegates, slot_ms, senders, seconds, capacity, seed)
    run_bench(lambda progress: measure_latency(plan, bench_network, progress), as_json=as_json, plot=plot)
