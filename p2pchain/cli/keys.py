"""`keys`: the keystore of a home."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from p2pchain.chain.address import encode_address
from p2pchain.chain.types import AccountId
from p2pchain.cli.failures import Failure
from p2pchain.cli.home_making import write_new_private
from p2pchain.cli.options import current_home, home_option, json_option
from p2pchain.cli.passphrases import load_key, new_passphrase_options, new_passphrase_source, passphrase_file_option
from p2pchain.cli.unused_keys import mark_unused
from p2pchain.config import Home
from p2pchain.genesis_file import GenesisFileError, load_genesis
from p2pchain.keystore import KeyEntry, Keystore

_prefix_option = click.option("--prefix", help="Beginning of the network's addresses [that of the home's genesis].")


@click.group()
def keys() -> None:
    """Make, show and move keys. KEY is a name in the keystore or the path of a key file."""


@keys.command()
@click.argument("name")
@_prefix_option
@new_passphrase_options
@json_option
@home_option
def new(name: str, prefix: str | None, *, is_open: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Make a new random key."""
    home = Home(current_home())
    passphrase = new_passphrase_source(passphrase_file, is_open=is_open)()
    made = Keystore(home.keys).create(name, passphrase)
    mark_unused(home, made.public_key)
    _print([made], _prefix(home, prefix), as_json=as_json, is_list=False)


@keys.command("list")
@_prefix_option
@json_option
@home_option
def list_keys(prefix: str | None, *, as_json: bool) -> None:
    """List all keys; no passphrase is needed."""
    home = Home(current_home())
    _print(list(Keystore(home.keys).list()), _prefix(home, prefix), as_json=as_json, is_list=True)


@keys.command()
@click.argument("key")
@_prefix_option
@json_option
@home_option
def show(key: str, prefix: str | None, *, as_json: bool) -> None:
    """Show the public key and the address of KEY."""
    home, path = Home(current_home()), Path(key)
    is_file = path.suffix == ".key" or len(path.parts) > 1
    entry = Keystore(path.parent).entry(path.stem) if is_file else Keystore(home.keys).entry(key)
    _print([entry], _prefix(home, prefix), as_json=as_json, is_list=False)


@keys.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@_prefix_option
@new_passphrase_options
@json_option
@home_option
def import_key(name: str, file: Path, prefix: str | None, *, is_open: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Keep the key of FILE under NAME: a key file, or 64 hex digits of a seed (- for standard input)."""
    home = Home(current_home())
    seed = _seed_of(file, home)
    passphrase = new_passphrase_source(passphrase_file, is_open=is_open)()
    _print([Keystore(home.keys).add(name, seed, passphrase)], _prefix(home, prefix), as_json=as_json, is_list=False)


@keys.command()
@click.argument("key")
@click.argument("file", type=click.Path(path_type=Path))
@passphrase_file_option
@home_option
def export(key: str, file: Path, passphrase_file: Path | None) -> None:
    """Write the secret seed of KEY to FILE (0600) as 64 hex digits, unsealed. Whoever has it has the coins."""
    signing_key = load_key(Keystore(Home(current_home()).keys), key, passphrase_file)
    write_new_private(file, bytes(signing_key).hex() + "\n")
    click.echo(f"wrote the secret of {key} to {file}; guard it, and import it with: p2pchain keys import NAME {file}")


def _seed_of(file: Path, home: Home) -> bytes:
    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    if text.lstrip().startswith("{"):
        if str(file) == "-":
            raise Failure("a key file is imported by its path; standard input is for a seed in hex")
        return bytes(load_key(Keystore(home.keys), str(file.absolute()), None))
    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        # what was found may be a damaged secret, so it is not repeated
        raise Failure(f"{file}: found neither a key file nor 64 hex digits of a seed") from None


def _prefix(home: Home, prefix: str | None) -> str | None:
    if prefix is not None or not home.genesis_file.exists():
        return prefix
    try:
        return load_genesis(home.genesis_file).address_prefix
    except GenesisFileError:
        return None  # a key can be shown without its network; `config check` says what is wrong with the genesis


def _print(entries: list[KeyEntry], prefix: str | None, *, as_json: bool, is_list: bool) -> None:
    rows = [_row(entry, prefix) for entry in entries]
    if as_json:
        click.echo(json.dumps(rows if is_list else rows[0]))
        return
    for row in rows:
        click.echo(f"{row['name']:<16} {row['public_key']}  {row['kind']}{'  ' + row['address'] if row['address'] else ''}")


def _row(entry: KeyEntry, prefix: str | None) -> dict[str, str | None]:
    address = encode_address(prefix, AccountId(entry.public_key)) if prefix else None
    kind = "sealed" if entry.is_sealed else "open"
    return {"name": entry.name, "public_key": entry.public_key.hex(), "kind": kind, "address": address, "path": str(entry.path)}
