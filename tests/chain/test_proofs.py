"""Proofs: what they show to whoever trusts a set of delegates, and that nothing that was altered shows anything."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.crypto import Domain
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.finality_proof import PROOF_HEADERS_MAX, FinalityProof, verify_finality
from p2pchain.chain.merkle import merkle_path
from p2pchain.chain.proof_files import Proof, decode_proof, encode_proof
from p2pchain.chain.state import ACCOUNTS, Account
from p2pchain.chain.state_proofs import RowProof, verify_account_proof, verify_globals_proof, verify_row_proof
from p2pchain.chain.transaction import build_transaction, decode_transaction, id_in
from p2pchain.chain.transaction_proofs import TransactionProof, verify_transaction_proof
from p2pchain.chain.trie.path import nodes_to
from p2pchain.chain.types import PublicKey
from p2pchain.chain.votes import Kind, encode_subject, make_certificate
from tests.fakes.chain import ChainMaker, MadeBlock, make_genesis, signer

MAKER = ChainMaker(make_genesis(accounts=40))
CHAIN_ID, SPEC = MAKER.genesis.chain_id, MAKER.genesis.spec()
ONE, TWO, THREE = MAKER.line(MAKER.root, [5, 0, 0])
DELEGATES = [signer(1000 + number) for number in range(4)]
SET = frozenset(member.public_key for member in DELEGATES)
KNOWN, NOBODY = signer(3001).public_key, signer(99).public_key


def finality(*blocks: MadeBlock, signers: Iterable[int] = range(4), kind: Kind = Kind.CONFIRM) -> FinalityProof:
    """The first is proven, the last confirmed."""
    subject = blocks[-1].subject
    signed = {DELEGATES[i].public_key: DELEGATES[i].sign(kind.domain, CHAIN_ID, encode_subject(subject)) for i in signers}
    return FinalityProof(tuple(block.made.header_raw for block in blocks), make_certificate(kind, subject, signed).raw)


def row(key: bytes, *blocks: MadeBlock) -> RowProof:
    return RowProof(finality(*blocks), key, blocks[0].rows.get(key), nodes_to(blocks[0].nodes.get, key))


def inclusion(position: int, *blocks: MadeBlock) -> TransactionProof:
    items = blocks[0].made.transactions
    path = merkle_path([item.id for item in items], position)
    return TransactionProof(finality(*blocks), items[position].raw, position, len(items), path)


PROOFS: list[Proof] = [row(ACCOUNTS.key(KNOWN), ONE), row(ACCOUNTS.key(NOBODY), ONE, TWO), inclusion(2, ONE, TWO), inclusion(4, ONE)]


def verify(proof: Proof, original: Proof) -> object:
    """As somebody who asked for what the original shows."""
    if isinstance(proof, RowProof) and isinstance(original, RowProof):
        return verify_account_proof(proof, original.key[1:], CHAIN_ID, [SET])
    assert isinstance(proof, TransactionProof)
    return verify_transaction_proof(proof, SPEC, [SET])


# --- what holds


def test_an_account_is_shown_as_it_was_after_the_block() -> None:
    for blocks in ((ONE,), (ONE, TWO), (ONE, TWO, THREE), (TWO,)):
        proven = verify_account_proof(row(ACCOUNTS.key(KNOWN), *blocks), KNOWN, CHAIN_ID, [SET])
        assert proven.account == ACCOUNTS.load(blocks[0].view, KNOWN)
        assert (proven.at.id, proven.at.header.height) == (blocks[0].subject.block, blocks[0].subject.height)


def test_an_account_that_nobody_used_is_shown_not_to_be_there() -> None:
    proven = verify_account_proof(row(ACCOUNTS.key(NOBODY), ONE), NOBODY, CHAIN_ID, [SET])
    assert proven.account is None
    assert proven.account != Account()


def test_every_row_of_a_state_can_be_shown() -> None:
    for key, value in TWO.rows.items():
        assert verify_row_proof(row(key, TWO), CHAIN_ID, [SET]).value == value
    assert verify_globals_proof(row(b"G", TWO), CHAIN_ID, [SET])[1].active == TWO.schedule.active


def test_every_transaction_is_shown_at_its_place() -> None:
    for position, transaction in enumerate(ONE.made.transactions):
        proven = verify_transaction_proof(inclusion(position, ONE, TWO), SPEC, [SET])
        assert (proven.transaction, proven.position, proven.has_succeeded) == (transaction, position, True)


@pytest.mark.parametrize("memo", [0, 100, 256])
def test_the_id_is_found_in_the_bytes_of_a_transaction(memo: int) -> None:
    raw = build_transaction(signer(3000), SPEC, [Transfer(NOBODY, 1, bytes(memo))], nonce=0, valid_until=9)
    assert id_in(raw) == decode_transaction(raw, SPEC).id


@pytest.mark.parametrize("proof", PROOFS)
def test_a_proof_is_read_as_it_was_written(proof: Proof) -> None:
    assert decode_proof(encode_proof(proof)) == proof
    verify(decode_proof(encode_proof(proof)), proof)


def test_three_of_four_are_enough_and_two_are_not() -> None:
    verify_finality(finality(ONE, signers=(0, 2, 3)), CHAIN_ID, [SET])
    assert_refused("2 of a set of 4 delegates confirm block 1, 3 wanted", finality(ONE, signers=(0, 3)))


# --- what does not


@pytest.mark.parametrize("proof", PROOFS)
def test_no_byte_of_a_proof_can_be_altered(proof: Proof) -> None:
    data = encode_proof(proof)
    for at in range(len(data)):
        assert_shows_nothing(data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :], proof)


@given(st.sampled_from(PROOFS), st.data())
def test_no_piece_of_a_proof_can_be_cut_out_doubled_or_moved(proof: Proof, data: st.DataObject) -> None:
    raw = encode_proof(proof)
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, len(raw)))))
    pieces = [raw[:start] + raw[end:], raw[:end] + raw[start:], raw[start:end] + raw[:start] + raw[end:], raw[:start]]
    altered = data.draw(st.sampled_from(pieces))
    if altered != raw:
        assert_shows_nothing(altered, proof)


def test_votes_do_not_make_final() -> None:
    assert_refused("not of confirms", finality(ONE, kind=Kind.VOTE))


def test_confirms_of_another_block_show_nothing() -> None:
    for proof in (
        finality(ONE)._replace(certificate=finality(TWO).certificate),
        finality(ONE, TWO)._replace(certificate=finality(ONE).certificate),
        finality(ONE, TWO)._replace(certificate=finality(THREE).certificate),
    ):
        assert_refused("not of confirms on block", proof)


def test_headers_that_do_not_stand_on_each_other_show_nothing() -> None:
    assert_refused("header 3 does not stand on header 1", finality(ONE, THREE))
    assert_refused("header 1 does not stand on header 2", finality(TWO, ONE))
    assert_refused("header 1 does not stand on header 1", finality(ONE, ONE))
    assert_refused("0 headers", finality(ONE)._replace(headers=()))
    assert_refused(f"{PROOF_HEADERS_MAX + 1} headers", finality(*[ONE] * (PROOF_HEADERS_MAX + 1)))


def test_a_quorum_of_every_trusted_set_is_wanted() -> None:
    proof, stranger = finality(ONE, signers=(0, 1, 2)), signer(5).public_key
    verify_finality(proof, CHAIN_ID, [SET, frozenset([*sorted(SET - {DELEGATES[3].public_key}), stranger])])
    other = frozenset([*(DELEGATES[number].public_key for number in (0, 1, 3)), stranger])
    assert_refused("2 of a set of 4", proof, [SET, other])
    assert_refused("0 of a set of 1", proof, [frozenset([stranger])])
    assert_refused("0 of a set of 0", proof, [frozenset()])


def test_another_chains_confirms_show_nothing() -> None:
    with pytest.raises(Invalid) as caught:
        verify_finality(finality(ONE), make_genesis("other").chain_id, [SET])
    assert caught.value.code is Code.BAD_SIGNATURE


def test_a_proof_of_another_account_or_block_is_none_of_this_one() -> None:
    with pytest.raises(Invalid, match="it is of row"):
        verify_account_proof(row(ACCOUNTS.key(KNOWN), ONE), NOBODY, CHAIN_ID, [SET])
    with pytest.raises(Invalid, match="state proof"):
        verify_row_proof(row(ACCOUNTS.key(KNOWN), ONE)._replace(finality=finality(TWO)), CHAIN_ID, [SET])
    with pytest.raises(Invalid, match="is not what block 1 commits to"):
        verify_row_proof(row(ACCOUNTS.key(KNOWN), ONE)._replace(value=None), CHAIN_ID, [SET])
    with pytest.raises(Invalid, match="is not what block 1 commits to"):
        verify_row_proof(row(ACCOUNTS.key(NOBODY), ONE)._replace(value=b""), CHAIN_ID, [SET])
    with pytest.raises(Invalid, match="transaction proof"):
        verify_transaction_proof(inclusion(1, ONE)._replace(finality=finality(TWO)), SPEC, [SET])


def test_a_signature_that_the_block_does_not_commit_to_is_checked_all_the_same() -> None:
    proof = inclusion(0, ONE)
    forged = proof._replace(transaction=proof.transaction[:-64] + signer(1).sign(Domain.TRANSACTION, CHAIN_ID, b""))
    with pytest.raises(Invalid) as caught:
        verify_transaction_proof(forged, SPEC, [SET])
    assert caught.value.code is Code.BAD_SIGNATURE


def assert_shows_nothing(data: bytes, original: Proof) -> None:
    with pytest.raises(Invalid):
        verify(decode_proof(data), original)


def assert_refused(words: str, proof: FinalityProof, sets: Iterable[frozenset[PublicKey]] = (SET,)) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        verify_finality(proof, CHAIN_ID, sets)
    assert caught.value.code is Code.BAD_PROOF
