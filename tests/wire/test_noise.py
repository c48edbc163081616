"""The Noise Protocol Framework itself: public vectors, and another implementation at the other end."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from noise.connection import Keypair, NoiseConnection
from noise.exceptions import NoiseInvalidMessage

from p2pchain.wire.errors import NotAuthentic
from p2pchain.wire.noise import NAME, CipherState, HandshakeState, KeyPair
from tests.chain.public_vectors import load_vectors

PROLOGUE = b"a prologue"
LOW_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""Every encoding of a point of order 1, 2, 4 or 8 that X25519 takes (https://cr.yp.to/ecdh.html, "validate")."""


def pair(number: int) -> KeyPair:
    return KeyPair.of(bytes([number]) * 32)


def state(*, initiator: bool, prologue: bytes = PROLOGUE) -> HandshakeState:
    static, ephemeral = (pair(1), pair(2)) if initiator else (pair(3), pair(4))
    return HandshakeState(initiator=initiator, prologue=prologue, static=static, ephemeral=ephemeral)


def stranger(*, initiator: bool, prologue: bytes = PROLOGUE) -> NoiseConnection:
    """The same side, by the package noiseprotocol over OpenSSL."""
    connection = NoiseConnection.from_name(NAME)
    connection.set_as_initiator() if initiator else connection.set_as_responder()
    connection.set_prologue(prologue)
    connection.set_keypair_from_private_bytes(Keypair.STATIC, pair(1 if initiator else 3).secret)
    connection.start_handshake()
    return connection


# --- public vectors -------------------------------------------------------------------------------------------------


def test_the_cacophony_vector_of_our_protocol_comes_out_to_the_byte() -> None:
    (vector,) = [vector for vector in load_vectors("noise_cacophony.json")["vectors"] if vector["protocol_name"] == NAME.decode()]
    ends = [of_vector(vector, "init"), of_vector(vector, "resp")]
    for turn, message in enumerate(vector["messages"][:3]):
        payload, sealed = bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])
        assert ends[turn % 2].write(payload) == sealed
        assert ends[1 - turn % 2].read(sealed) == payload
    assert {end.hash.hex() for end in ends} == {vector["handshake_hash"]}
    ciphers = [end.split() for end in ends]
    assert len(vector["messages"]) > 3
    for turn, message in enumerate(vector["messages"][3:], 3):
        payload, sealed = bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])
        assert ciphers[turn % 2][0].encrypt(payload) == sealed
        assert ciphers[1 - turn % 2][1].decrypt(sealed) == payload


def of_vector(vector: dict[str, Any], side: str) -> HandshakeState:
    static, ephemeral = (KeyPair.of(bytes.fromhex(vector[f"{side}_{name}"])) for name in ("static", "ephemeral"))
    prologue = bytes.fromhex(vector[f"{side}_prologue"])
    return HandshakeState(initiator=side == "init", prologue=prologue, static=static, ephemeral=ephemeral)


def test_x25519_agrees_with_wycheproof_and_refuses_its_zero_secrets() -> None:
    tests = [test for group in load_vectors("wycheproof_x25519.json")["testGroups"] for test in group["tests"]]
    zeros = 0
    for test in tests:
        secret, public = KeyPair(bytes.fromhex(test["private"]), b""), bytes.fromhex(test["public"])
        if test["shared"] == "00" * 32:
            zeros += 1
            with pytest.raises(NotAuthentic, match="low order"):
                secret.dh(public)
        else:
            assert secret.dh(public).hex() == test["shared"], test["comment"]
    assert zeros > 10


# --- another implementation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_ours_first", [True, False], ids=["we initiate", "we respond"])
def test_another_implementation_shakes_hands_with_us_talks_and_rekeys(*, is_ours_first: bool) -> None:
    ours, theirs = state(initiator=is_ours_first), stranger(initiator=not is_ours_first)
    for turn, payload in enumerate((b"", b"first proof", b"second proof")):
        if is_ours_first == (turn % 2 == 0):
            assert bytes(theirs.read_message(ours.write(payload))) == payload
        else:
            assert ours.read(bytes(theirs.write_message(payload))) == payload
    assert ours.hash == theirs.get_handshake_hash()
    sending, receiving = ours.split()
    for number in range(3):
        data = bytes([number]) * 1_000 * number
        assert theirs.decrypt(sending.encrypt(data)) == data
        assert receiving.decrypt(theirs.encrypt(data)) == data
        sending.rekey()
        theirs.rekey_inbound_cipher()
        theirs.rekey_outbound_cipher()
        receiving.rekey()
    with pytest.raises(NoiseInvalidMessage):
        theirs.decrypt(bytes(20))


@pytest.mark.parametrize("is_ours_first", [True, False], ids=["we initiate", "we respond"])
def test_another_prologue_at_another_implementation_fails_at_the_second_message(*, is_ours_first: bool) -> None:
    ours, theirs = state(initiator=is_ours_first), stranger(initiator=not is_ours_first, prologue=b"another")
    if is_ours_first:
        theirs.read_message(ours.write(b""))
        with pytest.raises(NotAuthentic):
            ours.read(bytes(theirs.write_message(b"")))
    else:
        ours.read(bytes(theirs.write_message(b"")))
        with pytest.raises(InvalidTag):
            theirs.read_message(ours.write(b""))


# --- keys of low order ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", LOW_ORDER)
@pytest.mark.parametrize("high_bit", [0, 0x80])
def test_an_ephemeral_key_of_low_order_is_refused(key: str, high_bit: int) -> None:
    point = bytearray.fromhex(key)
    point[-1] |= high_bit
    responder = state(initiator=False)
    responder.read(bytes(point))
    with pytest.raises(NotAuthentic, match="low order"):
        responder.write(b"")


@pytest.mark.parametrize("key", LOW_ORDER)
def test_a_static_key_of_low_order_is_refused_by_either_side(key: str) -> None:
    weak = KeyPair(bytes([9]) * 32, bytes.fromhex(key))  # the liar need not hold the secret of what it says
    initiator, responder = state(initiator=True), HandshakeState(initiator=False, prologue=PROLOGUE, static=weak, ephemeral=pair(4))
    responder.read(initiator.write(b""))
    with pytest.raises(NotAuthentic, match="low order"):
        initiator.read(responder.write(b""))
    first, second = HandshakeState(initiator=True, prologue=PROLOGUE, static=weak, ephemeral=pair(2)), state(initiator=False)
    second.read(first.write(b""))
    first.read(second.write(b""))
    with pytest.raises(NotAuthentic, match="low order"):
        second.read(first.write(b""))


# --- ciphers --------------------------------------------------------------------------------------------------------


def test_a_failed_decryption_does_not_advance_the_nonce() -> None:
    sending, receiving = CipherState(bytes(32)), CipherState(bytes(32))
    sealed = sending.encrypt(b"content")
    for wrong in (b"", sealed[:15], sealed[:-1], sealed + b"x", bytes(len(sealed)), sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(NotAuthentic):
            receiving.decrypt(wrong)
    with pytest.raises(NotAuthentic):
        receiving.decrypt(sealed, b"other associated data")
    assert receiving.nonce == 0
    assert receiving.decrypt(sealed) == b"content"
    assert receiving.nonce == 1
    with pytest.raises(NotAuthentic, match="message 1 of this link"):
        receiving.decrypt(sealed)


def test_the_reserved_nonce_is_never_used() -> None:
    cipher = CipherState(bytes(32))
    cipher.nonce = 2**64 - 2
    cipher.encrypt(b"the last")
    with pytest.raises(AssertionError):
        cipher.encrypt(b"one too many")
    with pytest.raises(AssertionError):
        cipher.decrypt(bytes(16))


@given(st.binary(max_size=300), st.integers(0, 2))
def test_any_bytes_are_a_handshake_message_or_not_authentic(data: bytes, turn: int) -> None:
    ends = [state(initiator=True), state(initiator=False)]
    for before in range(turn):
        ends[1 - before % 2].read(ends[before % 2].write(b""))
    try:
        payload = ends[1 - turn % 2].read(data)
    except NotAuthentic:
        return
    assert turn == 0, "from the second message on everything is encrypted"
    assert payload == data[32:]


def test_a_secret_key_is_not_shown() -> None:
    assert pair(1).secret.hex() not in repr(pair(1))
    assert repr(pair(1).secret) not in repr([pair(1)])
