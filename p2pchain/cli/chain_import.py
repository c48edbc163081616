"""`import`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from p2pchain.care.importing import import_blocks
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.cli.care_home import jobs_option, open_home
from p2pchain.cli.care_progress import progress
from p2pchain.cli.options import home_option, json_option, settings_option


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@jobs_option
@json_option
@settings_option
@home_option
def import_chain(*, file: Path, jobs: int, as_json: bool) -> None:
    """Make the home's chain from FILE, which `p2pchain export blocks` wrote.  The node must be stopped.

    Everything is checked as if it came from a peer.  A file that is cut short, altered, of another chain or not newer than what
    the home has is refused with its line and the reason, and the home is as it was.
    """
    home = open_home()
    size = file.stat().st_size // 2 if file.exists() else 0
    with SignatureWorkers(jobs) as workers, progress({"blocks": size}) as tick:
        done = import_blocks(file, home.data_dir, home.genesis, home.recoveries, workers, tick)
    if as_json:
        click.echo(json.dumps({**done._asdict(), "aside": None if done.aside is None else str(done.aside)}))
        return
    click.echo(f"blocks {done.before + 1} to {done.final} were checked and taken; the home stands at height {done.final}")
    if done.aside is not None:
        click.echo(f"the chain that was there before is {done.aside}; remove it when you like")
