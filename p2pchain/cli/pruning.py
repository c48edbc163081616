"""`prune`: old blocks off the disk, by the running node itself, or here where it is stopped."""

from __future__ import annotations

import sys
import time
from contextlib import closing

import click

from p2pchain.cli.administering import admin_client
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import current_config, home_option, json_option
from p2pchain.cli.showing import show
from p2pchain.client.admin_client import AdminClient
from p2pchain.client.answers import Json
from p2pchain.config import Config

POLL_S = 0.5


@click.command()
@click.option("--keep-blocks", type=click.IntRange(min=0), default=0, help="Keep so many of the newest final blocks.")
@click.option("--keep-days", type=click.IntRange(min=0), default=0, help="Keep those of so many days before the last one.")
@click.option("--wait", is_flag=True, help="Of a running node: come back when it is done.")
@json_option
@home_option
def prune(keep_blocks: int, keep_days: int, *, wait: bool, as_json: bool) -> None:
    """Take old blocks off the disk; without options those that the configuration does not keep.

    Headers and certificates stay, and at least the last 1000 blocks. A running node does it beside its work, a share with
    each block; of a stopped one it is done here. What was pruned is not found again but at a peer that keeps all.
    """
    from p2pchain.storage import is_in_use, is_there  # noqa: PLC0415 - the database is loaded for this verb alone

    config = current_config()
    if not is_there(config.data_path):
        raise Failure(f"{config.data_path} holds no chain: this node has never run")
    if is_in_use(config.data_path):
        with admin_client() as admin:
            answer = admin.prune(keep_blocks, keep_days)
            show(_waited(admin, answer) if wait else answer, as_json=as_json)
    else:
        show(_prune_stopped(config, keep_blocks, keep_days), as_json=as_json)


def _waited(admin: AdminClient, answer: Json) -> Json:
    while answer["pruning"]:
        time.sleep(POLL_S)
        answer = admin.pruning()
    return answer


def _prune_stopped(config: Config, keep_blocks: int, keep_days: int) -> Json:
    from p2pchain.genesis_file import load_genesis  # noqa: PLC0415 - see above
    from p2pchain.node.keeping import Keep  # noqa: PLC0415 - see above
    from p2pchain.storage import open_store  # noqa: PLC0415 - see above
    from p2pchain.storage.offline import prune_now  # noqa: PLC0415 - see above

    keep = Keep(keep_blocks, keep_days) if keep_blocks or keep_days else Keep(config.storage.keep_blocks, config.storage.keep_days)
    if keep.is_all:
        raise Failure("this node is to keep all blocks: say --keep-blocks or --keep-days, or set storage.keep_blocks in node.toml")
    genesis = load_genesis(config.home.genesis_file)
    with closing(
        open_store(config.data_path, genesis, flush_blocks=config.storage.flush_blocks, bytes_max=config.storage.bytes_max)
    ) as store:
        before = store.disk_bytes
        for blocks_from in prune_now(store, keep, genesis.spec()):
            if sys.stderr.isatty():
                click.echo(f"\rblocks from height {blocks_from:,} on", nl=False, err=True)
        return {
            "keep_blocks": keep.blocks,
            "keep_days": keep.days,
            "blocks_from": store.blocks_from,
            "pruning": False,
            "disk_bytes": store.disk_bytes,
            "given_back_bytes": max(0, before - store.disk_bytes),
        }
