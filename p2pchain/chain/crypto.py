"""Hashes and signatures, each with its domain, and the only source of `Verified`.

Hash: SHA-256 over `domain || 0x00 || data`.  Signature: Ed25519 by libsodium (PyNaCl), and by nothing else, over
`domain || 0x00 || chain id || body`: a signature made for one purpose or one network is worthless for any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Generic, NamedTuple, Protocol, TypeVar

from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from p2pchain.chain.types import KEY_BYTES, SIGNATURE_BYTES, ChainId, Hash, PublicKey, Signature

T = TypeVar("T")


class Domain(Enum):
    """What a hash or a signature is for; the number at the end is the version of the signed form."""

    GENESIS = b"p2pchain/genesis/1"
    TRANSACTION = b"p2pchain/transaction/1"
    TRANSACTION_LEAF = b"p2pchain/transaction-leaf/1"
    TRANSACTION_NODE = b"p2pchain/transaction-node/1"
    TRANSACTIONS = b"p2pchain/transactions/1"
    BLOCK = b"p2pchain/block/1"
    VOTE = b"p2pchain/vote/1"
    CONFIRM = b"p2pchain/confirm/1"
    CERTIFICATE = b"p2pchain/certificate/1"
    STATE_KEY = b"p2pchain/state-key/1"
    STATE_VALUE = b"p2pchain/state-value/1"
    STATE_NODE = b"p2pchain/state-node/1"
    SEED = b"p2pchain/seed/1"
    SET = b"p2pchain/set/1"
    SHUFFLE = b"p2pchain/shuffle/1"
    DELEGATE_KEY = b"p2pchain/delegate-key/1"
    NODE_LINK = b"p2pchain/node-link/1"
    REVEAL_SECRET = b"p2pchain/reveal-secret/1"
    REVEAL = b"p2pchain/reveal/1"
    COMMITMENT = b"p2pchain/commitment/1"
    RECOVERY = b"p2pchain/recovery/1"
    PEER_RECORD = b"p2pchain/peer-record/1"

    def __init__(self, text: bytes) -> None:
        self.prefix = text + b"\x00"
        """What the hashed or signed bytes begin with."""


class SignatureCheck(NamedTuple):
    """One signature to be verified, before anything that rests on it is believed."""

    key: bytes
    message: bytes
    signature: bytes


class Verified(Generic[T]):
    """A value all of whose signatures were checked by libsodium.  Only this module makes one."""

    __slots__ = ("value",)

    def __init__(self, value: T, proof: object) -> None:
        assert proof is _PROOF, "Verified values come from crypto.attest alone"
        self.value = value


_PROOF = object()


class Signer(Protocol):
    """Whoever holds a secret key: a key in memory, or later a process of its own."""

    @property
    def public_key(self) -> PublicKey: ...

    def sign(self, domain: Domain, chain_id: ChainId, body: bytes) -> Signature: ...


class KeySigner:
    """A signer over a key in this process's memory."""

    __slots__ = ("_key", "public_key")

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.public_key = PublicKey(bytes(key.verify_key))

    def sign(self, domain: Domain, chain_id: ChainId, body: bytes) -> Signature:
        return Signature(self._key.sign(signed_message(domain, chain_id, body)).signature)


def digest(domain: Domain, data: bytes) -> Hash:
    """SHA-256 over the domain, a zero byte, and the data."""
    return Hash(hashlib.sha256(domain.prefix + data).digest())


def signed_message(domain: Domain, chain_id: ChainId, body: bytes) -> bytes:
    """The exact bytes that an Ed25519 signature covers."""
    return domain.prefix + chain_id + body


def is_valid_signature(check: SignatureCheck) -> bool:
    """Ask libsodium; a key or signature of the wrong length is simply not valid."""
    if len(check.key) != KEY_BYTES or len(check.signature) != SIGNATURE_BYTES:
        return False  # libsodium reads 32 bytes at the key's address, whatever its length
    try:
        crypto_sign_open(check.signature + check.message, check.key)
    except (BadSignatureError, ValueError, TypeError):
        return False
    return True


def verify_batch(checks: Iterable[SignatureCheck]) -> list[bool]:
    """One answer a check, in order.  Single verification on purpose: batch equations accept what single ones refuse."""
    return [is_valid_signature(check) for check in checks]


def is_valid_key(key: bytes) -> bool:
    """Whether the bytes are a point of the main subgroup, so that nobody else can sign for it by trickery."""
    return len(key) == KEY_BYTES and bool(crypto_core_ed25519_is_valid_point(key))


def attest(value: T, results: Sequence[bool]) -> Verified[T] | None:
    """The value as `Verified` if every one of its checks came back true, else None."""
    return Verified(value, _PROOF) if all(results) else None
