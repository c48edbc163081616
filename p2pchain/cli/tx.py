"""`tx`: transactions."""

from __future__ import annotations

from typing import Unpack

import click

from p2pchain.chain.actions.transfer import MEMO_BYTES_MAX, Transfer
from p2pchain.chain.address import decode_address
from p2pchain.cli.options import current_node, json_option, node_option
from p2pchain.cli.sending import AMOUNT, SendOptions, send, send_options
from p2pchain.cli.showing import show as show_answer
from p2pchain.client import NodeClient


@click.group()
def tx() -> None:
    """Send and look up transactions."""


@tx.command()
@click.option("--to", "recipient", metavar="ADDRESS", required=True, help="Who gets the coins.")
@click.option("--amount", type=AMOUNT, required=True, help="How many of the smallest unit.")
@click.option("--memo", default="", help=f"A text for the recipient, at most {MEMO_BYTES_MAX} bytes; everybody can read it.")
@send_options
def transfer(recipient: str, amount: int, memo: str, **options: Unpack[SendOptions]) -> None:
    """Transfer coins."""
    if len(memo.encode()) > MEMO_BYTES_MAX:
        raise click.UsageError(f"the memo has {len(memo.encode())} bytes, at most {MEMO_BYTES_MAX} allowed")
    send(lambda spec, _: [Transfer(decode_address(spec.address_prefix, recipient), amount, memo.encode())], options)


@tx.command()
@click.argument("transaction_id", metavar="ID")
@json_option
@node_option
def show(transaction_id: str, *, as_json: bool) -> None:
    """Show where a transaction stands, and why."""
    with NodeClient(current_node()) as client:
        show_answer(client.transaction(transaction_id), as_json=as_json)
