"""Writing the home of a node; nothing that exists is ever overwritten.

Keys that are there already are taken as they are, so that a delegate can make its key before the genesis is agreed on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.recovery import Recovery
from p2pchain.cli.failures import Failure
from p2pchain.cli.unused_keys import mark_unused, take_mark
from p2pchain.config import Config, Home, load_config, render_default_config
from p2pchain.config.sections import KEYS
from p2pchain.genesis_file import dumps_genesis, dumps_recovery, file_name
from p2pchain.keystore import NODE_KEY, KeyEntry, Keystore
from p2pchain.storage.durable import write_once, write_whole
from p2pchain.storage.sign_state import SignStateFile

DELEGATE_KEY = "delegate"
ACCOUNT_KEY = "account"
PassphraseSource = Callable[[], str | None]
"""Asked only when a key is really made; None leaves the key open."""


def new_home_config(path: Path, settings: Mapping[str, object]) -> Config:
    """The configuration of a home that is to be made, `settings` by `section.key`; refused where there is one already."""
    home = Home(path)
    for file in (home.config_file, home.genesis_file):
        if file.exists():
            raise Failure(f"{file} exists and stays; name another home with --home DIR")
    return load_config(path, {}, settings)


def make_home(config: Config, genesis: Genesis, recoveries: Iterable[Recovery] = ()) -> None:
    """The folders, `node.toml`, `genesis.toml`, the recoveries that there were, and the node's own key."""
    home = config.home
    home.create()
    write_new(home.genesis_file, dumps_genesis(genesis))
    write_new(home.config_file, config_text(config))
    for recovery in recoveries:
        install_recovery(home, recovery, genesis.address_prefix)
    key_in(home, NODE_KEY, lambda: None)


def install_recovery(home: Home, recovery: Recovery, prefix: str) -> Path:
    """Put it where the node reads it when it starts; refused where it is there already."""
    home.recoveries.mkdir(parents=True, exist_ok=True)
    path = home.recoveries / file_name(recovery)
    if path.exists():
        raise Failure(f"the recovery is installed already: {path}")
    write_whole(path, dumps_recovery(recovery, prefix).encode())
    return path


def config_text(config: Config) -> str:
    """`node.toml` with every key of this configuration."""
    return render_default_config(**{path.replace(".", "_", 1): _value_at(config, path) for path in KEYS})


def key_in(home: Home, name: str, ask_passphrase: PassphraseSource) -> KeyEntry:
    """The key of this name, made if there is none."""
    keystore = Keystore(home.keys)
    if (home.keys / f"{name}.key").exists():
        return keystore.entry(name)
    made = keystore.create(name, ask_passphrase())
    if name == DELEGATE_KEY:
        mark_unused(home, made.public_key)
    return made


def begin_signing(home: Home, consensus_key: bytes, chain_id: bytes) -> None:
    """Say on disk that this key has signed nothing yet; without that the node would wait before it dares to sign."""
    take_mark(home, consensus_key)
    with SignStateFile(home.signing, consensus_key, chain_id) as states:
        states.create()


def write_new(path: Path, text: str) -> None:
    """Whole and durable, or not at all; `Failure` where the file exists."""
    try:
        write_once(path, text.encode(), 0o644)
    except FileExistsError:
        raise Failure(f"{path} exists and stays") from None


def write_new_private(path: Path, text: str) -> None:
    """The same for a secret: nobody but its owner may read it, from the first byte on."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Failure(f"{path} exists and stays") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _value_at(config: Config, path: str) -> object:
    section, _, name = path.partition(".")
    return getattr(getattr(config, section), name)
