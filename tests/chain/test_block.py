from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.block import (
    VERSION,
    Block,
    Header,
    block_id,
    decode_envelope,
    decode_header,
    encode_block,
    encode_header,
    header_check,
    transactions_bytes_max,
    validate_size,
)
from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import is_valid_signature
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.mempool import ITEM_OVERHEAD_BYTES
from p2pchain.chain.params import Params
from p2pchain.chain.types import ChainId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import CERTIFICATE_BYTES_MAX, Certificate, Kind, certificate_hash, make_certificate
from tests.fakes.chain import ChainMaker, make_genesis

MAKER = ChainMaker(make_genesis())
PARAMS = MAKER.spec.genesis_params
FIRST = MAKER.extend(MAKER.root, transfers=3)
SECOND = MAKER.extend(FIRST, transfers=2, carried=MAKER.certificate(FIRST, Kind.VOTE))
BLOCK = SECOND.made


def refused(raw: bytes) -> Code:
    with pytest.raises(Invalid) as caught:
        decode_envelope(raw)
    return caught.value.code


def rebuilt(block: Block, *, certificate: bytes | None = None, header: Header | None = None) -> bytes:
    """The block with another header, or another certificate that its header commits to; its signature is no longer right."""
    carried = block.certificate.raw if certificate is None and block.certificate else certificate or b""
    raw = encode_header(header or block.header._replace(certificate_hash=certificate_hash(carried)))
    return encode_block(raw, block.signature, carried, [transaction.raw for transaction in block.transactions])


def test_a_block_comes_back() -> None:
    envelope = decode_envelope(BLOCK.raw)
    assert envelope.with_transactions(BLOCK.transactions) == BLOCK
    assert envelope.transactions == [transaction.raw for transaction in BLOCK.transactions]
    assert BLOCK.id == block_id(BLOCK.header_raw) == block_id(encode_header(BLOCK.header))
    assert rebuilt(BLOCK) == BLOCK.raw
    assert BLOCK.certificate == MAKER.certificate(FIRST, Kind.VOTE)


def test_a_block_is_signed_by_its_producer_for_its_chain() -> None:
    chain = ChainId(MAKER.spec.chain_id)
    assert is_valid_signature(header_check(BLOCK.header_raw, BLOCK.header.producer, BLOCK.signature, chain))
    assert not is_valid_signature(header_check(BLOCK.header_raw, BLOCK.header.producer, BLOCK.signature, ChainId(bytes(32))))
    assert not is_valid_signature(header_check(FIRST.made.header_raw, BLOCK.header.producer, BLOCK.signature, chain))
    assert not is_valid_signature(header_check(BLOCK.header_raw, PublicKey(bytes(32)), BLOCK.signature, chain))


def test_no_byte_of_a_block_can_be_changed() -> None:
    """Each is covered by the shape, the header's hashes or the signature."""
    chain = ChainId(MAKER.spec.chain_id)
    for place in range(len(BLOCK.raw)):
        changed = BLOCK.raw[:place] + bytes([BLOCK.raw[place] ^ 1 << place % 8]) + BLOCK.raw[place + 1 :]
        try:
            envelope = decode_envelope(changed)
        except Invalid:
            continue
        same = envelope.header_raw == BLOCK.header_raw and envelope.transactions == [item.raw for item in BLOCK.transactions]
        signed = is_valid_signature(header_check(envelope.header_raw, envelope.header.producer, envelope.signature, chain))
        assert not (same and signed), f"byte {place}"


def test_a_block_commits_to_its_transactions_and_their_order() -> None:
    envelope = decode_envelope(BLOCK.raw)
    for other in (
        BLOCK.transactions[::-1],
        BLOCK.transactions[:1],
        (),
        (*BLOCK.transactions, BLOCK.transactions[-1]),
        FIRST.made.transactions,
    ):
        with pytest.raises(Invalid) as caught:
            envelope.with_transactions(other)
        assert caught.value.code is Code.WRONG_TRANSACTIONS_ROOT
        assert caught.value.evidence["wanted"] == BLOCK.header.transactions_root


@pytest.mark.parametrize(
    "values",
    [
        (VERSION + 1, *BLOCK.header),
        (0, *BLOCK.header),
        (True, *BLOCK.header),
        (None, *BLOCK.header),
    ],
)
def test_a_header_of_another_version_is_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        decode_header(encode(values))
    assert caught.value.code is Code.WRONG_VERSION


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (0, 0),
        (0, -1),
        (0, 2**63),
        (0, True),
        (1, 0),
        (1, None),
        *((place, bytes(31)) for place in range(2, 7)),
        *((place, bytes(33)) for place in range(2, 7)),
        (2, 5),
    ],
)
def test_a_header_with_a_wrong_field_is_refused(field: int, value: object) -> None:
    values: list[object] = [VERSION, *BLOCK.header]
    values[1 + field] = value
    with pytest.raises(Invalid) as caught:
        decode_header(encode(values))
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize("change", [lambda v: v[:-1], lambda v: [*v, 0], lambda v: []])
def test_a_header_with_too_few_or_too_many_fields_is_refused(change: Callable[[list[object]], list[object]]) -> None:
    with pytest.raises(Invalid):
        decode_header(encode(change([VERSION, *BLOCK.header])))


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
def test_a_header_comes_back(height: int, slot: int) -> None:
    header = BLOCK.header._replace(height=Height(height), slot=Slot(slot))
    assert decode_header(encode_header(header)) == header


def vote_on(slot: int, kind: Kind = Kind.VOTE) -> Certificate:
    return make_certificate(kind, FIRST.subject._replace(slot=Slot(slot)), {PublicKey(bytes(32)): Signature(bytes(64))})


def test_a_block_carries_no_certificate_but_the_one_its_header_names() -> None:
    raw = encode_block(BLOCK.header_raw, BLOCK.signature, b"", [item.raw for item in BLOCK.transactions])
    assert refused(raw) is Code.WRONG_CERTIFICATE
    raw = encode_block(FIRST.made.header_raw, FIRST.made.signature, vote_on(1).raw, [])
    assert refused(raw) is Code.WRONG_CERTIFICATE


def test_a_block_carries_votes_for_an_earlier_slot() -> None:
    decode_envelope(rebuilt(BLOCK, certificate=vote_on(1).raw))
    for wrong in (vote_on(2), vote_on(3), vote_on(1, Kind.CONFIRM)):
        assert refused(rebuilt(BLOCK, certificate=wrong.raw)) is Code.WRONG_CERTIFICATE
    assert refused(rebuilt(BLOCK, certificate=b"\xc0")) is Code.MALFORMED


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_the_wrong_length_is_refused(length: int) -> None:
    carried = BLOCK.certificate
    assert carried is not None
    assert refused(encode_block(BLOCK.header_raw, bytes(length), carried.raw, [])) is Code.MALFORMED


def test_a_block_over_its_limits_is_refused() -> None:
    small = Params(block_bytes_max=1 << 16, transaction_bytes_max=1 << 14, block_transactions_max=2)
    for transactions, code in (([b""] * 3, Code.OVERSIZED), ([bytes(1 << 15)] * 2, Code.OVERSIZED)):
        raw = encode_block(FIRST.made.header_raw, FIRST.made.signature, b"", transactions)
        envelope = decode_envelope(raw)
        with pytest.raises(Invalid) as caught:
            validate_size(Block(*envelope[:5], SECOND.made.transactions[:1] * len(transactions), raw), small)
        assert caught.value.code is code


def test_a_block_filled_to_the_brim_fits() -> None:
    """As many transactions as `select` would choose, beside the largest header and certificate."""
    room = transactions_bytes_max(PARAMS)
    sizes = [4_096] * (room // (4_096 + ITEM_OVERHEAD_BYTES))
    sizes.append(room - sum(size + ITEM_OVERHEAD_BYTES for size in sizes) - ITEM_OVERHEAD_BYTES)
    header = encode_header(BLOCK.header._replace(height=Height(2**63 - 1), slot=Slot(2**63 - 1)))
    raw = encode_block(header, bytes(64), bytes(CERTIFICATE_BYTES_MAX), [bytes(size) for size in sizes if size > 0])
    assert PARAMS.block_bytes_max - 1_024 < len(raw) <= PARAMS.block_bytes_max
    many = [bytes(100)] * (room // (100 + ITEM_OVERHEAD_BYTES))
    assert len(encode_block(header, bytes(64), bytes(CERTIFICATE_BYTES_MAX), many)) <= PARAMS.block_bytes_max


@given(st.binary(max_size=300))
def test_any_bytes_are_a_block_or_invalid(data: bytes) -> None:
    for raw in (data, encode((data, bytes(64), b"", ())), encode((BLOCK.header_raw, bytes(64), data, ()))):
        try:
            decode_envelope(raw)
        except Invalid:
            continue
