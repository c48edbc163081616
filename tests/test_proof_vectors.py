"""The vectors of trie and proofs: read by today's code, and recomputed with nothing but a hash, libsodium and MessagePack."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, cast

import msgpack
import pytest
from nacl.signing import VerifyKey

from p2pchain.chain.errors import Invalid
from p2pchain.chain.proof_files import Proof, decode_proof
from p2pchain.chain.state_proofs import RowProof, verify_row_proof
from p2pchain.chain.transaction_proofs import verify_transaction_proof
from p2pchain.chain.trie.nodes import value_hash
from p2pchain.chain.trie.path import committed_value
from p2pchain.chain.trie.update import root_of
from p2pchain.chain.types import Hash, PublicKey
from tests.vectors.world import CHAIN_ID, SPEC

FOLDER = Path(__file__).parent / "vectors"
TRIE, PROOFS = (cast("dict[str, Any]", json.loads((FOLDER / f"{name}.json").read_text())) for name in ("trie", "proofs"))
SETS = [frozenset(PublicKey(bytes.fromhex(key)) for key in PROOFS["set"])]


def hashed(domain: str, *parts: bytes) -> bytes:
    return hashlib.sha256(f"p2pchain/{domain}/1".encode() + b"\x00" + b"".join(parts)).digest()


@pytest.mark.parametrize("case", TRIE["roots"], ids=lambda case: f"of {case['count']}")
def test_a_root_of_rows(case: Any) -> None:
    rows = [(bytes.fromhex(key), bytes.fromhex(value)) for key, value in TRIE["rows"][: case["count"]]]
    assert root_of(rows).hex() == case["root"]


@pytest.mark.parametrize("case", TRIE["paths"], ids=lambda case: f"{case['value']} among {case['count']}")
def test_a_path_and_what_it_shows(case: Any) -> None:
    key, nodes = bytes.fromhex(case["key"]), [bytes.fromhex(node) for node in case["nodes"]]
    value = None if case["value"] is None else bytes.fromhex(case["value"])
    assert committed_value(Hash(bytes.fromhex(case["root"])), key, nodes) == (None if value is None else value_hash(value))
    assert_leads_to(bytes.fromhex(case["root"]), key, value, nodes)


def assert_leads_to(root: bytes, key: bytes, value: bytes | None, nodes: list[bytes]) -> None:
    """Step 3 of the protocol's section on proofs."""
    path, wanted, entries = hashed("state-key", key), root, dict[bytes, bytes]()
    for letter, node in zip(path.hex(), nodes, strict=False):
        assert hashed("state-node", node) == wanted
        if node[0] == 1:
            at = 1 + 32 * int(letter, 16)
            wanted = node[at : at + 32]
        else:
            wanted = bytes(32)
            entries = {node[at : at + 32]: node[at + 32 : at + 64] for at in range(1, len(node), 64)}
    assert wanted == bytes(32)
    assert entries.get(path) == (None if value is None else hashed("state-value", value))


@pytest.mark.parametrize("case", PROOFS["proofs"], ids=lambda case: case["name"])
def test_a_proof_is_accepted(case: Any) -> None:
    proof = decode_proof(bytes.fromhex(case["proof"]))
    if isinstance(proof, RowProof):
        row = verify_row_proof(proof, CHAIN_ID, SETS)
        assert (row.at.header.height, row.at.id.hex(), row.key.hex()) == (case["height"], case["hash"], case["key"])
        assert (None if row.value is None else row.value.hex()) == case["value"]
    else:
        proven = verify_transaction_proof(proof, SPEC, SETS)
        assert (proven.at.header.height, proven.at.id.hex(), proven.position) == (case["height"], case["hash"], case["position"])
        assert (proven.transaction.raw.hex(), proof.total) == (case["transaction"], case["total"])


def verify(proof: Proof) -> object:
    return verify_row_proof(proof, CHAIN_ID, SETS) if isinstance(proof, RowProof) else verify_transaction_proof(proof, SPEC, SETS)


@pytest.mark.parametrize("case", PROOFS["proofs"], ids=lambda case: case["name"])
def test_a_proof_by_formula(case: Any) -> None:
    kind, headers, certificate, *rest = msgpack.unpackb(bytes.fromhex(case["proof"]))
    ids = [hashed("block", header) for header in headers]
    assert ids[0].hex() == case["hash"]
    assert [msgpack.unpackb(header)[3] for header in headers[1:]] == ids[:-1]
    number, body, voters, signatures = msgpack.unpackb(certificate)
    assert (number, msgpack.unpackb(body)[2]) == (2, ids[-1])
    keys = [voters[at : at + 32] for at in range(0, len(voters), 32)]
    assert len({key.hex() for key in keys} & set(PROOFS["set"])) >= 2 * len(PROOFS["set"]) // 3 + 1
    for place, key in enumerate(keys):
        VerifyKey(key).verify(b"p2pchain/confirm/1\x00" + CHAIN_ID + body, signatures[64 * place : 64 * place + 64])
    state_root, transactions_root = msgpack.unpackb(headers[0])[5:7]
    if kind == 1:
        key, value, nodes = rest
        assert_leads_to(state_root, key, value, nodes)
    else:
        raw, position, total, path = rest
        node, width = hashed("transaction-leaf", hashed("transaction", msgpack.unpackb(raw)[0])), total
        while width > 1:
            if position ^ 1 < width:
                other = path.pop(0)
                node = hashed("transaction-node", other, node) if position % 2 else hashed("transaction-node", node, other)
            position, width = position // 2, (width + 1) // 2
        assert not path
        assert hashed("transactions", total.to_bytes(8, "big"), node) == transactions_root


@pytest.mark.parametrize("case", PROOFS["invalid_proofs"], ids=lambda case: case["name"])
def test_a_proof_that_shows_nothing_is_refused(case: Any) -> None:
    proof = decode_proof(bytes.fromhex(case["proof"]))
    with pytest.raises(Invalid) as caught:
        verify(proof)
    assert caught.value.code == case["code"]
