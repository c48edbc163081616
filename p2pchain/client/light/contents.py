"""What a proof shows once the block where it ends is known to be final."""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.block import block_id
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.following import Point, header_under
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.proof_files import Proof
from p2pchain.chain.state import ACCOUNTS, Account
from p2pchain.chain.state_proofs import RowProof, validate_row
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.transaction_proofs import TransactionProof, read_transaction
from p2pchain.chain.types import KEY_BYTES, AccountId, BlockId
from p2pchain.chain.votes import Subject


class AccountShown(NamedTuple):
    at: Subject
    account: AccountId
    row: Account | None
    """None where there is none."""


class TransactionShown(NamedTuple):
    at: Subject
    transaction: Transaction
    position: int


def account_in(point: Point, proof: Proof, account: AccountId | None = None) -> AccountShown:
    """The account of a proof, or exactly the one that was asked for; `Invalid` where the proof shows none."""
    if not isinstance(proof, RowProof) or proof.key[:1] != ACCOUNTS.prefix or len(proof.key) != 1 + KEY_BYTES:
        raise Invalid(Code.BAD_PROOF, "the proof is not of an account")
    found = AccountId(proof.key[1:])
    if account is not None and found != account:
        raise Invalid(Code.BAD_PROOF, f"the proof is of account {found.hex()}, {account.hex()} was asked for")
    header = header_under(point, proof.finality)
    validate_row(proof, header)
    row = None if proof.value is None else ACCOUNTS.decode(proof.value)
    return AccountShown(Subject(header.slot, header.height, _id_of(proof)), found, row)


def transaction_in(point: Point, proof: Proof, spec: ChainSpec, transaction_id: bytes | None = None) -> TransactionShown:
    """The transaction of a proof, or exactly the one that was asked for; `Invalid` where the proof shows none."""
    if not isinstance(proof, TransactionProof):
        raise Invalid(Code.BAD_PROOF, "the proof is not of a transaction")
    header = header_under(point, proof.finality)
    transaction = read_transaction(proof, header, spec)
    if transaction_id is not None and transaction.id != transaction_id:
        raise Invalid(Code.BAD_PROOF, f"the proof is of transaction {transaction.id.hex()}, {transaction_id.hex()} was asked for")
    return TransactionShown(Subject(header.slot, header.height, _id_of(proof)), transaction, proof.position)


def _id_of(proof: Proof) -> BlockId:
    return block_id(proof.finality.headers[0])
