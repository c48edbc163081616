"""Noise_XX_25519_ChaChaPoly_SHA256, after "The Noise Protocol Framework", revision 34, and in its words.

Only the XX pattern, without pre-shared keys.  Keys come in as arguments: there is no chance here.  A message that fails
leaves the state unusable, except that a cipher whose decryption failed has not moved.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_decrypt,
    crypto_aead_chacha20poly1305_ietf_encrypt,
    crypto_scalarmult,
    crypto_scalarmult_base,
)
from nacl.exceptions import CryptoError

from p2pchain.wire.errors import NotAuthentic

NAME = b"Noise_XX_25519_ChaChaPoly_SHA256"
"""32 bytes, as many as the hash has: the first `h` is the name itself."""
DH_BYTES = 32
TAG_BYTES = 16
_NONCE_LAST = 2**64 - 1
"""Reserved for `rekey`; no message is ever encrypted with it."""

_PATTERN = (("e",), ("e", "ee", "s", "es"), ("s", "se"))
"""XX: what the two sides say in turn, the initiator first."""


class KeyPair(NamedTuple):
    """An X25519 key."""

    secret: bytes
    public: bytes

    @classmethod
    def of(cls, secret: bytes) -> KeyPair:
        return cls(secret, crypto_scalarmult_base(secret))

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public.hex()})"  # the secret stays out of logs and tracebacks

    def dh(self, public: bytes) -> bytes:
        """The shared secret; `NotAuthentic` where it is all zeros, as it is for the keys of low order."""
        try:
            return crypto_scalarmult(self.secret, public)
        except CryptoError:
            raise NotAuthentic(f"link key {public.hex()} is of low order") from None


class CipherState:
    """A key and the number of messages under it (section 5.1); without a key what goes in comes out."""

    __slots__ = ("_key", "nonce")

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key
        self.nonce = 0

    def encrypt(self, plaintext: bytes, associated: bytes = b"") -> bytes:
        if self._key is None:
            return plaintext
        sealed = crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, associated, self._next(), self._key)
        self.nonce += 1
        return sealed

    def decrypt(self, sealed: bytes, associated: bytes = b"") -> bytes:
        """`NotAuthentic` where the bytes are not those that the other side encrypted next; the nonce stays then."""
        if self._key is None:
            return sealed
        if len(sealed) < TAG_BYTES:
            raise NotAuthentic(f"{len(sealed)} encrypted bytes, at least {TAG_BYTES} wanted")
        try:
            plaintext = crypto_aead_chacha20poly1305_ietf_decrypt(sealed, associated, self._next(), self._key)
        except CryptoError:
            raise NotAuthentic(f"message {self.nonce} of this link is not what the peer encrypted") from None
        self.nonce += 1
        return plaintext

    def rekey(self) -> None:
        """Section 4.2; the nonce goes on counting (section 11.3)."""
        assert self._key is not None, "there is a key to replace"
        zeros = bytes(32)
        self._key = crypto_aead_chacha20poly1305_ietf_encrypt(zeros, b"", _encode_nonce(_NONCE_LAST), self._key)[:32]

    def _next(self) -> bytes:
        assert self.nonce < _NONCE_LAST, "2^64 messages: half a million years at a million a second"
        return _encode_nonce(self.nonce)


class SymmetricState:
    """The hash of all that was said and the key that came of it so far (section 5.2)."""

    __slots__ = ("_chaining_key", "cipher", "hash")

    def __init__(self, prologue: bytes) -> None:
        self._chaining_key = self.hash = NAME
        self.cipher = CipherState()
        self.mix_hash(prologue)

    def mix_key(self, material: bytes) -> None:
        self._chaining_key, key = _hkdf(self._chaining_key, material)
        self.cipher = CipherState(key)

    def mix_hash(self, data: bytes) -> None:
        self.hash = hashlib.sha256(self.hash + data).digest()

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        sealed = self.cipher.encrypt(plaintext, self.hash)
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, sealed: bytes) -> bytes:
        plaintext = self.cipher.decrypt(sealed, self.hash)
        self.mix_hash(sealed)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        first, second = _hkdf(self._chaining_key, b"")
        return CipherState(first), CipherState(second)


class HandshakeState:
    """One side of the handshake (section 5.3): `write` and `read` in turn, then `split`."""

    __slots__ = ("_ephemeral", "_initiator", "_remote_ephemeral", "_static", "_symmetric", "_turn", "remote_static")

    def __init__(self, *, initiator: bool, prologue: bytes, static: KeyPair, ephemeral: KeyPair) -> None:
        """`ephemeral` is of fresh randomness and is used for nothing else."""
        self._initiator = initiator
        self._symmetric = SymmetricState(prologue)
        self._static = static
        self._ephemeral = ephemeral
        self._remote_ephemeral = b""
        self.remote_static = b""
        """What the other side proved to hold, once it has."""
        self._turn = 0

    @property
    def hash(self) -> bytes:
        """Of the handshake so far; at the end both sides have the same, and nobody else does."""
        return self._symmetric.hash

    def write(self, payload: bytes) -> bytes:
        """The next message."""
        parts = []
        for step in self._take_turn(is_ours=True):
            if step == "e":
                parts.append(self._ephemeral.public)
                self._symmetric.mix_hash(self._ephemeral.public)
            elif step == "s":
                parts.append(self._symmetric.encrypt_and_hash(self._static.public))
            else:
                self._mix(step)
        return b"".join((*parts, self._symmetric.encrypt_and_hash(payload)))

    def read(self, message: bytes) -> bytes:
        """The payload of the other side's next message; `NotAuthentic` where it is not that."""
        rest = message
        for step in self._take_turn(is_ours=False):
            if step == "e":
                self._remote_ephemeral, rest = _cut(rest, DH_BYTES)
                self._symmetric.mix_hash(self._remote_ephemeral)
            elif step == "s":
                sealed, rest = _cut(rest, DH_BYTES + TAG_BYTES)
                self.remote_static = self._symmetric.decrypt_and_hash(sealed)
            else:
                self._mix(step)
        return self._symmetric.decrypt_and_hash(rest)

    def split(self) -> tuple[CipherState, CipherState]:
        """The ciphers of what this side sends and of what it receives."""
        assert self._turn == len(_PATTERN), "the handshake is not over"
        first, second = self._symmetric.split()
        return (first, second) if self._initiator else (second, first)

    def _take_turn(self, *, is_ours: bool) -> tuple[str, ...]:
        assert self._turn < len(_PATTERN), "the handshake is over"
        assert is_ours == (self._initiator == (self._turn % 2 == 0)), "the other side has the word"
        self._turn += 1
        return _PATTERN[self._turn - 1]

    def _mix(self, step: str) -> None:
        """`ee`, `es`, `se`: the first letter is the initiator's key, the second the responder's."""
        ours, theirs = (step[0], step[1]) if self._initiator else (step[1], step[0])
        pair = self._ephemeral if ours == "e" else self._static
        self._symmetric.mix_key(pair.dh(self._remote_ephemeral if theirs == "e" else self.remote_static))


def _encode_nonce(number: int) -> bytes:
    return bytes(4) + number.to_bytes(8, "little")


def _hkdf(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    """HKDF with two outputs (section 4.3)."""
    key = hmac.digest(chaining_key, material, "sha256")
    first = hmac.digest(key, b"\x01", "sha256")
    return first, hmac.digest(key, first + b"\x02", "sha256")


def _cut(message: bytes, size: int) -> tuple[bytes, bytes]:
    if len(message) < size:
        raise NotAuthentic(f"handshake message ends after {len(message)} bytes where {size} were wanted")
    return message[:size], message[size:]
