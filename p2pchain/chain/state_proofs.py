"""Proof of one row of the state at a final height: its value, or that there is no such row.

`verify_row_proof` believes nothing but the chain id and the sets of delegates that the caller trusts.  A header's
`state_root` is of the state after its block, so an account is proven as of the header's height and slot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from p2pchain.chain.block import Header
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.finality_proof import FinalHeader, FinalityProof, verify_finality
from p2pchain.chain.state import ACCOUNTS, GLOBALS, Account, Globals
from p2pchain.chain.trie.nodes import value_hash
from p2pchain.chain.trie.path import committed_value
from p2pchain.chain.types import ChainId, PublicKey

KEY_SHOWN_MAX = 40
"""Bytes of a stranger's key in a refusal: those that there are have at most 33."""


class RowProof(NamedTuple):
    """A row, where it lies in the trie, and why the trie's root is final."""

    finality: FinalityProof
    key: bytes
    """Of the row: the table's letter and an id (`chain.state`)."""
    value: bytes | None
    """None where the row is not there."""
    nodes: tuple[bytes, ...]
    """Of the trie, from the root down."""


class ProvenRow(NamedTuple):
    """A row as of a final block."""

    at: FinalHeader
    key: bytes
    value: bytes | None


class ProvenAccount(NamedTuple):
    """An account as of a final block."""

    at: FinalHeader
    account: Account | None
    """None where nobody ever sent anything to it."""


def verify_row_proof(proof: RowProof, chain_id: ChainId, sets: Iterable[Collection[PublicKey]]) -> ProvenRow:
    """What the proof shows; `Invalid` where it shows nothing."""
    at = verify_finality(proof.finality, chain_id, sets)
    validate_row(proof, at.header)
    return ProvenRow(at, proof.key, proof.value)


def validate_row(proof: RowProof, header: Header) -> None:
    """`Invalid` unless the row is part of the state that this header, which is known to be final, commits to."""
    found = committed_value(header.state_root, proof.key, proof.nodes)
    wanted = None if proof.value is None else value_hash(proof.value)
    if found != wanted:
        text = f"state proof: row {proof.key[:KEY_SHOWN_MAX].hex()} is not what block {header.height} commits to"
        raise Invalid(Code.BAD_PROOF, text, found=found, wanted=wanted)


def verify_account_proof(proof: RowProof, account: bytes, chain_id: ChainId, sets: Iterable[Collection[PublicKey]]) -> ProvenAccount:
    """The account of 32 bytes that was asked for; `Invalid` also where the proof is of another row."""
    value = _verify_row(proof, ACCOUNTS.key(account), chain_id, sets)
    return ProvenAccount(value.at, None if value.value is None else ACCOUNTS.decode(value.value))


def verify_globals_proof(proof: RowProof, chain_id: ChainId, sets: Iterable[Collection[PublicKey]]) -> tuple[FinalHeader, Globals]:
    """The numbers of the whole ledger, with the set of delegates that governs the next block."""
    row = _verify_row(proof, GLOBALS.key(b""), chain_id, sets)
    if row.value is None:
        raise Invalid(Code.BAD_PROOF, "state proof: there is no row of globals, every state has one")
    return row.at, GLOBALS.decode(row.value)


def _verify_row(proof: RowProof, key: bytes, chain_id: ChainId, sets: Iterable[Collection[PublicKey]]) -> ProvenRow:
    if proof.key != key:
        raise Invalid(
            Code.BAD_PROOF, f"state proof: it is of row {proof.key[:KEY_SHOWN_MAX].hex()}, {key.hex()} wanted", found=proof.key, wanted=key
        )
    return verify_row_proof(proof, chain_id, sets)
