"""`genesis`: how several organisations found a network together, none of whom ever sees a secret of another.

Each makes its keys at home and hands on a card, one line of JSON with public keys and an address; anybody composes the
cards to a join bundle. The order of the cards changes nothing, so that all can compose it and compare the chain id.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.params import Params
from p2pchain.cli.failures import WRONG_USE, Failure
from p2pchain.cli.home_making import ACCOUNT_KEY, DELEGATE_KEY, key_in
from p2pchain.cli.options import current_home, home_option
from p2pchain.cli.passphrases import new_passphrase_options, new_passphrase_source
from p2pchain.config import Home, split_endpoint
from p2pchain.config.kinds import UnfitError
from p2pchain.genesis_file import dumps_bundle
from p2pchain.keystore import NODE_KEY

_KEYS = ("account", "delegate", "node")
_CARD_BYTES_MAX = 4_096
"""A card has about 300."""
_SLOT_MS = Params.__dataclass_fields__["slot_ms"].metadata


class Card(NamedTuple):
    """What one member tells the others."""

    account: bytes
    delegate: bytes
    node: bytes
    address: str
    """Where its node is dialled, `host:port`."""

    def dumps(self) -> str:
        return json.dumps({name: getattr(self, name).hex() for name in _KEYS} | {"address": self.address})


@click.group()
def genesis() -> None:
    """Found a network of several organisations: a card from each, composed to a join bundle."""


@genesis.command()
@click.option("--address", required=True, metavar="HOST:PORT", help="Where the others will reach this node.")
@new_passphrase_options
@home_option
def card(address: str, *, is_open: bool, passphrase_file: Path | None) -> None:
    """Make this member's keys, those that are missing, and print its card: public keys and an address."""
    _require_address(address, "--address")
    home = Home(current_home())
    home.create()
    ask = new_passphrase_source(passphrase_file, is_open=is_open)
    account, delegate = (key_in(home, name, ask).public_key for name in (ACCOUNT_KEY, DELEGATE_KEY))
    click.echo(Card(account, delegate, key_in(home, NODE_KEY, lambda: None).public_key, address).dumps())


@genesis.command()
@click.argument("cards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Of the network: 1 to 48 of a-z, 0-9 and -.")
@click.option("--balance", type=click.IntRange(0), default=10**12, show_default=True, help="Coins of each member's account.")
@click.option(
    "--stake", type=click.IntRange(1), default=10**9, show_default=True, help="Coins that each member has staked to its delegate."
)
@click.option("--slot-ms", type=click.IntRange(_SLOT_MS["low"], _SLOT_MS["high"]), default=500, show_default=True, help="Length of a slot.")
@click.option("--time", "time_ms", type=click.IntRange(1), help="When it begins, in Unix milliseconds [now].")
def compose(cards: tuple[Path, ...], name: str, balance: int, stake: int, slot_ms: int, time_ms: int | None) -> None:
    """Print the join bundle of a network of these CARDS; the members compare the chain id in it."""
    members = sorted(map(_read_card, cards))
    accounts = tuple(GenesisAccount(member.account, balance) for member in members)
    delegates = tuple(GenesisDelegate(member.account, member.delegate, 0, stake) for member in members)
    begins_ms = time_ms if time_ms is not None else time.time_ns() // 1_000_000
    found = Genesis(name, "p2p", begins_ms, Params(slot_ms=slot_ms, delegates=len(members)), accounts, delegates)
    if len(members) < 4:
        click.echo(f"p2pchain: {len(members)} delegates tolerate no faulty one; from 4 on they do", err=True)
    click.echo(dumps_bundle(found, _seeds(members)), nl=False)


def _seeds(members: Sequence[Card]) -> list[str]:
    return [f"{member.node.hex()}@{member.address}" for member in members]


def _read_card(path: Path) -> Card:
    with path.open("rb") as file:
        content = file.read(_CARD_BYTES_MAX + 1)
    try:
        value = json.loads(content) if len(content) <= _CARD_BYTES_MAX else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or set(value) != {*_KEYS, "address"}:
        raise Failure(f"{path}: found no card, wanted what this prints: p2pchain genesis card --address HOST:PORT", WRONG_USE)
    account, delegate, node = (_key_of(value[name], f"{path}: {name}") for name in _KEYS)
    _require_address(value["address"], f"{path}: address")
    return Card(account, delegate, node, value["address"])


def _key_of(text: object, where: str) -> bytes:
    try:
        key = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Failure(f"{where}: found {str(text)[:80]!r}, wanted a key of 64 hex digits", WRONG_USE)
    return key


def _require_address(text: object, where: str) -> None:
    try:
        port = split_endpoint(text)[1] if isinstance(text, str) else 0
    except UnfitError:
        port = 0
    if port == 0:
        raise Failure(f'{where}: found {str(text)[:80]!r}, wanted "host:port" (IPv6 as "[::1]:28656")', WRONG_USE)
