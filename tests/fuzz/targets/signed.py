"""What delegates and senders sign: transactions, headers, blocks, ballots, certificates, evidence."""

from __future__ import annotations

from collections.abc import Iterator

import msgpack

from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.block import Envelope, decode_envelope, decode_header, encode_block, encode_header
from p2pchain.chain.codec import decode_array, encode
from p2pchain.chain.errors import Charged, Invalid, NotYet
from p2pchain.chain.evidence import decode_statement, find_offence, in_order
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.transaction import Transaction, decode_transaction, encode_body, fee_min, signature_checks, validate_for_slot
from p2pchain.chain.votes import (
    Kind,
    certificate_checks,
    certificate_hash,
    decode_ballot,
    decode_certificate,
    make_certificate,
)
from tests.fuzz.bombs import BOMBS
from tests.fuzz.claims import is_canonical, read, told
from tests.fuzz.mutation.formats import mutate_msgpack, repaired
from tests.fuzz.target import Target
from tests.vectors.world import CHAIN_ID, SPEC, certify, chain, double_block, double_vote

BROKEN = (ValueError, TypeError, IndexError, OverflowError, msgpack.exceptions.UnpackException)
"""What taking foreign bytes apart without the codec raises."""


def _blocks() -> list[bytes]:
    return [made.block.raw for made in chain() if made.block is not None]


def _transactions() -> list[bytes]:
    return sorted((t.raw for made in chain() if made.block is not None for t in made.block.transactions), key=len)


# --- transactions


def _check_transaction(data: bytes) -> str:
    """Decoding, encoding again, and all that is asked of it without a state."""
    found = read(lambda raw: decode_transaction(raw, SPEC), data, Invalid)
    if isinstance(found, str):
        return found
    body = encode_body(found.chain_tag, found.sender, found.nonce, found.valid_until, found.fee, found.actions)
    is_canonical(body, found.body)
    is_canonical(encode((found.body, found.signature)), data)
    assert len(signature_checks(found, CHAIN_ID)) >= 1, "nothing is believed without a signature"
    assert all(action.view() is not None for action in found.actions), "the API shows it"
    assert found.spends >= found.fee, "nobody spends less than the fee"
    return f"accepted {' '.join(sorted({action.NAME for action in found.actions}))}, {_judge(found)}"


def _judge(transaction: Transaction) -> str:
    try:
        validate_for_slot(transaction, 5, SPEC.genesis_params)
    except (Invalid, NotYet) as refusal:
        return told(refusal)
    assert transaction.fee >= fee_min(transaction, SPEC.genesis_params)
    return "fits"


# --- blocks


def _check_header(data: bytes) -> str:
    header = read(decode_header, data, Invalid)
    return header if isinstance(header, str) else f"accepted {is_canonical(encode_header(header), data)}"


def _check_block(data: bytes) -> str:
    envelope = read(decode_envelope, data, Invalid)
    if isinstance(envelope, str):
        return envelope
    certificate = envelope.certificate.raw if envelope.certificate is not None else b""
    is_canonical(encode_block(envelope.header_raw, envelope.signature, certificate, envelope.transactions), data)
    return f"an envelope, {_open(envelope)}"


def _open(envelope: Envelope) -> str:
    try:
        block = envelope.with_transactions([decode_transaction(raw, SPEC) for raw in envelope.transactions])
    except Invalid as refusal:
        return told(refusal)
    assert merkle_root([transaction.id for transaction in block.transactions]) == block.header.transactions_root
    return f"accepted {min(len(block.transactions), 3)}"


def _commit(data: bytes) -> bytes:
    """The header commits again to what the block carries."""
    try:
        header_raw, signature, certificate, transactions = msgpack.unpackb(data, use_list=False)
        header = list(msgpack.unpackb(header_raw))
        ids = [decode_transaction(raw, SPEC).id for raw in transactions]
        header[6], header[7] = merkle_root(ids), certificate_hash(certificate)
        return encode_block(encode(tuple(header)), signature, certificate, transactions)
    except (*BROKEN, Invalid):
        return data


# --- ballots and certificates


def _check_ballot(data: bytes) -> str:
    ballot = read(lambda raw: decode_ballot(decode_array(raw, what="ballot", fields=4)), data, Invalid)
    return ballot if isinstance(ballot, str) else f"accepted {ballot.kind.name} {is_canonical(encode(ballot.to_value()), data)}"


def _check_certificate(data: bytes) -> str:
    certificate = read(decode_certificate, data, Invalid)
    if isinstance(certificate, str):
        return certificate
    is_canonical(make_certificate(certificate.kind, certificate.subject, certificate.signatures).raw, data)
    assert len(certificate_checks(certificate, CHAIN_ID)) == len(certificate.signatures)
    return f"accepted {certificate.kind.name} {min(len(certificate.signatures), 4)}"


def _sort_voters(data: bytes) -> bytes:
    """As many voters as signatures, in order; now and then one of them twice."""
    try:
        kind, body, voters, signatures = msgpack.unpackb(data, use_list=False)
        keys = sorted(voters[i : i + 32] for i in range(0, len(voters) - 31, 32))
        if len(voters) % 32 >= 16:
            keys.insert(0, keys[0])
        return encode((kind, body, b"".join(keys), (signatures + bytes(64 * len(keys)))[: 64 * len(keys)]))
    except BROKEN:
        return data


# --- evidence


def _check_statement(data: bytes) -> str:
    statement = read(decode_statement, data, Invalid)
    if isinstance(statement, str):
        return statement
    assert statement.check(CHAIN_ID).key == statement.offence.key
    return f"accepted {statement.offence.kind}"


def _check_evidence(data: bytes) -> str:
    """Two statements, as the action carries them: only what is one key's, of one kind and slot, and differs."""
    found = read(lambda raw: find_offence(*_pair(raw)), data, Invalid, Charged)
    if isinstance(found, str):
        return found
    first, second = map(decode_statement, _pair(data))
    assert first.offence == second.offence == found
    assert first.body != second.body, "nobody is convicted of saying one thing twice (S2b)"
    assert SubmitEvidence(*_pair(data)).view()["slot"] == found.slot
    return f"convicts of {found.kind}"


def _pair(data: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[:2], "big")
    return in_order(data[2 : 2 + size], data[2 + size :])


def _pairs() -> Iterator[bytes]:
    for evidence in (double_vote("delegate-1", 12), double_block("delegate-2", 9)):
        yield len(evidence.first).to_bytes(2, "big") + evidence.first + evidence.second
        other_signature = evidence.first[:-1] + bytes((evidence.first[-1] ^ 1,))
        yield len(evidence.first).to_bytes(2, "big") + evidence.first + other_signature


def _statements() -> list[bytes]:
    return [*double_vote("delegate-1", 12), *double_block("delegate-2", 9)]


def _ballots() -> list[bytes]:
    return [raw for raw in _statements() if raw[0] == 0x94]


def _certificates() -> list[bytes]:
    made = chain()[2]
    return [certify(kind, made.subject, made.schedule).raw for kind in Kind]


def _headers() -> list[bytes]:
    return [decode_envelope(raw).header_raw for raw in _blocks()[:2]]


TARGETS = (
    Target(
        "transaction",
        "a transaction that encodes to the same bytes and can be judged and shown, or Invalid",
        _check_transaction,
        lambda: (*_transactions(), *BOMBS),
        mutate_msgpack,
        8_192,
    ),
    Target(
        "header",
        "a header that encodes to the same bytes, or Invalid",
        _check_header,
        lambda: (*_headers(), *BOMBS),
        mutate_msgpack,
        1_024,
    ),
    Target(
        "block",
        "a block that encodes to the same bytes and commits to what it carries, or Invalid",
        _check_block,
        lambda: (*_blocks(), *BOMBS),
        repaired(mutate_msgpack, _commit),
        8_192,
    ),
    Target(
        "ballot",
        "a ballot that encodes to the same bytes, or Invalid",
        _check_ballot,
        lambda: (*_ballots(), *BOMBS),
        mutate_msgpack,
        1_024,
    ),
    Target(
        "certificate",
        "a certificate that encodes to the same bytes, each voter once, or Invalid",
        _check_certificate,
        lambda: (*_certificates(), *BOMBS),
        repaired(mutate_msgpack, _sort_voters),
    ),
    Target(
        "statement",
        "a signed message that names its signer, or Invalid",
        _check_statement,
        lambda: (*_statements(), *BOMBS),
        mutate_msgpack,
        1_024,
    ),
    Target(
        "evidence",
        "one offence of one key in two messages that differ, or Invalid",
        _check_evidence,
        lambda: tuple(_pairs()),
        size_max=2_048,
    ),
)
