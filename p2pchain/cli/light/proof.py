"""`proof`: fetch a proof that can be checked later, by anybody who trusts the genesis or one block."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click

from p2pchain.cli.light.trust import TrustedBlock, genesis_option, own_genesis
from p2pchain.cli.options import current_node, node_option
from p2pchain.client import LightClient, NodeClient
from p2pchain.client.light.bundle import Bundle

_trusted_option = click.option("--trusted", type=TrustedBlock(), help="Begin at this final block instead of the genesis: a shorter file.")


@click.group()
def proof() -> None:
    """Fetch the proof of an account or a transaction, for 'verify-proof'."""


@proof.command()
@click.argument("address")
@genesis_option
@_trusted_option
@node_option
def account(address: str, genesis_file: Path | None, trusted: str | None) -> None:
    """Print the proof of an account as of the newest final block."""
    _print(genesis_file, trusted, lambda client: client.account_bundle(address))


@proof.command()
@click.argument("transaction_id", metavar="ID")
@genesis_option
@_trusted_option
@node_option
def transaction(transaction_id: str, genesis_file: Path | None, trusted: str | None) -> None:
    """Print the proof that a transaction is in a final block."""
    _print(genesis_file, trusted, lambda client: client.transaction_bundle(transaction_id))


def _print(genesis_file: Path | None, trusted: str | None, fetch: Callable[[LightClient], Bundle]) -> None:
    node = current_node()
    genesis = own_genesis(genesis_file)
    if genesis is None:
        # whoever checks the file brings a genesis of his own: what the node says here is believed by nobody
        with NodeClient(node) as asked:
            genesis = asked.genesis()
    with LightClient(genesis, [node], trusted) as client:
        click.echo(fetch(client).dumps())
    if os.isatty(1):
        click.echo("p2pchain: keep it with > FILE, and check it with: p2pchain verify-proof FILE", err=True)
