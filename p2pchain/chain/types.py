"""The words of the ledger: integers and byte strings with a meaning.

Heights count blocks from the genesis (0); slots count fixed intervals of time from the genesis time (slot 0 is the
genesis itself); rounds count groups of as many slots as there are active delegates.  Amounts are integers of the
smallest unit and stay below 2**63.
"""

from __future__ import annotations

from typing import NewType

Height = NewType("Height", int)
Slot = NewType("Slot", int)
Round = NewType("Round", int)
Amount = NewType("Amount", int)
Milliseconds = NewType("Milliseconds", int)
"""Unix time in integer milliseconds, always an argument, never read from a clock here."""

AccountId = NewType("AccountId", bytes)
"""32 bytes: the Ed25519 public key of a single-key account."""
PublicKey = NewType("PublicKey", bytes)
"""32 bytes: an Ed25519 public key that signs blocks, votes and confirms."""
Signature = NewType("Signature", bytes)
"""64 bytes: an Ed25519 signature."""
Hash = NewType("Hash", bytes)
"""32 bytes: a domain-separated SHA-256."""
BlockId = NewType("BlockId", bytes)
"""32 bytes: the hash of a block's header bytes."""
TransactionId = NewType("TransactionId", bytes)
"""32 bytes: the hash of a transaction's body bytes."""
ChainId = NewType("ChainId", bytes)
"""32 bytes: the hash of the canonical genesis; part of every signed message."""

AMOUNT_MAX = 2**63 - 1
HASH_BYTES = 32
KEY_BYTES = 32
SIGNATURE_BYTES = 64
ZERO_HASH = Hash(bytes(HASH_BYTES))
