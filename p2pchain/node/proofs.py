"""What a node shows to somebody who does not trust it: rows of the final state, and transactions in final blocks.

Nothing is kept for it: headers, certificates, rows and nodes are read as they lie in the store.  A row is shown as of the
last final block, whose state is the only one that has all its nodes.
"""

from __future__ import annotations

from p2pchain.chain.block import Envelope
from p2pchain.chain.finality_proof import PROOF_HEADERS_MAX, FinalityProof
from p2pchain.chain.merkle import merkle_path
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.transaction import id_in
from p2pchain.chain.transaction_proofs import TransactionProof
from p2pchain.node.ports import Location, Store

HEADERS_BYTES_MAX = 1 << 20
"""More than so many headers have, with the certificate of the last."""


class UnprovenError(Exception):
    """There is nothing to show now, and later there will be; one line says why."""


def prove_row(store: Store, key: bytes) -> RowProof:
    """A row as of the last final block, or that there is none."""
    stored = store.row_with_path(key)
    return RowProof(_prove_final(store, stored.height), key, stored.value, stored.nodes)


def prove_transaction(store: Store, location: Location, block: Envelope) -> TransactionProof:
    """A transaction of a final block: 2 us for each transaction of the block."""
    ids = [id_in(raw) for raw in block.transactions]
    path = merkle_path(ids, location.position)
    return TransactionProof(_prove_final(store, location.height), block.transactions[location.position], location.position, len(ids), path)


def _prove_final(store: Store, height: int) -> FinalityProof:
    """The header at a final height, and those above it up to the first that has confirms of its own."""
    if height == 0:
        raise UnprovenError("no block is final yet: the state of the genesis has no header and needs no proof")
    headers = []
    for header in store.final_headers(height, PROOF_HEADERS_MAX, HEADERS_BYTES_MAX):
        headers.append(header.raw)
        if header.certificate:
            return FinalityProof(tuple(headers), header.certificate)
    raise UnprovenError(f"block {height} and the {len(headers) - 1} final blocks above it have no confirms of their own yet")
