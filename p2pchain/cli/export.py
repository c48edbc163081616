"""`export`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from p2pchain.care.exporting import Format, Heights, Table, Target
from p2pchain.care.exporting import export as write
from p2pchain.cli.care_home import open_home, range_options
from p2pchain.cli.care_progress import progress
from p2pchain.cli.options import home_option, json_option, settings_option
from p2pchain.storage.inspection import inspect

F = TypeVar("F", bound=Callable[..., Any])


def _file_options(verb: F) -> F:
    options = (
        click.option("--format", "form", type=click.Choice([each.value for each in Format]), default="jsonl", show_default=True),
        click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where to."),
        click.option("--overwrite", is_flag=True, help="Replace FILE once the new one is whole."),
        json_option,
        settings_option,
        home_option,
    )
    for option in reversed(options):
        verb = option(verb)
    return verb


@click.group()
def export() -> None:
    """Write blocks, transfers or accounts to a file.  The node may run meanwhile; the file appears when it is whole."""


@export.command()
@range_options
@_file_options
def blocks(*, from_height: int, to_height: int | None, form: str, out: Path, overwrite: bool, as_json: bool) -> None:
    """Final blocks with their raw bytes and what proves them: as JSON Lines, `p2pchain import` makes a chain of them.

    A block without confirms of its own is proven by one above it, so the file may go on to that one.
    """
    _export(Table.BLOCKS, from_height, to_height, Target(out, Format(form), overwrite), as_json=as_json)


@export.command()
@range_options
@_file_options
def transfers(*, from_height: int, to_height: int | None, form: str, out: Path, overwrite: bool, as_json: bool) -> None:
    """Transfers of coins that took place, one row each."""
    _export(Table.TRANSFERS, from_height, to_height, Target(out, Format(form), overwrite), as_json=as_json)


@export.command()
@_file_options
def accounts(*, form: str, out: Path, overwrite: bool, as_json: bool) -> None:
    """Every account as of the last final block."""
    _export(Table.ACCOUNTS, 1, None, Target(out, Format(form), overwrite), as_json=as_json)


def _export(table: Table, first: int, last: int | None, target: Target, *, as_json: bool) -> None:
    home = open_home()
    with inspect(home.data_dir, home.genesis) as inspection:
        inspection.clear_readers()
        heights = Heights(first, inspection.last_height() if last is None else last)
        sizes = partial(inspection.sizes, range(heights.first, heights.last + 1))
        with progress({"blocks": 0 if table is Table.ACCOUNTS else sizes()}) as tick:
            done = write(inspection, home.genesis, table, heights, target, tick)
    if as_json:
        click.echo(json.dumps({"file": str(target.path), "table": table.value, "format": target.format.value, **done._asdict()}))
        return
    of = f"at height {done.last}" if table is Table.ACCOUNTS else f"of blocks {done.first} to {done.last}"
    click.echo(f"{target.path}: {done.rows} rows {of}, {done.bytes / 1e6:,.1f} MB")
