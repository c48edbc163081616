"""Proofs over HTTP: whoever checks them needs nothing else of what the node says."""

from __future__ import annotations

from typing import Any

import pytest

from p2pchain.chain.proof_files import decode_proof, encode_proof
from p2pchain.chain.state import CANDIDATES, GLOBALS
from p2pchain.chain.state_proofs import RowProof, verify_account_proof, verify_globals_proof, verify_row_proof
from p2pchain.chain.transaction_proofs import TransactionProof, verify_transaction_proof
from p2pchain.node.views import TransactionView
from tests.api.fakes import BALANCE, Node, address
from tests.fakes.chain import signer


def row_in(answer: Any) -> RowProof:
    proof = decode_proof(bytes.fromhex(answer["proof"]))
    assert isinstance(proof, RowProof)
    assert [part.hex() for part in proof.finality.headers] == answer["headers"]
    assert proof.finality.certificate.hex() == answer["certificate"]
    assert (proof.key.hex(), [node.hex() for node in proof.nodes]) == (answer["key"], answer["nodes"])
    assert (None if proof.value is None else proof.value.hex()) == answer["value"]
    return proof


async def test_an_account_is_proven_as_of_the_last_final_block(node: Node) -> None:
    node.reads.grow()
    final = node.reads.grow(transfers=1)
    answer = await node.get(f"/v1/accounts/{address(3000)}/proof")
    proven = verify_account_proof(
        row_in(answer), signer(3000).public_key, node.reads.genesis.chain_id, [node.reads.genesis.schedule().keys]
    )
    assert proven.account is not None
    assert answer["account"] == {"balance": str(proven.account.balance), "nonce": 1}
    assert proven.account.balance < BALANCE
    assert proven.at.id == final.subject.block
    assert (answer["height"], answer["slot"], answer["hash"]) == (2, 2, final.subject.block.hex())


async def test_an_account_that_does_not_exist_is_proven_not_to(node: Node) -> None:
    node.reads.grow(transfers=1)
    answer = await node.get(f"/v1/accounts/{address(77)}/proof")
    proven = verify_account_proof(row_in(answer), signer(77).public_key, node.reads.genesis.chain_id, [node.reads.genesis.schedule().keys])
    assert answer["account"] is proven.account is answer["value"] is None
    assert answer["address"] == address(77)


async def test_any_row_is_proven(node: Node) -> None:
    genesis = node.reads.genesis
    final = node.reads.grow(transfers=1)
    answer = await node.get(f"/v1/rows/{GLOBALS.key(b'').hex()}/proof")
    at, totals = verify_globals_proof(row_in(answer), genesis.chain_id, [genesis.schedule().keys])
    assert (at.header.height, totals.active) == (1, final.schedule.active)
    answer = await node.get(f"/v1/rows/{CANDIDATES.key(b'').hex()}/proof")
    assert verify_row_proof(row_in(answer), genesis.chain_id, [genesis.schedule().keys]).value == final.rows[b"C"]


async def test_a_transaction_is_proven_with_its_place(node: Node) -> None:
    genesis = node.reads.genesis
    final = node.reads.grow(transfers=3)
    for index, transaction in enumerate(final.made.transactions):
        answer = await node.get(f"/v1/transactions/{transaction.id.hex()}/proof")
        proof = decode_proof(bytes.fromhex(answer["proof"]))
        assert isinstance(proof, TransactionProof)
        proven = verify_transaction_proof(proof, genesis.spec(), [genesis.schedule().keys])
        assert (proven.transaction, proven.position, proven.has_succeeded) == (transaction, index, True)
        assert (answer["id"], answer["index"], answer["transactions"]) == (transaction.id.hex(), index, 3)
        assert (answer["transaction"], answer["path"]) == (transaction.raw.hex(), [part.hex() for part in proof.path])
        assert encode_proof(proof).hex() == answer["proof"]


async def test_a_block_without_confirms_is_proven_by_those_above_it(node: Node) -> None:
    """In this chain blocks without transactions have no confirms of their own."""
    first = node.reads.grow(transfers=1)
    for transfers in (0, 0, 1):
        node.reads.grow(transfers=transfers)
    answer = await node.get(f"/v1/accounts/{address(3000)}/proof")
    assert (answer["height"], len(answer["headers"])) == (4, 1)
    answer = await node.get(f"/v1/transactions/{first.made.transactions[0].id.hex()}/proof")
    assert (answer["height"], len(answer["headers"])) == (1, 1)


async def test_before_anything_is_final_or_confirmed_there_is_no_proof_and_the_answer_says_why(node: Node) -> None:
    assert await node.refused(f"/v1/accounts/{address(3000)}/proof", 503) == {
        "code": "no_proof",
        "message": "no block is final yet: the state of the genesis has no header and needs no proof",
    }
    node.reads.grow()
    error = await node.refused(f"/v1/rows/{b'P'.hex()}/proof", 503)
    assert error["message"] == "block 1 and the 0 final blocks above it have no confirms of their own yet"


async def test_a_transaction_that_is_not_final_has_no_proof(node: Node) -> None:
    made = node.reads.maker.extend(node.reads.grow(), transfers=1).made.transactions[0]
    path = f"/v1/transactions/{made.id.hex()}/proof"
    assert (await node.refused(path, 404))["code"] == "unknown_transaction"
    node.reads.transactions[made.id] = TransactionView(made.id, "pending", None, None, None, "", made)
    error = await node.refused(path, 404)
    assert (error["code"], error["message"]) == ("not_final", f"transaction {made.id.hex()} is pending: only what is final has a proof")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/rows/xyz/proof", "bad_parameter"),
        ("/v1/rows/123/proof", "bad_parameter"),
        (f"/v1/rows/{'00' * 65}/proof", "bad_parameter"),
        ("/v1/accounts/nobody/proof", "bad_address"),
        ("/v1/transactions/12/proof", "bad_parameter"),
        (f"/v1/transactions/{'00' * 32}/proof?at=head", "bad_parameter"),
    ],
)
async def test_a_question_that_is_none_says_what_is_wanted(node: Node, path: str, code: str) -> None:
    node.reads.grow(transfers=1)
    assert (await node.refused(path))["code"] == code
