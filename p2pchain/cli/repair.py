"""`repair`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import click

from p2pchain.care.guarded import DiedError
from p2pchain.care.repair import Mending, Repaired, kept_aside, remove_aside, start_over
from p2pchain.care.repair import repair as mend
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.cli.care_home import CareHome, in_child, jobs_option, open_home
from p2pchain.cli.care_progress import progress
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import home_option, json_option, settings_option
from p2pchain.storage import StorageError
from p2pchain.storage.inspection import inspect


@click.command()
@click.option("--from-scratch", is_flag=True, help="Keep nothing: set the whole chain aside, and fetch all of it.")
@click.option("--remove-aside", is_flag=True, help="Remove what earlier repairs set aside, once you do not want it any more.")
@jobs_option
@json_option
@settings_option
@home_option
def repair(*, from_scratch: bool, remove_aside: bool, jobs: int, as_json: bool) -> None:
    """Keep what is sound of a damaged chain, and let peers give the rest.  The node must be stopped.

    Sound blocks are executed again into a new store.  The old one is set aside whole and stays until you remove it.  Keys,
    configuration and the memory of what was signed are not touched.
    """
    if from_scratch and remove_aside:
        raise click.UsageError("--from-scratch or --remove-aside, not both")
    home = open_home()
    if remove_aside:
        _remove(home, as_json=as_json)
    elif from_scratch:
        _tell(Repaired(None, 0, 0, start_over(home.data_dir)), as_json=as_json)
    else:
        _tell(_mended(home, jobs), as_json=as_json)


def _mended(home: CareHome, jobs: int) -> Repaired:
    mending = Mending(home.data_dir, home.genesis, home.recoveries, home.marks)

    def work() -> Repaired:
        with SignatureWorkers(jobs) as workers, progress(_totals(home)) as tick:
            return mend(mending, workers, tick)

    try:
        return in_child(work)
    except DiedError as error:
        raise Failure(f"reading the chain ended the process ({error}): its pages are damaged; use --from-scratch") from None


def _totals(home: CareHome) -> dict[str, int]:
    """Checking and keeping are two ways over the same blocks; of a store that cannot be read nothing is known."""
    with suppress(StorageError), inspect(home.data_dir, home.genesis) as inspection:
        size = inspection.sizes(range(1, inspection.last_height() + 1))
        return {"blocks": size, "keeping": size}
    return {}


def _tell(done: Repaired, *, as_json: bool) -> None:
    if as_json:
        problem = None if done.problem is None else done.problem._asdict()
        aside = None if done.aside is None else str(done.aside)
        click.echo(json.dumps({"repaired": done.aside is not None, **done._asdict(), "problem": problem, "aside": aside}))
        return
    if done.aside is None:
        click.echo(f"nothing is wrong with the chain (height {done.final}); nothing was done")
        return
    if done.problem is not None:
        click.echo(f"found     {done.problem}")
    click.echo(f"kept      blocks up to height {done.kept}" if done.kept else "kept      no block")
    click.echo(f"aside     {done.aside}")
    if done.kept < done.final:
        click.echo(f"missing   blocks {done.kept + 1} to {done.final}: the node fetches them from its peers once it is started")
        click.echo("          If this is the only node that has them, do not start it: they are in what was set aside alone.")
    click.echo("Start it with: p2pchain start. Once it is in step: p2pchain repair --remove-aside")


def _remove(home: CareHome, *, as_json: bool) -> None:
    removed: list[Path] = []
    for path in kept_aside(home.data_dir):
        remove_aside(path)
        removed.append(path)
    if as_json:
        click.echo(json.dumps({"removed": [str(path) for path in removed]}))
        return
    for path in removed:
        click.echo(f"removed   {path}")
    if not removed:
        click.echo("nothing was set aside")
