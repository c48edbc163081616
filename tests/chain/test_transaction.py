from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.actions import KINDS, Action
from p2pchain.chain.actions.delegate import RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.codec import decode_array, encode
from p2pchain.chain.crypto import Domain, verify_batch
from p2pchain.chain.errors import Code, Evidence, Invalid, NotYet, Refusal
from p2pchain.chain.transaction import (
    BYTES_CEILING,
    Transaction,
    body_in,
    build_transaction,
    decode_transaction,
    encode_body,
    fee_min,
    signature_checks,
    validate_for_slot,
)
from p2pchain.chain.types import AMOUNT_MAX, ChainId
from tests.fakes.chain import make_genesis, signer

GENESIS = make_genesis()
SPEC = GENESIS.spec()
CHAIN = ChainId(SPEC.chain_id)
SENDER, OTHER = signer(3000), signer(3001)
TRANSFER = Transfer(OTHER.public_key, 5, b"memo")
KEYS = st.binary(min_size=32, max_size=32)
AMOUNTS = st.integers(1, AMOUNT_MAX)
ACTIONS = st.one_of(
    st.builds(Transfer, KEYS, AMOUNTS, st.binary(max_size=256)),
    st.builds(RegisterDelegate, KEYS, st.integers(0, 10_000), st.binary(min_size=64, max_size=64)),
    st.just(RetireDelegate()),
    st.builds(Stake, KEYS, AMOUNTS),
    st.builds(Unstake, KEYS, AMOUNTS),
    st.builds(ClaimRewards, KEYS),
)


def signed(*actions: Action, nonce: int = 3, valid_until: int = 50, fee: int | None = None) -> bytes:
    return build_transaction(SENDER, SPEC, actions or (TRANSFER,), nonce=nonce, valid_until=valid_until, fee=fee)


def sealed(body: object, signature: object = bytes(64)) -> bytes:
    return encode((body, signature))


def body(
    *,
    version: object = 1,
    tag: object = SPEC.chain_tag,
    sender: object = SENDER.public_key,
    nonce: object = 3,
    valid_until: object = 50,
    fee: object = 500,
    actions: object = (TRANSFER.to_value(),),
    more: Sequence[object] = (),
) -> bytes:
    return encode((version, tag, sender, nonce, valid_until, fee, actions, *more))


def refused(raw: bytes) -> Invalid:
    with pytest.raises(Invalid) as caught:
        decode_transaction(raw, SPEC)
    return caught.value


def holds(raw: bytes) -> bool:
    """Whether the bytes are a transaction whose every signature is right."""
    try:
        transaction = decode_transaction(raw, SPEC)
    except Invalid:
        return False
    return all(verify_batch(signature_checks(transaction, CHAIN)))


# --- reading and writing


@given(st.binary(max_size=40), st.sampled_from([0, 1, 254, 255, 256, 257, 60_000, 65_460, 65_467, 65_468, 65_535]), st.data())
def test_a_body_is_read_off_its_place_where_the_envelope_is_canonical_and_nowhere_else(
    filling: bytes, size: int, data: st.DataObject
) -> None:
    content = (filling or b"x") * (size // max(1, len(filling)) + 1)
    raw = bytearray(sealed(content[:size]))
    if data.draw(st.booleans()):
        place = data.draw(st.sampled_from([0, 1, 2, 3, -66, -65, -64, -1]))
        raw[place] ^= data.draw(st.sampled_from([0, 1, 2, 0x80]))
    try:
        decoded, signature = decode_array(bytes(raw), what="envelope", fields=2, bytes_max=BYTES_CEILING)
    except Invalid:
        decoded = signature = None
    is_envelope = type(decoded) is bytes and type(signature) is bytes and len(signature) == 64
    assert body_in(bytes(raw)) == (decoded if is_envelope else None)


@given(
    st.lists(ACTIONS, min_size=1, max_size=6), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.none() | st.integers(0, AMOUNT_MAX)
)
def test_what_is_built_is_read_back(actions: list[Action], nonce: int, valid_until: int, fee: int | None) -> None:
    raw = signed(*actions, nonce=nonce, valid_until=valid_until, fee=fee)
    transaction = decode_transaction(raw, SPEC)
    assert transaction.actions == tuple(actions)
    assert [type(action) for action in transaction.actions] == [type(action) for action in actions]
    assert (bytes(transaction.sender), transaction.nonce, transaction.valid_until) == (SENDER.public_key, nonce, valid_until)
    assert transaction.fee == (fee_min(transaction, SPEC.genesis_params) if fee is None else fee)
    assert transaction.raw == raw


@given(st.lists(ACTIONS, min_size=1, max_size=6), st.integers(0, 2**63 - 1))
def test_a_decoded_transaction_has_one_encoding(actions: list[Action], nonce: int) -> None:
    transaction = decode_transaction(signed(*actions, nonce=nonce), SPEC)
    again = encode_body(
        transaction.chain_tag, transaction.sender, transaction.nonce, transaction.valid_until, transaction.fee, transaction.actions
    )
    assert again == transaction.body
    assert encode((transaction.body, transaction.signature)) == transaction.raw


def test_the_id_is_of_the_body_and_not_of_the_signature() -> None:
    good = decode_transaction(signed(), SPEC)
    other = decode_transaction(sealed(good.body, bytes(64)), SPEC)
    assert other.id == good.id
    assert decode_transaction(signed(nonce=4), SPEC).id != good.id


def test_spends_is_the_fee_and_all_that_leaves_the_balance() -> None:
    raw = signed(TRANSFER, Stake(OTHER.public_key, 1_000), Unstake(OTHER.public_key, 7), ClaimRewards(OTHER.public_key), fee=900)
    assert decode_transaction(raw, SPEC).spends == 900 + 5 + 1_000


# --- refusals of the shape


@pytest.mark.parametrize(
    ("raw", "code", "evidence"),
    [
        (b"", Code.MALFORMED, {}),
        (encode(()), Code.MALFORMED, {"found": 0, "wanted": 2}),
        (encode((body(),)), Code.MALFORMED, {"found": 1, "wanted": 2}),
        (encode((body(), bytes(64), b"")), Code.MALFORMED, {"found": 3, "wanted": 2}),
        (encode(7), Code.MALFORMED, {}),
        (sealed("text"), Code.MALFORMED, {}),
        (sealed((1, 2)), Code.MALFORMED, {}),
        (sealed(body(), bytes(63)), Code.MALFORMED, {"found": 63, "wanted": 64}),
        (sealed(body(), bytes(65)), Code.MALFORMED, {"found": 65, "wanted": 64}),
        (sealed(body(), None), Code.MALFORMED, {}),
        (sealed(body() + b"\xc0"), Code.MALFORMED, {}),
        (sealed(body()[:-1]), Code.MALFORMED, {}),
        (sealed(b""), Code.MALFORMED, {}),
        (sealed(encode(5)), Code.MALFORMED, {}),
        (sealed(body(more=[0])), Code.MALFORMED, {"found": 8, "wanted": 7}),
        (sealed(encode((1,))), Code.MALFORMED, {"found": 1, "wanted": 7}),
        (sealed(body(version=0)), Code.WRONG_VERSION, {"wanted": 1}),
        (sealed(body(version=2)), Code.WRONG_VERSION, {"wanted": 1}),
        (sealed(body(version=True)), Code.WRONG_VERSION, {"wanted": 1}),
        (sealed(body(version=None)), Code.WRONG_VERSION, {"wanted": 1}),
        (sealed(body(tag=bytes(8))), Code.WRONG_CHAIN, {"found": bytes(8), "wanted": SPEC.chain_tag}),
        (sealed(body(tag=SPEC.chain_tag + b"\x00")), Code.MALFORMED, {"found": 9, "wanted": 8}),
        (sealed(body(tag=None)), Code.MALFORMED, {}),
        (sealed(body(sender=bytes(31))), Code.MALFORMED, {"found": 31, "wanted": 32}),
        (sealed(body(sender="a" * 32)), Code.MALFORMED, {}),
        (sealed(body(nonce=-1)), Code.MALFORMED, {"found": -1}),
        (sealed(body(nonce=2**63)), Code.MALFORMED, {"found": 2**63}),
        (sealed(body(nonce=True)), Code.MALFORMED, {}),
        (sealed(body(valid_until=-1)), Code.MALFORMED, {"found": -1}),
        (sealed(body(valid_until=None)), Code.MALFORMED, {}),
        (sealed(body(fee=-1)), Code.MALFORMED, {"found": -1}),
        (sealed(body(fee=AMOUNT_MAX + 1)), Code.MALFORMED, {"found": AMOUNT_MAX + 1}),
        (sealed(body(actions=())), Code.MALFORMED, {"found": 0}),
        (sealed(body(actions=(TRANSFER.to_value(),) * 257)), Code.MALFORMED, {}),
        (sealed(body(actions=b"")), Code.MALFORMED, {}),
        (sealed(body(actions=(5,))), Code.MALFORMED, {}),
    ],
)
def test_a_wrong_shape_is_refused_with_what_was_found(raw: bytes, code: Code, evidence: dict[str, Evidence]) -> None:
    refusal = refused(raw)
    assert refusal.code is code
    assert refusal.evidence == evidence


def test_the_numbers_at_the_edges_are_read() -> None:
    decode_transaction(sealed(body(nonce=0, valid_until=0, fee=0)), SPEC)
    decode_transaction(sealed(body(nonce=2**63 - 1, valid_until=2**63 - 1, fee=AMOUNT_MAX)), SPEC)
    decode_transaction(sealed(body(actions=(TRANSFER.to_value(),) * 16)), SPEC)


def test_a_transaction_over_its_limit_is_refused() -> None:
    most = SPEC.genesis_params.transaction_bytes_max
    actions = [Transfer(OTHER.public_key, 1, bytes(256))] * 13
    size = len(sealed(body(actions=tuple(action.to_value() for action in actions))))
    fitting = Transfer(OTHER.public_key, 1, bytes(most - size - 37 - 4))
    raws = [
        sealed(body(actions=tuple(action.to_value() for action in [*actions, fitting._replace(memo=fitting.memo + b"x" * more)])))
        for more in range(8)
    ]
    fits = [len(raw) <= most for raw in raws]
    assert True in fits
    assert False in fits
    for raw in raws:
        transaction = decode_transaction(raw, SPEC)._replace(fee=10**6)
        if len(raw) <= most:
            validate_for_slot(transaction, 1, SPEC.genesis_params)
            continue
        with pytest.raises(Invalid) as caught:
            validate_for_slot(transaction, 1, SPEC.genesis_params)
        assert caught.value.code is Code.OVERSIZED
        assert caught.value.evidence == {"found": len(raw), "wanted": most}


@pytest.mark.parametrize("kind", [0, 10, -1, 2**40, True, None, b"\x01", "transfer"])
def test_an_unknown_kind_of_action_is_refused(kind: object) -> None:
    assert refused(sealed(body(actions=((kind, OTHER.public_key, 5, b""),)))).code is Code.UNKNOWN_ACTION


def test_an_action_without_fields_is_refused() -> None:
    assert refused(sealed(body(actions=((),)))).code is Code.UNKNOWN_ACTION


KEY = OTHER.public_key
WRONG_ACTIONS = [
    (1,),
    (1, KEY, 5),
    (1, KEY, 5, b"", 0),
    (1, KEY[:31], 5, b""),
    (1, KEY, 0, b""),
    (1, KEY, -1, b""),
    (1, KEY, AMOUNT_MAX + 1, b""),
    (1, KEY, True, b""),
    (1, KEY, 5, bytes(257)),
    (1, KEY, 5, "text"),
    (1, KEY, 5, None),
    (2, KEY, 0),
    (2, KEY[:31], 0, bytes(64)),
    (2, KEY, -1, bytes(64)),
    (2, KEY, 10_001, bytes(64)),
    (2, KEY, 0, bytes(63)),
    (2, KEY, False, bytes(64)),
    (3, 0),
    (4, KEY),
    (4, KEY, 0),
    (4, KEY, -5),
    (4, KEY + b"a", 5),
    (4, KEY, AMOUNT_MAX + 1),
    (4, KEY, 5, 5),
    (5, KEY, 0),
    (5, KEY, None),
    (5, KEY),
    (6,),
    (6, KEY[:31]),
    (6, KEY, 1),
    (6, 1),
]


@pytest.mark.parametrize("action", WRONG_ACTIONS)
def test_an_action_of_a_wrong_shape_is_refused(action: tuple[object, ...]) -> None:
    assert refused(sealed(body(actions=(action,)))).code in {Code.MALFORMED, Code.OVERSIZED}
    assert refused(sealed(body(actions=(TRANSFER.to_value(), action)))).code in {Code.MALFORMED, Code.OVERSIZED}


def test_every_kind_of_action_has_a_number_a_name_a_price_and_a_view() -> None:
    assert len({kind.KIND for kind in KINDS}) == len(KINDS)
    assert len({kind.NAME for kind in KINDS}) == len(KINDS)
    for action in (TRANSFER, RegisterDelegate(KEY, 5, bytes(64)), RetireDelegate(), Stake(KEY, 5), Unstake(KEY, 5), ClaimRewards(KEY)):
        assert action.WORK > 0
        assert action.view().keys() <= set(action._fields)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_transaction_or_invalid(raw: bytes) -> None:
    for data in (raw, sealed(raw), sealed(body(actions=raw))):
        try:
            decode_transaction(data, SPEC)
        except Invalid:
            continue


# --- signatures


def test_a_transaction_is_signed_by_its_sender_for_its_chain() -> None:
    transaction = decode_transaction(signed(), SPEC)
    assert verify_batch(signature_checks(transaction, CHAIN)) == [True]
    assert verify_batch(signature_checks(transaction, ChainId(bytes(32)))) == [False]
    assert verify_batch(signature_checks(transaction._replace(sender=OTHER.public_key), CHAIN)) == [False]  # type: ignore[arg-type]


def test_a_transaction_of_another_network_is_told_apart_from_a_bad_signature() -> None:
    other = replace(GENESIS, name="other").spec()
    assert refused(build_transaction(SENDER, other, [TRANSFER], nonce=0, valid_until=5)).code is Code.WRONG_CHAIN


def test_every_changed_byte_is_refused_or_breaks_a_signature() -> None:
    """Each byte of a transaction with a signature inside it, changed in each of its bits and to three other values."""
    raw = signed(TRANSFER, RegisterDelegate.signed(OTHER, SENDER.public_key, 100, CHAIN), Stake(KEY, 2_000))
    assert holds(raw)
    for place in range(len(raw)):
        for change in (*(1 << bit for bit in range(8)), 0xFF, 0x55, raw[place] or 1):
            changed = raw[:place] + bytes([raw[place] ^ change]) + raw[place + 1 :]
            assert not holds(changed), f"byte {place} xor {change:#x}"


@given(st.data())
def test_a_byte_lost_or_added_is_refused_or_breaks_a_signature(data: st.DataObject) -> None:
    raw = signed()
    place = data.draw(st.integers(0, len(raw) - 1))
    assert not holds(raw[:place] + raw[place + 1 :])
    assert not holds(raw[:place] + bytes([data.draw(st.integers(0, 255))]) + raw[place:])


def test_a_registration_needs_the_signature_of_the_consensus_key() -> None:
    good = decode_transaction(signed(RegisterDelegate.signed(OTHER, SENDER.public_key, 100, CHAIN)), SPEC)
    assert verify_batch(signature_checks(good, CHAIN)) == [True, True]
    for proof in (
        RegisterDelegate.signed(OTHER, OTHER.public_key, 100, CHAIN),
        RegisterDelegate.signed(OTHER, SENDER.public_key, 100, ChainId(bytes(32))),
        RegisterDelegate.signed(SENDER, SENDER.public_key, 100, CHAIN)._replace(consensus_key=OTHER.public_key),
        RegisterDelegate(OTHER.public_key, 100, OTHER.sign(Domain.TRANSACTION, CHAIN, SENDER.public_key)),
    ):
        bad = decode_transaction(signed(proof), SPEC)
        assert verify_batch(signature_checks(bad, CHAIN)) == [True, False]


# --- fee and slot


def test_the_least_fee_counts_bytes_and_work() -> None:
    transaction = decode_transaction(signed(TRANSFER, Stake(KEY, 5_000), fee=0), SPEC)
    spec = replace(SPEC, genesis_params=replace(SPEC.genesis_params, fee_per_byte=3, fee_per_work=7))
    assert fee_min(transaction, spec.genesis_params) == 3 * len(transaction.raw) + 7 * (Transfer.WORK + Stake.WORK)


@given(
    st.lists(ACTIONS, min_size=1, max_size=4),
    st.integers(0, 2**40),
    st.integers(0, 1_000_000_000),
    st.integers(0, 1_000_000_000),
)
def test_without_a_fee_exactly_the_least_is_paid(actions: list[Action], nonce: int, per_byte: int, per_work: int) -> None:
    spec = replace(SPEC, genesis_params=replace(SPEC.genesis_params, fee_per_byte=per_byte, fee_per_work=per_work))
    transaction = decode_transaction(build_transaction(SENDER, spec, actions, nonce=nonce, valid_until=9), spec)
    assert transaction.fee == fee_min(transaction, spec.genesis_params)


def in_slot(transaction: Transaction, slot: int) -> Callable[[], None]:
    return lambda: validate_for_slot(transaction, slot, SPEC.genesis_params)


def test_a_fee_below_the_least_is_refused_and_the_least_named() -> None:
    least = fee_min(decode_transaction(signed(fee=200), SPEC), SPEC.genesis_params)
    validate_for_slot(decode_transaction(signed(fee=least), SPEC), 9, SPEC.genesis_params)
    with pytest.raises(Invalid) as caught:
        validate_for_slot(decode_transaction(signed(fee=least - 1), SPEC), 9, SPEC.genesis_params)
    assert caught.value.code is Code.FEE_TOO_LOW
    assert caught.value.evidence == {"found": least - 1, "wanted": least}


@pytest.mark.parametrize(
    ("valid_until", "family", "code"),
    [
        (8, Invalid, Code.EXPIRED),
        (9, None, None),
        (9 + SPEC.genesis_params.validity_slots_max, None, None),
        (10 + SPEC.genesis_params.validity_slots_max, NotYet, Code.VALIDITY_TOO_LONG),
    ],
)
def test_a_transaction_is_valid_up_to_its_slot_and_not_for_too_long(
    valid_until: int, family: type[Refusal] | None, code: Code | None
) -> None:
    transaction = decode_transaction(signed(valid_until=valid_until), SPEC)
    if family is None:
        in_slot(transaction, 9)()
        return
    with pytest.raises(family) as caught:
        in_slot(transaction, 9)()
    assert caught.value.code is code
    assert caught.value.evidence["found"] == valid_until
