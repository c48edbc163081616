"""Short ids: a transaction of a block named in six bytes, for whoever is likely to have it.

A short id is keyed by the block's id, which nobody knows before its leader has signed: transactions whose short ids
collide cannot be prepared.  It is a function of block and transaction alone, so that all honest nodes say the same of
one block, and a list that differs from the block's is a proof against whoever sent it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from p2pchain.chain.block import Block, Envelope, encode_block
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import BlockId
from p2pchain.chain.votes import Certificate

SHORT_ID_BYTES = 6
"""A block of 20,000 among 50,000 waiting transactions then has a false match once in 280,000 blocks, which costs a fetch."""


class CompactForm(NamedTuple):
    """A block without its transactions: what names them, and the few that came along, by place."""

    envelope: Envelope
    """Its list of transactions and its bytes are empty."""
    certificate: bytes
    short_ids: bytes
    prefilled: dict[int, Transaction]

    def with_transactions(self, transactions: list[Transaction]) -> Block:
        """The whole block, its bytes as its maker encoded them; `Invalid` where the header commits to other transactions."""
        envelope = self.envelope
        raw = encode_block(envelope.header_raw, envelope.signature, self.certificate, [each.raw for each in transactions])
        return envelope._replace(raw=raw).with_transactions(transactions)


def carried(certificate: Certificate | None) -> bytes:
    """The bytes of a certificate as a block carries it."""
    return certificate.raw if certificate is not None else b""


def short_id(block: BlockId, transaction: bytes) -> bytes:
    """BLAKE2b of six bytes over the transaction's id, keyed by the block's id."""
    return blake2b(transaction, digest_size=SHORT_ID_BYTES, key=block).digest()


def short_ids(block: BlockId, transactions: Iterable[bytes]) -> bytes:
    """Those of a block's transactions in order, one behind the other."""
    return b"".join([blake2b(item, digest_size=SHORT_ID_BYTES, key=block).digest() for item in transactions])


def split_short_ids(joined: bytes) -> list[bytes]:
    return [joined[at : at + SHORT_ID_BYTES] for at in range(0, len(joined), SHORT_ID_BYTES)]
