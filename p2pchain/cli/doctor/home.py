"""The home by itself: configuration, genesis, keys, disk.  Nothing here asks the node."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from p2pchain.cli.doctor.finding import Finding, broken, doubtful, well
from p2pchain.config import Config, Home
from p2pchain.genesis_file import GenesisFileError, load_genesis
from p2pchain.keystore import NODE_KEY, Keystore, KeystoreError
from p2pchain.storage.room import Marks


def look_at_home(config: Config) -> Iterator[Finding]:
    yield _genesis(config.home)
    yield from _keys(config)
    yield from _disk(config)


def _genesis(home: Home) -> Finding:
    try:
        genesis = load_genesis(home.genesis_file)
    except (GenesisFileError, OSError) as error:
        return broken("genesis", str(error), "get the network's join bundle and compare: p2pchain join BUNDLE --home ANOTHER")
    return well("genesis", f"network {genesis.name}, chain id {genesis.chain_id.hex()}")


def _keys(config: Config) -> Iterator[Finding]:
    store = Keystore(config.home.keys)
    names = [NODE_KEY] if config.node.role == "observer" else [NODE_KEY, config.delegate.key]
    for name in names:
        try:
            entry = store.entry(name)
        except KeystoreError as error:
            yield broken(f"key {name}", str(error), "bring it back from its backup, or make the home anew: p2pchain init")
            continue
        if entry.is_sealed and not config.passphrase_file and "CREDENTIALS_DIRECTORY" not in os.environ:
            todo = "name a file in delegate.passphrase_file, or start with p2pchain run at a terminal"
            yield doubtful(f"key {name}", "sealed, and no passphrase file is configured", todo)
        else:
            yield well(f"key {name}", f"{entry.kind}, public key {entry.public_key.hex()}")


def _disk(config: Config) -> Iterator[Finding]:
    for folder in sorted({config.data_path, config.home.signing}):
        if not os.access(folder, os.W_OK | os.X_OK):
            yield broken("disk", f"{folder} cannot be written by this user", f"give it to the node's user: chown -R USER {folder}")
            return
    usage = shutil.disk_usage(config.data_path)
    room = Marks(config.storage.free_bytes_low, config.storage.free_bytes_end).of(str(config.data_path), usage.free, usage.total)
    share = usage.free / usage.total
    words = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB ({share:.0%}) for {config.data_path}"
    todo = "make room, or move storage.path to a larger volume while the node is stopped"
    if room.is_low:
        yield broken("disk", words, todo)
    elif room.is_filling:
        yield doubtful("disk", words, todo)
    else:
        yield well("disk", words)
