"""Vectors of the state's trie and of proofs."""

from __future__ import annotations

import hashlib

from p2pchain.chain.finality_proof import FinalityProof
from p2pchain.chain.merkle import merkle_path
from p2pchain.chain.proof_files import Proof, encode_proof
from p2pchain.chain.state import ACCOUNTS
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.transaction_proofs import TransactionProof
from p2pchain.chain.trie.path import nodes_to
from p2pchain.chain.trie.update import root_of, update
from p2pchain.chain.votes import Certificate, Kind, Subject, make_certificate
from tests.vectors.showing import Json
from tests.vectors.world import CHAIN_ID, GENESIS, Made, account, certify, chain

COUNTS = (0, 1, 2, 31, 32, 33, 100, 600)


def trie_file() -> Json:
    """Roots over the first so many of 600 rows, and paths to rows that are there and that are not."""
    rows = [(b"A" + hashlib.sha256(b"row %d" % number).digest(), bytes((number % 7,)) * (number % 5)) for number in range(max(COUNTS))]
    paths = []
    for count in (1, 33, 600):
        root, nodes = update(lambda _: None, dict(rows[:count]))
        for key, value in (rows[0], (b"A" + bytes(32), None)):
            found = nodes_to(nodes.get, key)
            shown = None if value is None else value.hex()
            paths.append({"count": count, "root": root.hex(), "key": key.hex(), "value": shown, "nodes": [node.hex() for node in found]})
    return {
        "rows": [[key.hex(), value.hex()] for key, value in rows],
        "roots": [{"count": count, "root": root_of(rows[:count]).hex()} for count in COUNTS],
        "paths": paths,
    }


def proofs_file() -> Json:
    """On the chain of chain.json; the set of the genesis governs its first three blocks."""
    one, two, three = chain()[1:4]
    alice, nobody = ACCOUNTS.key(account("alice")), ACCOUNTS.key(account("nobody"))
    proofs: list[tuple[str, Proof]] = [
        ("an account", row(alice, one)),
        ("an account that does not exist", row(nobody, two)),
        ("the globals, with the set above block 3", row(b"G", three)),
        ("an account, final by confirms on the second block above", row(alice, one, two, three)),
        ("a transaction", transaction(0, one)),
        ("the last transaction of three", transaction(2, one)),
        ("the only transaction of its block", transaction(0, three)),
        ("a transaction, final by confirms on the block above", transaction(1, one, two)),
    ]
    return {
        "chain_id": CHAIN_ID.hex(),
        "set": [key.hex() for key in sorted(GENESIS.schedule().keys)],
        "proofs": [{"name": name, **show(proof)} for name, proof in proofs],
        "invalid_proofs": [{"name": name, "proof": encode_proof(proof).hex(), "code": code} for name, proof, code in invalid()],
    }


def invalid() -> list[tuple[str, Proof, str]]:
    one, two, three = chain()[1:4]
    alice, bob = (ACCOUNTS.key(account(name)) for name in ("alice", "bob"))
    good, placed = row(alice, one), transaction(1, one)
    certificate, schedule = certify(Kind.CONFIRM, one.subject, GENESIS.schedule()), GENESIS.schedule()
    few = dict(list(certificate.signatures.items())[:2])
    swapped = dict(zip(certificate.signatures, list(certificate.signatures.values())[::-1], strict=True))
    return [
        ("votes instead of confirms", confirmed(good, certify(Kind.VOTE, one.subject, schedule)), "bad_proof"),
        ("confirms of two of four", confirmed(good, make_certificate(Kind.CONFIRM, one.subject, few)), "bad_proof"),
        ("signatures in another order", confirmed(good, make_certificate(Kind.CONFIRM, one.subject, swapped)), "bad_signature"),
        ("confirms on another block", confirmed(good, certify(Kind.CONFIRM, two.subject, schedule)), "bad_proof"),
        ("a header left out", good._replace(finality=finality(one, three)), "bad_proof"),
        ("no header", good._replace(finality=good.finality._replace(headers=())), "bad_proof"),
        ("another value", good._replace(value=row(bob, one).value), "bad_proof"),
        ("a row said not to be there", good._replace(value=None), "bad_proof"),
        ("a row said to be there", row(ACCOUNTS.key(account("nobody")), one)._replace(value=b""), "bad_proof"),
        ("the path of another block", good._replace(nodes=row(alice, two).nodes), "bad_proof"),
        ("no node", good._replace(nodes=()), "bad_proof"),
        ("a node too many", good._replace(nodes=(*good.nodes, good.nodes[-1])), "bad_proof"),
        ("another place", placed._replace(position=0), "bad_proof"),
        ("more transactions", placed._replace(total=4), "bad_proof"),
        ("fewer transactions", placed._replace(total=2), "bad_proof"),
        ("a place beyond the last", placed._replace(position=3), "bad_proof"),
        ("a hash too few", placed._replace(path=placed.path[:-1]), "bad_proof"),
        ("a hash too many", placed._replace(path=(*placed.path, bytes(32))), "bad_proof"),
        ("another transaction", placed._replace(transaction=transaction(0, one).transaction), "bad_proof"),
        ("another signature", placed._replace(transaction=placed.transaction[:-1] + b"\x00"), "bad_signature"),
    ]


def row(key: bytes, *blocks: Made) -> RowProof:
    """As of the first block, confirmed with the last."""
    return RowProof(finality(*blocks), key, blocks[0].view.get(key), nodes_to(blocks[0].view.node, key))


def transaction(position: int, *blocks: Made) -> TransactionProof:
    assert blocks[0].block is not None
    items = blocks[0].block.transactions
    path = merkle_path([item.id for item in items], position)
    return TransactionProof(finality(*blocks), items[position].raw, position, len(items), path)


def finality(*blocks: Made) -> FinalityProof:
    headers = tuple(made.block.header_raw for made in blocks if made.block is not None)
    return FinalityProof(headers, certify(Kind.CONFIRM, blocks[-1].subject, GENESIS.schedule()).raw)


def confirmed(proof: RowProof, certificate: Certificate) -> RowProof:
    return proof._replace(finality=proof.finality._replace(certificate=certificate.raw))


def show(proof: Proof) -> Json:
    subject = subject_of(proof)
    shown: Json = {"height": subject.height, "hash": subject.block.hex(), "proof": encode_proof(proof).hex()}
    if isinstance(proof, RowProof):
        return shown | {"key": proof.key.hex(), "value": None if proof.value is None else proof.value.hex()}
    return shown | {"transaction": proof.transaction.hex(), "position": proof.position, "total": proof.total}


def subject_of(proof: Proof) -> Subject:
    return next(made.subject for made in chain()[1:] if made.block is not None and made.block.header_raw == proof.finality.headers[0])
