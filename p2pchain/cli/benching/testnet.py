"""`bench testnet`"""

from __future__ import annotations

from pathlib import Path

import click

from p2pchain.cli.benching.options import delegates_option, plot_option, profile_option, seed_option, senders_option, slot_option
from p2pchain.cli.options import json_option


@click.command()
@delegates_option
@slot_option
@senders_option
@click.option("--seconds", type=click.FloatRange(1, 3_600), default=10.0, show_default=True, help="How long each load lasts.")
@click.option("--rate", type=click.FloatRange(1, 1_000_000), help="One load alone, in transfers a second [a ramp finds the highest].")
@click.option(
    "--hold", type=click.FloatRange(0, 3_600), default=0.0, help="How long the highest load of the ramp must be borne [not at all]."
)
@profile_option("the first node")
@seed_option
@plot_option
@json_option
def testnet(
    *,
    delegates: int,
    slot_ms: int,
    senders: int,
    seconds: float,
    rate: float | None,
    hold: float,
    profile: Path | None,
    seed: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """The highest load that a network of real processes makes final in time."""
    from p2pchain.bench.testnet import Plan, measure_testnet  # noqa: PLC0415 - loads a node, which help need not
    from p2pchain.cli.benching.network import bench_network  # noqa: PLC0415
    from p2pchain.cli.benching.running import run_bench  # noqa: PLC0415

    if rate is not None and hold:
        raise click.UsageError("--hold is for the highest load of a ramp; with --rate say --seconds")
    plan = Plan(delegates, slot_ms, senders, seconds, rate, hold, seed, profile)
    run_bench(lambda progress: measure_testnet(plan, bench_network, progress), as_json=as_json, plot=plot)
