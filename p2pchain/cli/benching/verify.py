"""`bench verify`"""

from __future__ import annotations

import click

from p2pchain.cli.benching.options import seed_option
from p2pchain.cli.options import json_option


@click.command()
@click.option("--seconds", type=click.FloatRange(0.05, 600), default=3.0, show_default=True, help="How long each way is measured.")
@seed_option
@json_option
def verify(*, seconds: float, seed: int, as_json: bool) -> None:
    """Signatures checked a second: the limit of this machine."""
    from p2pchain.bench.verify import measure_verify  # noqa: PLC0415 - loads a node, which help need not
    from p2pchain.cli.benching.running import run_bench  # noqa: PLC0415

    run_bench(lambda progress: measure_verify(seconds, seed, progress), as_json=as_json)
