"""The keys of a node on disk: one file a key, open or sealed with a passphrase.

Invariants: the folder is 0700 and each file 0600, and wider ones are refused rather than mended in silence; a file
appears whole and synced or not at all; no file is ever overwritten; no secret ever stands in an error or a `repr`.
It decides nothing about what is signed.
"""

from p2pchain.keystore.errors import (
    KeyExistsError,
    KeyFileError,
    KeyNameError,
    KeyPermissionError,
    KeystoreError,
    MissingPassphraseError,
    UnknownKeyError,
    WrongPassphraseError,
)
from p2pchain.keystore.folder import NODE_KEY, KeyEntry, Keystore
from p2pchain.keystore.key_file import Argon2Limits
from p2pchain.keystore.passphrase import read_passphrase

__all__ = [
    "NODE_KEY",
    "Argon2Limits",
    "KeyEntry",
    "KeyExistsError",
    "KeyFileError",
    "KeyNameError",
    "KeyPermissionError",
    "Keystore",
    "KeystoreError",
    "MissingPassphraseError",
    "UnknownKeyError",
    "WrongPassphraseError",
    "read_passphrase",
]
