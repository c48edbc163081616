"""What a client is shown by a node that it does not trust: proofs of rows and of transactions."""

from __future__ import annotations

from p2pchain.chain.errors import Invalid
from p2pchain.chain.proof_files import PROOF_BYTES_MAX, Proof, decode_proof, encode_proof
from p2pchain.chain.state_proofs import RowProof, verify_row_proof
from p2pchain.chain.transaction_proofs import verify_transaction_proof
from tests.fuzz.bombs import BOMBS
from tests.fuzz.claims import is_canonical, read, told
from tests.fuzz.mutation.formats import mutate_msgpack
from tests.fuzz.target import Target
from tests.vectors.proving import invalid, row, transaction
from tests.vectors.world import CHAIN_ID, GENESIS, SPEC, Made, account, chain

SETS = [GENESIS.schedule().keys]


def _check_proof(data: bytes) -> str:
    proof = read(decode_proof, data, Invalid)
    if isinstance(proof, str):
        return proof
    is_canonical(encode_proof(proof), data)
    try:
        return _shown(proof)
    except Invalid as refusal:
        return told(refusal)


def _shown(proof: Proof) -> str:
    """What is believed is so."""
    if isinstance(proof, RowProof):
        shown = verify_row_proof(proof, CHAIN_ID, SETS)
        assert _block(shown.at.id).view.get(shown.key) == shown.value, f"row {shown.key.hex()} is another"
        return "accepted a row" if shown.value is not None else "accepted that there is none"
    proven = verify_transaction_proof(proof, SPEC, SETS)
    block = _block(proven.at.id).block
    assert block is not None
    assert block.transactions[proven.position] == proven.transaction, "another transaction is there"
    return "accepted a transaction"


def _block(block: bytes) -> Made:
    return next(made for made in chain() if made.subject.block == block)


def _seeds() -> list[bytes]:
    one, two, three = chain()[1:4]
    keys = (b"A" + account("alice"), b"A" + account("nobody"), b"G")
    sound: list[Proof] = [*(row(key, one, two) for key in keys), transaction(1, one), transaction(0, three)]
    return [encode_proof(proof) for proof in (*sound, *(proof for _, proof, _ in invalid()[:12]))]


TARGETS = (
    Target(
        "shown-proof",
        "a row or a transaction that is in the block, or a refusal",
        _check_proof,
        lambda: (*_seeds(), *BOMBS),
        mutate_msgpack,
        PROOF_BYTES_MAX // 8,
    ),
)
