"""Proof that a transaction is part of a final block, at one place in it.

It does not say whether the transaction succeeded.  Only one with evidence can be part of a block and fail (`outcomes`); of
every other one inclusion is success.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.block import Header
from p2pchain.chain.crypto import verify_batch
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.finality_proof import FinalHeader, FinalityProof, verify_finality
from p2pchain.chain.merkle import validate_merkle_path
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.transaction import Transaction, decode_transaction, signature_checks
from p2pchain.chain.types import ChainId, PublicKey


class TransactionProof(NamedTuple):
    """A transaction, its place in its block, and why the block is final."""

    finality: FinalityProof
    transaction: bytes
    """As it was signed: `[body, signature]`."""
    position: int
    """From 0."""
    total: int
    """Transactions in the block."""
    path: tuple[bytes, ...]
    """Hashes of the Merkle path, lowest first."""


class ProvenTransaction(NamedTuple):
    """A transaction in a final block."""

    at: FinalHeader
    transaction: Transaction
    position: int
    has_succeeded: bool | None
    """None where this proof cannot tell."""


def verify_transaction_proof(proof: TransactionProof, spec: ChainSpec, sets: Iterable[Collection[PublicKey]]) -> ProvenTransaction:
    """What the proof shows; `Invalid` where it shows nothing.  Who asked for one transaction compares its id with the answer's."""
    at = verify_finality(proof.finality, ChainId(spec.chain_id), sets)
    transaction = read_transaction(proof, at.header, spec)
    return ProvenTransaction(at, transaction, proof.position, has_succeeded(transaction))


def read_transaction(proof: TransactionProof, header: Header, spec: ChainSpec) -> Transaction:
    """The transaction, which is part of the block of this header, known to be final; `Invalid` where it is not."""
    transaction = decode_transaction(proof.transaction, spec)
    validate_merkle_path(header.transactions_root, transaction.id, proof.position, proof.total, proof.path)
    if not all(verify_batch(signature_checks(transaction, ChainId(spec.chain_id)))):
        # the block commits to the body alone, so this is no lie of the block's maker
        raise Invalid(Code.BAD_SIGNATURE, f"transaction {transaction.id.hex()} is not signed by its sender")
    return transaction


def has_succeeded(transaction: Transaction) -> bool | None:
    """What being part of a block says of it; None where it says nothing."""
    can_fail = any(isinstance(action, SubmitEvidence) for action in transaction.actions)
    return None if can_fail else True
