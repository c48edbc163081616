"""The keys of this node: the delegate's, which may be sealed, and the one that it proves itself to peers with."""

from __future__ import annotations

import os
import sys
from functools import partial
from getpass import getpass

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import PublicKey
from p2pchain.config import Config
from p2pchain.daemon.ending import CannotStartError
from p2pchain.keystore import NODE_KEY, Keystore, read_passphrase


def load_signer(config: Config) -> KeySigner | None:
    """The delegate's key; None for an observer."""
    if config.node.role != "delegate":
        return None
    keystore = Keystore(config.home.keys)
    entry = keystore.entry(config.delegate.key)
    ask = partial(_ask_passphrase, entry.name)
    passphrase = None if entry.kind == "open" else read_passphrase(config.passphrase_file, os.environ, ask)
    return KeySigner(keystore.load(config.delegate.key, passphrase))


def _ask_passphrase(name: str) -> str:
    if not sys.stdin.isatty():
        raise CannotStartError(f"the key '{name}' is sealed and there is no terminal to ask at: name a file in [delegate] passphrase_file")
    return getpass(f"passphrase of {name}: ")


def node_key(config: Config) -> bytes:
    return PublicKey(Keystore(config.home.keys).entry(NODE_KEY).public_key)


def node_signer(config: Config, delegate: KeySigner | None) -> KeySigner:
    """What peers know this node by: it signs the link key once, and the node's record whenever that changes."""
    node = KeySigner(Keystore(config.home.keys).load(NODE_KEY, None))
    if delegate is not None and delegate.public_key == node.public_key:
        raise CannotStartError(
            f"the keys '{NODE_KEY}' and '{config.delegate.key}' are the same: a node needs a key of its own for its links"
        )
    return node
