import hashlib
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain import selftest
from p2pchain.chain.crypto import (
    Domain,
    SignatureCheck,
    Verified,
    attest,
    digest,
    is_valid_key,
    is_valid_signature,
    signed_message,
    verify_batch,
)
from p2pchain.chain.types import ChainId
from tests.chain.public_vectors import load_vectors
from tests.fakes.chain import signer

CHAIN, OTHER_CHAIN = ChainId(b"\x01" * 32), ChainId(b"\x02" * 32)
KEY = signer(1)
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER_KEYS = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
]


def check(body: bytes = b"body", domain: Domain = Domain.VOTE, chain_id: ChainId = CHAIN) -> SignatureCheck:
    return SignatureCheck(KEY.public_key, signed_message(domain, chain_id, body), KEY.sign(domain, chain_id, body))


# --- signatures


def test_a_signature_is_valid_over_what_was_signed() -> None:
    assert is_valid_signature(check())


@pytest.mark.parametrize(("signed", "read"), [pair for pair in product(Domain, Domain) if pair[0] is not pair[1]])
def test_a_signature_for_one_domain_is_worthless_in_any_other(signed: Domain, read: Domain) -> None:
    good = check(domain=signed)
    assert not is_valid_signature(good._replace(message=signed_message(read, CHAIN, b"body")))


def test_a_signature_for_one_chain_is_worthless_on_any_other() -> None:
    assert not is_valid_signature(check()._replace(message=signed_message(Domain.VOTE, OTHER_CHAIN, b"body")))


def test_no_domain_is_the_beginning_of_another() -> None:
    """Or a body could move a byte of its own into the domain."""
    for one, other in combinations(Domain, 2):
        assert not (one.value + b"\x00").startswith(other.value + b"\x00")
        assert b"\x00" not in one.value + other.value


@given(st.integers(0, 8 * 64 - 1))
def test_a_signature_with_any_bit_flipped_is_invalid(bit: int) -> None:
    good = check()
    changed = bytearray(good.signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not is_valid_signature(good._replace(signature=bytes(changed)))


def test_a_signature_with_the_group_order_added_is_invalid() -> None:
    good = check()
    malleated = int.from_bytes(good.signature[32:], "little") + GROUP_ORDER
    assert not is_valid_signature(good._replace(signature=good.signature[:32] + malleated.to_bytes(32, "little")))


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_key_of_the_wrong_length_is_invalid(length: int) -> None:
    """Also one that begins with the right 32 bytes, which is all that libsodium looks at."""
    good = check()
    assert not is_valid_signature(good._replace(key=(good.key * 2)[:length]))
    assert not is_valid_key((good.key * 2)[:length])


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_a_signature_of_the_wrong_length_is_invalid(length: int) -> None:
    """Also where the missing bytes stand at the beginning of the message."""
    good = check()
    together = good.signature + good.message
    assert not is_valid_signature(SignatureCheck(good.key, together[length:], together[:length]))


@pytest.mark.parametrize("key", SMALL_ORDER_KEYS)
def test_a_key_of_small_order_is_no_key(key: str) -> None:
    assert not is_valid_key(bytes.fromhex(key))
    for first in SMALL_ORDER_KEYS:
        assert not is_valid_signature(SignatureCheck(bytes.fromhex(key), b"anything", bytes.fromhex(first) + bytes(32)))


def test_a_batch_is_answered_one_by_one_and_in_order() -> None:
    good, bad = check(), check()._replace(message=b"")
    assert verify_batch([good, bad, good, bad, bad]) == [True, False, True, False, False]
    assert verify_batch([]) == []


# --- the public vectors


def test_libsodium_refuses_all_but_one_of_the_edge_cases_of_speccheck() -> None:
    cases = load_vectors("ed25519_speccheck.json")
    accepted = [
        place
        for place, case in enumerate(cases)
        if is_valid_signature(
            SignatureCheck(bytes.fromhex(case["pub_key"]), bytes.fromhex(case["message"]), bytes.fromhex(case["signature"]))
        )
    ]
    assert len(cases) == 12
    assert accepted == [3]


def test_the_vectors_of_wycheproof_are_answered_as_they_say() -> None:
    groups = load_vectors("wycheproof_ed25519.json")["testGroups"]
    answers: dict[bool, int] = {True: 0, False: 0}
    for group in groups:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            wanted = case["result"] == "valid"
            assert is_valid_signature(SignatureCheck(key, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))) is wanted, case
            answers[wanted] += 1
    assert min(answers.values()) > 50


# --- the question asked at every start


def test_this_machine_has_a_sound_library() -> None:
    assert selftest.failed_checks() == []


@pytest.mark.parametrize(
    ("name", "answer", "failed"),
    [
        ("is_valid_signature", True, {"refuses another message", "refuses S above the group order", "refuses a key of small order"}),
        ("is_valid_signature", False, {"accepts the vector of RFC 8032"}),
        ("is_valid_key", True, {"refuses a key of small order"}),
        ("is_valid_key", False, {"accepts a sound key"}),
    ],
)
def test_a_library_that_answers_otherwise_is_found_out(
    monkeypatch: pytest.MonkeyPatch, name: str, *, answer: bool, failed: set[str]
) -> None:
    monkeypatch.setattr(selftest, name, lambda _: answer)
    assert set(selftest.failed_checks()) == failed


def test_a_library_that_only_reduces_s_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The difference between libraries that split chains: S is taken modulo the group order first."""

    def reduces(asked: SignatureCheck) -> bool:
        s = int.from_bytes(asked.signature[32:], "little") % GROUP_ORDER
        return is_valid_signature(asked._replace(signature=asked.signature[:32] + s.to_bytes(32, "little")))

    monkeypatch.setattr(selftest, "is_valid_signature", reduces)
    assert selftest.failed_checks() == ["refuses S above the group order"]


# --- Verified


def test_a_value_is_verified_only_if_every_check_holds() -> None:
    verified = attest("value", [True, True])
    assert verified is not None
    assert verified.value == "value"
    assert attest("value", [True, False]) is None


@pytest.mark.parametrize("proof", [None, True, object()])
def test_nobody_else_can_make_a_verified_value(proof: object) -> None:
    with pytest.raises(AssertionError, match=r"crypto\.attest"):
        Verified("value", proof)


# --- hashes


def test_a_hash_is_of_its_domain() -> None:
    assert len({digest(domain, b"data") for domain in Domain}) == len(Domain)
    assert digest(Domain.SEED, b"data") == hashlib.sha256(b"p2pchain/seed/1\x00data").digest()
