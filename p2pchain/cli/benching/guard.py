"""`bench guard`"""

from __future__ import annotations

from pathlib import Path

import click

from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Result
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import json_option

_KEPT = Path("docs") / "figures.json"
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--against", type=_FILE, default=_KEPT, show_default=True, help="What is kept.")
@click.option("--update", is_flag=True, help="Keep what this run finds, and judge nothing.")
@json_option
def guard(*, against: Path, update: bool, as_json: bool) -> None:
    """Whether a change made the node slower: CPU by the signature check, held against what is kept.  Two minutes."""
    from p2pchain.bench.guard import load_kept, measure_guard, save_kept  # noqa: PLC0415 - loads a node, which help need not
    from p2pchain.cli.benching.network import bench_folder, bench_network  # noqa: PLC0415
    from p2pchain.cli.benching.running import run_bench  # noqa: PLC0415

    found: list[Result] = []
    with bench_folder() as place:

        def measure(progress: Progress) -> Result:
            kept = {} if update else load_kept(against)
            found.append(measure_guard(kept, place, bench_network, progress))
            return found[0]

        run_bench(measure, as_json=as_json)
    result = found[0]
    if update:
        save_kept(against, result)
        click.echo(f"kept in {against}", err=True)
    elif result.figures["worse"]:
        raise Failure(f"slower than kept in {against}: {result.figures['worse']}; run it again where the machine was busy")
