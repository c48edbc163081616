"""Proofs as bytes: what a node answers, and what is kept in a file to be checked later, without a network.

    row           [1, [header, ...], certificate, key, value or nil, [node, ...]]
    transaction   [2, [header, ...], certificate, transaction, position, total, [hash, ...]]

Canonical as everything is: other bytes are another proof, or none.
"""

from __future__ import annotations

from p2pchain.chain.codec import Value, decode, encode, require_array, require_bytes, require_int
from p2pchain.chain.errors import Code, Invalid, shown
from p2pchain.chain.finality_proof import FinalityProof
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.transaction_proofs import TransactionProof

PROOF_BYTES_MAX = 128 * 1024
"""A certificate of 404, headers up to it, and a row of 30 KB or the largest transaction."""
ROW_KEY_BYTES_MAX = 64
"""The keys that there are have at most 33."""
ROW, TRANSACTION = 1, 2

Proof = RowProof | TransactionProof


def encode_proof(proof: Proof) -> bytes:
    if isinstance(proof, RowProof):
        return encode((ROW, *proof.finality, proof.key, proof.value, proof.nodes))
    return encode((TRANSACTION, *proof.finality, proof.transaction, proof.position, proof.total, proof.path))


def decode_proof(data: bytes) -> Proof:
    """The proof in its bytes; nothing of it is checked yet but its shape."""
    fields = require_array(decode(data, what="proof", bytes_max=PROOF_BYTES_MAX), what="proof")
    kind = fields[0] if fields else None
    if kind == ROW and type(kind) is int:
        _, headers, certificate, key, value, nodes = require_array(fields, what="row proof", fields=6)
        finality = _finality(headers, certificate)
        row = None if value is None else require_bytes(value, what="proof value")
        return RowProof(
            finality, require_bytes(key, what="proof key", size_max=ROW_KEY_BYTES_MAX), row, _byte_strings(nodes, "proof nodes")
        )
    if kind == TRANSACTION and type(kind) is int:
        _, headers, certificate, transaction, position, total, path = require_array(fields, what="transaction proof", fields=7)
        return TransactionProof(
            _finality(headers, certificate),
            require_bytes(transaction, what="proof transaction"),
            require_int(position, what="proof position"),
            require_int(total, what="proof total"),
            _byte_strings(path, "proof path"),
        )
    raise Invalid(Code.MALFORMED, f"proof is of kind {shown(kind)}, {ROW} or {TRANSACTION} wanted")


def _finality(headers: Value, certificate: Value) -> FinalityProof:
    return FinalityProof(_byte_strings(headers, "proof headers"), require_bytes(certificate, what="proof certificate"))


def _byte_strings(value: Value, what: str) -> tuple[bytes, ...]:
    return tuple(require_bytes(item, what=what) for item in require_array(value, what=what))
