"""`delegate`: standing for election, pausing, coming back, leaving, and voting on the terms."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from p2pchain.chain.actions.delegate import ComeBack, RegisterDelegate, RetireDelegate
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.staking import COMMISSION_WHOLE
from p2pchain.chain.types import ChainId
from p2pchain.cli.administering import admin_client
from p2pchain.cli.home_making import DELEGATE_KEY
from p2pchain.cli.options import current_home, home_option, json_option
from p2pchain.cli.passphrases import load_key
from p2pchain.cli.sending import SendOptions, send, send_options
from p2pchain.cli.showing import show
from p2pchain.cli.vote_change import vote_change
from p2pchain.config import Home
from p2pchain.keystore import Keystore


@click.group()
def delegate() -> None:
    """Register, retire, pause and resume a delegate, say that it is back, vote on the terms."""


delegate.add_command(vote_change)


@delegate.command()
@click.option("--consensus-key", metavar="KEY", default=DELEGATE_KEY, show_default=True, help="Key that will sign blocks and votes.")
@click.option("--consensus-passphrase-file", type=click.Path(path_type=Path), help="A private file that holds its passphrase.")
@click.option(
    "--commission-bps",
    type=click.IntRange(0, COMMISSION_WHOLE),
    default=0,
    show_default=True,
    help="Your share of the rewards, in 1/10000.",
)
@send_options
def register(consensus_key: str, consensus_passphrase_file: Path | None, commission_bps: int, **options: Unpack[SendOptions]) -> None:
    """Stand for election with the account of --from; stake coins with it to be elected."""
    signer = KeySigner(load_key(Keystore(Home(current_home()).keys), consensus_key, consensus_passphrase_file))
    send(
        lambda spec, account: [RegisterDelegate.signed(signer, account, commission_bps, ChainId(spec.chain_id))],
        options,
    )


@delegate.command()
@send_options
def retire(**options: Unpack[SendOptions]) -> None:
    """Stand for election no longer; stakers may unstake as ever."""
    send(lambda _spec, _account: [RetireDelegate()], options)


@delegate.command()
@send_options
def come_back(**options: Unpack[SendOptions]) -> None:
    """Say that the delegate of --from is back, after it was demoted for missing its slots."""
    send(lambda _spec, _account: [ComeBack()], options)


@delegate.command()
@json_option
@home_option
def pause(*, as_json: bool) -> None:
    """Leave the slots of this home's running node empty until `resume` or its end; it votes as before."""
    with admin_client() as admin:
        show(admin.set_production(paused=True), as_json=as_json)


@delegate.command()
@json_option
@home_option
def resume(*, as_json: bool) -> None:
    """Fill the slots of this home's running node again."""
    with admin_client() as admin:
        show(admin.set_production(paused=False), as_json=as_json)
