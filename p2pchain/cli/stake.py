"""`stake`, `unstake`, `claim`: coins locked to a delegate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Unpack

import click

from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.address import decode_address
from p2pchain.cli.sending import AMOUNT, SendOptions, send, send_options

F = TypeVar("F", bound=Callable[..., Any])


def _delegate_option(verb: F) -> F:
    return click.option("--delegate", metavar="ADDRESS", required=True, help="The delegate's account.")(verb)


_amount_option = click.option("--amount", type=AMOUNT, required=True, help="How many of the smallest unit.")


@click.command()
@_delegate_option
@_amount_option
@send_options
def stake(delegate: str, amount: int, **options: Unpack[SendOptions]) -> None:
    """Lock coins to a delegate: its weight grows, and its rewards are shared with you."""
    send(lambda spec, _: [Stake(decode_address(spec.address_prefix, delegate), amount)], options)


@click.command()
@_delegate_option
@_amount_option
@send_options
def unstake(delegate: str, amount: int, **options: Unpack[SendOptions]) -> None:
    """Unlock coins from a delegate; they can be spent after the unbonding period."""
    send(lambda spec, _: [Unstake(decode_address(spec.address_prefix, delegate), amount)], options)


@click.command()
@_delegate_option
@send_options
def claim(delegate: str, **options: Unpack[SendOptions]) -> None:
    """Claim what a stake with a delegate has earned."""
    send(lambda spec, _: [ClaimRewards(decode_address(spec.address_prefix, delegate))], options)
