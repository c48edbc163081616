"""Keys and accounts from a seed: the same in every run, and worth nothing anywhere."""

from __future__ import annotations

import hashlib

from nacl.signing import SigningKey

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import AccountId


def key_of(seed: int, kind: str, number: int) -> KeySigner:
    return KeySigner(SigningKey(_draw(seed, kind, number)))


def account_of(seed: int, number: int) -> AccountId:
    """An account that nobody has the key of: it can be paid, and making it costs a hash."""
    return AccountId(_draw(seed, "account", number))


def _draw(seed: int, kind: str, number: int) -> bytes:
    return hashlib.sha256(f"p2pchain bench {seed} {kind} {number}".encode()).digest()
