"""`init` and `join`: the homes of nodes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.params import Params
from p2pchain.chain.recovery import Recovery
from p2pchain.cli.home_making import ACCOUNT_KEY, DELEGATE_KEY, PassphraseSource, begin_signing, key_in, make_home, new_home_config
from p2pchain.cli.options import current_home, current_settings, home_option, settings_option
from p2pchain.cli.passphrases import new_passphrase_options, new_passphrase_source
from p2pchain.cli.unused_keys import take_mark
from p2pchain.config import Config, Home
from p2pchain.genesis_file import Bundle, load_bundle, load_genesis, loads_bundle

DEVELOPER_BALANCE = 10**15
DEVELOPER_STAKE = 10**12
_PAST_UNKNOWN = (
    "p2pchain: the key 'delegate' was not made here, so nobody knows what it has signed: the node is silent until a block a few slots"
    " after its start is final. Of a key that never signed anywhere say so: --key-never-signed"
)
_name_option = click.option("--name", default="", help="A name for people, shown to peers.")
_delegate_option = click.option("--delegate", "is_delegate", is_flag=True, help="Sign blocks and votes, with the key 'delegate'.")
_never_signed_option = click.option(
    "--key-never-signed", "never_signed", is_flag=True, help="An imported delegate key is a new one: it never signed anywhere."
)


@click.command()
@click.option("--genesis", "genesis_file", type=click.Path(path_type=Path), help="The network's genesis file.")
@_name_option
@_delegate_option
@_never_signed_option
@new_passphrase_options
@settings_option
@home_option
def init(
    genesis_file: Path | None, name: str, *, is_delegate: bool, never_signed: bool, is_open: bool, passphrase_file: Path | None
) -> None:
    """Make the home of a node.

    With --genesis for that network. Without it, and with --delegate, for a new network of this single delegate, whose
    coins belong to the key 'account': for developers.
    """
    if genesis_file is None and not is_delegate:
        raise click.UsageError("an observer needs a network: give --genesis FILE, or use 'join BUNDLE'; or begin one with --delegate")
    config = new_home_config(current_home(), _settings(name, is_delegate=is_delegate))
    ask = new_passphrase_source(passphrase_file, is_open=is_open)
    genesis = load_genesis(genesis_file) if genesis_file else _single_delegate_genesis(config.home, ask)
    # of a network that begins here nobody has signed anything
    _make(config, genesis, ask, never_signed=never_signed or genesis_file is None)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, allow_dash=True))
@_name_option
@_delegate_option
@_never_signed_option
@new_passphrase_options
@settings_option
@home_option
def join(bundle: Path, name: str, *, is_delegate: bool, never_signed: bool, is_open: bool, passphrase_file: Path | None) -> None:
    """Make the home of a node that joins the network of BUNDLE (a file, or - for standard input)."""
    found = _read_bundle(bundle)
    if not found.seeds:
        click.echo("p2pchain: the bundle names no seeds; add p2p.persistent_peers to node.toml before you start", err=True)
    settings = {"p2p.seeds": found.seeds, **_settings(name, is_delegate=is_delegate)}
    ask = new_passphrase_source(passphrase_file, is_open=is_open)
    _make(new_home_config(current_home(), settings), found.genesis, ask, found.recoveries, never_signed=never_signed)


def _read_bundle(path: Path) -> Bundle:
    if str(path) == "-":
        return loads_bundle(sys.stdin.read(), "standard input")
    return load_bundle(path)


def _settings(name: str, *, is_delegate: bool) -> dict[str, object]:
    return {"node.name": name, "node.role": "delegate" if is_delegate else "observer", **current_settings()}


def _make(
    config: Config, genesis: Genesis, ask: PassphraseSource, recoveries: Sequence[Recovery] = (), *, never_signed: bool = False
) -> None:
    home = config.home
    make_home(config, genesis, recoveries)
    click.echo(f"home      {home.path}\nnetwork   {genesis.name}\nchain id  {genesis.chain_id.hex()}")
    for recovery in recoveries:
        click.echo(f"recovery  at height {recovery.base.height}, without {len(recovery.removed)} delegates; compare: {recovery.id.hex()}")
    if config.node.role == "delegate":
        entry = key_in(home, DELEGATE_KEY, ask)
        if take_mark(home, entry.public_key) or never_signed:
            begin_signing(home, entry.public_key, genesis.chain_id)
        else:
            click.echo(_PAST_UNKNOWN, err=True)
        is_known = any(item.consensus_key == entry.public_key for item in genesis.delegates)
        click.echo(f"delegate  {entry.public_key.hex()}{'' if is_known else ' (not in the genesis: register it once the node runs)'}")
    click.echo(f"Start it with: p2pchain start --home {home.path}")


def _single_delegate_genesis(home: Home, ask: PassphraseSource) -> Genesis:
    """A network of one: it is final by its own vote alone."""
    account = key_in(home, ACCOUNT_KEY, ask).public_key
    consensus_key = key_in(home, DELEGATE_KEY, ask).public_key
    return Genesis(
        name="developer",
        address_prefix="p2p",
        genesis_ms=time.time_ns() // 1_000_000,
        params=Params(delegates=1),
        accounts=(GenesisAccount(account, DEVELOPER_BALANCE),),
        delegates=(GenesisDelegate(account, consensus_key, 0, DEVELOPER_STAKE),),
    )
