"""The verbs that only look."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click

from p2pchain.cli.options import current_node, json_option, node_option, refuse_both, watch_option
from p2pchain.cli.showing import show
from p2pchain.client import NodeClient


def _ask(question: Callable[[NodeClient], Mapping[str, object]], *, as_json: bool) -> None:
    with NodeClient(current_node()) as client:
        show(question(client), as_json=as_json)


@click.command()
@click.argument("address")
@click.option("--at", type=click.Choice(["head", "final"]), default="head", show_default=True, help="As of which block.")
@json_option
@node_option
def account(address: str, at: str, *, as_json: bool) -> None:
    """Show an account."""
    _ask(lambda client: client.account(address, "final" if at == "final" else "head"), as_json=as_json)


@click.command()
@click.argument("reference", metavar="ID")
@json_option
@node_option
def block(reference: str, *, as_json: bool) -> None:
    """Show a block by height, hash, 'head' or 'final'."""
    _ask(lambda client: client.block(reference), as_json=as_json)


@click.command()
@watch_option
@json_option
@node_option
def delegates(*, watch: bool, as_json: bool) -> None:
    """List the delegates by weight."""
    refuse_both(watch=watch, as_json=as_json)
    if watch:
        from p2pchain.cli.live import pictures, watching  # noqa: PLC0415 - what draws, which a single look need not load

        watching.watch(current_node(), NodeClient.delegates, pictures.picture_of_delegates)
        return
    _ask(lambda client: client.delegates(), as_json=as_json)


@click.command()
@json_option
@node_option
def schedule(*, as_json: bool) -> None:
    """Show whose slots come next."""
    _ask(lambda client: client.schedule(), as_json=as_json)


@click.command()
@click.option("--at", type=click.Choice(["head", "final"]), default="head", show_default=True, help="As of which block.")
@json_option
@node_option
def params(at: str, *, as_json: bool) -> None:
    """Show the parameters in force, and what delegates want to change."""
    _ask(lambda client: client.terms("final" if at == "final" else "head"), as_json=as_json)


@click.command()
@watch_option
@json_option
@node_option
def mempool(*, watch: bool, as_json: bool) -> None:
    """Show the transactions that wait for a block."""
    refuse_both(watch=watch, as_json=as_json)
    if watch:
        from p2pchain.cli.live import pictures, watching  # noqa: PLC0415 - what draws, which a single look need not load

        watching.watch(current_node(), NodeClient.mempool, pictures.picture_of_mempool)
        return
    _ask(lambda client: client.mempool(), as_json=as_json)
