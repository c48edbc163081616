from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noise.connection import Keypair, NoiseConnection

from p2pchain.chain.crypto import Domain, KeySigner
from p2pchain.chain.types import Signature
from p2pchain.wire.errors import ConnectionRefused, LocalMisuse, NotAuthentic, Reason, RemoteViolation
from p2pchain.wire.handshake import FIRST_BYTES, MAGIC, PREAMBLE_BYTES, SECOND_BYTES, THIRD_BYTES, Credentials, Handshake
from p2pchain.wire.messages import PROTOCOL_VERSION
from p2pchain.wire.noise import NAME, HandshakeState, KeyPair
from tests.wire.ends import ACCEPTOR, CHAIN, DIALLER, FOREIGN, NOW_MS, OURS, THEIRS, THIRD, acceptor, credentials, dialler, flights

FLIGHTS = flights(dialler(), acceptor())
SIZES = (PREAMBLE_BYTES + FIRST_BYTES, PREAMBLE_BYTES + SECOND_BYTES, THIRD_BYTES)


class Victim(NamedTuple):
    """Whoever receives a flight, ready for it."""

    name: str
    make: Callable[[], Handshake]
    flight: bytes


def waiting_dialler() -> Handshake:
    handshake = dialler()
    handshake.take()
    return handshake


def waiting_acceptor() -> Handshake:
    handshake = acceptor()
    handshake.receive(FLIGHTS.first)
    handshake.take()
    return handshake


VICTIMS = (
    Victim("first", acceptor, FLIGHTS.first),
    Victim("second", waiting_dialler, FLIGHTS.second),
    Victim("third", waiting_acceptor, FLIGHTS.third),
)
each_victim = pytest.mark.parametrize("victim", VICTIMS, ids=lambda victim: victim.name)


def refuse(handshake: Handshake, data: bytes) -> ConnectionRefused:
    with pytest.raises(ConnectionRefused) as refusal:
        handshake.receive(data)
    assert handshake.channel is None
    with pytest.raises(LocalMisuse):
        handshake.receive(FLIGHTS.third)
    return refusal.value


def careless_dialler(claimed: Credentials) -> Callable[[bytes], bytes]:
    """Says its first flight for nothing, and its third for the second, whoever said that."""
    noise = HandshakeState(initiator=True, prologue=claimed.prologue, static=claimed.static, ephemeral=KeyPair.of(b"\x21" * 32))
    first = claimed.preamble + noise.write(b"")

    def answer(second: bytes) -> bytes:
        if not second:
            return first
        noise.read(second[PREAMBLE_BYTES:])
        return noise.write(claimed.proof)

    return answer


def visit(accepts: Handshake, claimed: Credentials) -> ConnectionRefused:
    """How the acceptor refuses a dialler that claims this."""
    says = careless_dialler(claimed)
    accepts.receive(says(b""))
    return refuse(accepts, says(accepts.take()))


# --- what should be -------------------------------------------------------------------------------------------------


def test_both_ends_know_each_other_by_node_key_and_what_one_seals_the_other_opens() -> None:
    dials, accepts = dialler(wanted=ACCEPTOR.public_key), acceptor()
    assert tuple(map(len, flights(dials, accepts))) == SIZES
    assert (dials.node_key, accepts.node_key) == (ACCEPTOR.public_key, DIALLER.public_key)
    assert dials.channel is not None
    assert accepts.channel is not None
    assert list(accepts.channel.open(dials.channel.seal(b"there", NOW_MS))) == [b"there"]
    assert list(dials.channel.open(accepts.channel.seal(b"and back", NOW_MS))) == [b"and back"]


def test_any_handshake_byte_by_byte_is_the_same_one() -> None:
    dials, accepts = dialler(), acceptor()
    for sender, receiver in ((dials, accepts), (accepts, dials), (dials, accepts)):
        for byte in sender.take():
            receiver.receive(bytes([byte]))
    assert (dials.node_key, accepts.node_key) == (ACCEPTOR.public_key, DIALLER.public_key)


def test_what_comes_right_behind_the_handshake_is_opened() -> None:
    dials, accepts = dialler(), acceptor()
    accepts.receive(dials.take())
    dials.receive(accepts.take())
    assert dials.channel is not None
    accepts.receive(dials.take() + dials.channel.seal(b"hello", NOW_MS))
    assert accepts.channel is not None
    assert list(accepts.channel.open(b"")) == [b"hello"]


def test_no_node_key_signature_or_link_key_is_in_clear() -> None:
    everything = b"".join(FLIGHTS)
    for who in (OURS, THEIRS):
        for secret in (who.node_key, who.signature, who.static.public, who.static.secret):
            assert secret not in everything
            assert secret[:8] not in everything


def test_the_same_two_nodes_never_say_the_same_twice() -> None:
    again = flights(dialler(ephemeral=31), acceptor(ephemeral=32))
    assert [a == b for a, b in zip(FLIGHTS, again, strict=True)] == [False] * 3


@pytest.mark.parametrize("is_ours_first", [True, False], ids=["we dial", "we accept"])
def test_a_link_of_another_implementation_by_the_words_of_the_protocol_is_taken(*, is_ours_first: bool) -> None:
    preamble = b"p2pchain" + (2).to_bytes(2, "big") + CHAIN[:8]
    static = KeyPair.of(b"\x55" * 32)
    key = THIRD.public_key
    proof = key + THIRD._key.sign(b"p2pchain/node-link/1\x00" + CHAIN + static.public).signature
    other = NoiseConnection.from_name(NAME)
    other.set_as_responder() if is_ours_first else other.set_as_initiator()
    other.set_prologue(b"p2pchain" + (2).to_bytes(2, "big") + CHAIN)
    other.set_keypair_from_private_bytes(Keypair.STATIC, static.secret)
    other.start_handshake()
    if is_ours_first:
        ours = dialler(wanted=key)
        first = ours.take()
        assert first[:18] == preamble
        assert other.read_message(first[18:]) == b""
        ours.receive(preamble + other.write_message(proof))
        heard = bytes(other.read_message(ours.take()))
    else:
        ours = acceptor()
        ours.receive(preamble + other.write_message(b""))
        second = ours.take()
        assert second[:18] == preamble
        heard = bytes(other.read_message(second[18:]))
        ours.receive(bytes(other.write_message(proof)))
    assert heard[:32] == (DIALLER if is_ours_first else ACCEPTOR).public_key
    assert ours.node_key == key
    assert ours.channel is not None
    record = ours.channel.seal(b"frames", NOW_MS)
    assert other.decrypt(record[2:]) == b"frames"
    sealed = bytes(other.encrypt(b"and back"))
    assert list(ours.channel.open(len(sealed).to_bytes(2, "big") + sealed)) == [b"and back"]


# --- preambles ------------------------------------------------------------------------------------------------------


def test_another_chain_is_told_apart_by_both_ends() -> None:
    dials, accepts = dialler(credentials(DIALLER, chain_id=FOREIGN)), acceptor()
    text = "peer is on chain 0808080808080808..., this node on 0707070707070707...: the genesis differs"
    refusal = refuse(accepts, dials.take())
    assert (refusal.reason, refusal.message) == (Reason.WRONG_CHAIN, text)
    answer = accepts.take()
    assert answer == THEIRS.preamble, "the answer tells why, and nothing else"
    refusal = refuse(dials, answer)
    assert (refusal.reason, refusal.message[:38]) == (Reason.WRONG_CHAIN, "peer is on chain 0707070707070707..., ")
    assert dials.take() == b""
    assert dials.node_key is accepts.node_key is None


def test_another_version_is_told_apart_by_both_ends_whatever_follows_its_preamble() -> None:
    newer = MAGIC + (PROTOCOL_VERSION + 1).to_bytes(2, "big") + bytes(8)
    text = f"peer speaks protocol {PROTOCOL_VERSION + 1}, this node {PROTOCOL_VERSION}: upgrade the older one"
    accepts, dials = acceptor(), waiting_dialler()
    for refusal in (refuse(accepts, newer + b"any"), refuse(dials, newer)):
        assert (refusal.reason, refusal.message) == (Reason.WRONG_PROTOCOL, text)
    assert accepts.take() == THEIRS.preamble


def test_who_does_not_begin_as_a_node_gets_no_answer() -> None:
    for junk in (b"GET / HTTP/1.1\r\n\r\n", bytes(50), b"\x16\x03\x01" + bytes(200), b"P2PCHAIN" + bytes(42)):
        accepts = acceptor()
        refusal = refuse(accepts, junk)
        assert isinstance(refusal, RemoteViolation)
        assert junk[:8].hex() in refusal.message
        assert accepts.take() == b""


def test_a_chain_with_the_same_tag_fails_at_the_first_thing_encrypted() -> None:
    twin = type(CHAIN)(CHAIN[:8] + bytes(24))
    dials, accepts = dialler(credentials(DIALLER, chain_id=twin)), acceptor()
    accepts.receive(dials.take())
    assert isinstance(refuse(dials, accepts.take()), NotAuthentic)


@pytest.mark.parametrize("place", range(PREAMBLE_BYTES))
def test_nobody_on_the_way_can_change_a_preamble_without_ending_the_link(place: int) -> None:
    changed = bytearray(FLIGHTS.first)
    changed[place] ^= 1
    refuse(acceptor(), bytes(changed))
    changed = bytearray(FLIGHTS.second)
    changed[place] ^= 1
    refuse(waiting_dialler(), bytes(changed))


# --- flipped, truncated, replayed, reflected ------------------------------------------------------------------------


@each_victim
@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_any_changed_byte_of_any_flight_ends_it(victim: Victim, bits: int) -> None:
    for place in range(len(victim.flight)):
        changed = bytearray(victim.flight)
        changed[place] ^= bits
        accepts = victim.make()
        if victim.name == "first" and place >= PREAMBLE_BYTES:
            # an ephemeral key says nothing by itself: the dialler finds that its own was not what arrived
            accepts.receive(bytes(changed))
            assert isinstance(refuse(waiting_dialler(), accepts.take()), NotAuthentic)
        else:
            refuse(accepts, bytes(changed))


@each_victim
def test_a_flight_cut_short_is_waited_for_and_gets_no_further(victim: Victim) -> None:
    for size in range(len(victim.flight)):
        handshake = victim.make()
        handshake.receive(victim.flight[:size])
        assert handshake.channel is None
        assert handshake.node_key is None
        assert handshake.take() in {b"", THEIRS.preamble}


@each_victim
def test_a_flight_with_bytes_missing_in_the_middle_ends_it(victim: Victim) -> None:
    padding = bytes(len(victim.flight))
    for place in range(PREAMBLE_BYTES if victim.name == "first" else len(victim.flight)):
        refuse(victim.make(), victim.flight[:place] + victim.flight[place + 1 :] + padding)


def test_a_recorded_dialler_does_not_get_in_again() -> None:
    accepts = acceptor(ephemeral=99)
    accepts.receive(FLIGHTS.first)
    assert accepts.take() != FLIGHTS.second
    assert isinstance(refuse(accepts, FLIGHTS.third), NotAuthentic)


def test_a_recorded_acceptor_is_not_believed_again() -> None:
    dials = dialler(ephemeral=99)
    dials.take()
    assert isinstance(refuse(dials, FLIGHTS.second), NotAuthentic)


def test_a_flight_said_twice_ends_it() -> None:
    assert isinstance(refuse(waiting_acceptor(), FLIGHTS.first + bytes(THIRD_BYTES)), NotAuthentic)
    dials = dialler()
    dials.receive(FLIGHTS.second * 200)
    assert dials.channel is not None
    with pytest.raises(NotAuthentic):
        list(dials.channel.open(b""))


def test_our_own_words_sent_back_are_not_believed() -> None:
    dials = waiting_dialler()
    dials.receive(FLIGHTS.first)
    assert isinstance(refuse(dials, bytes(SECOND_BYTES)), NotAuthentic), "its own key as the other's"
    accepts = waiting_acceptor()
    assert isinstance(refuse(accepts, FLIGHTS.second), NotAuthentic)


def test_two_diallers_that_meet_wait_and_say_nothing() -> None:
    one, two = dialler(), dialler(THEIRS)
    one.receive(two.take())
    two.receive(FLIGHTS.first)
    assert one.channel is two.channel is None
    assert one.take()[SIZES[0] :] == two.take() == b""


def test_messages_of_one_session_are_worth_nothing_in_another() -> None:
    """Somebody between two pairs of ends who swaps what they say."""
    others = flights(dialler(ephemeral=41), acceptor(ephemeral=42))
    assert isinstance(refuse(waiting_dialler(), others.second), NotAuthentic)
    assert isinstance(refuse(waiting_acceptor(), others.third), NotAuthentic)


def test_somebody_in_the_middle_with_keys_of_his_own_is_known_by_his_own_node_key() -> None:
    middle = acceptor(credentials(THIRD))
    dials = dialler(wanted=ACCEPTOR.public_key)
    middle.receive(dials.take())
    refusal = refuse(dials, middle.take())
    assert refusal.reason is Reason.WRONG_NODE
    assert refusal.message == f"found node {THIRD.public_key.hex()}, wanted {ACCEPTOR.public_key.hex()}"
    assert dials.take() == b"", "whom we did not want to meet does not learn who we are"


# --- proofs ---------------------------------------------------------------------------------------------------------


class Liar(NamedTuple):
    """A signature that is right in itself, and not what it should be here."""

    name: str
    claimed: Credentials


def signed(signer: KeySigner, body: bytes, *, domain: Domain = Domain.NODE_LINK, foreign: bool = False) -> Signature:
    return signer.sign(domain, FOREIGN if foreign else CHAIN, body)


HONEST = credentials(THIRD)
LIARS = (
    Liar("signed by another key", HONEST._replace(signature=signed(DIALLER, HONEST.static.public))),
    Liar("signed for another genesis", HONEST._replace(signature=signed(THIRD, HONEST.static.public, foreign=True))),
    Liar("signed over another link key", HONEST._replace(signature=signed(THIRD, b"\x01" * 32))),
    Liar("signed for another purpose", HONEST._replace(signature=signed(THIRD, HONEST.static.public, domain=Domain.DELEGATE_KEY))),
    Liar("somebody else's proof", HONEST._replace(node_key=ACCEPTOR.public_key, signature=THEIRS.signature)),
    Liar("our own proof", HONEST._replace(node_key=OURS.node_key, signature=OURS.signature)),
    Liar("no signature", HONEST._replace(signature=Signature(bytes(64)))),
    Liar("a key of small order", HONEST._replace(node_key=b"\x01" + bytes(31), signature=Signature(b"\x01" + bytes(63)))),
)


@pytest.mark.parametrize("liar", LIARS, ids=lambda liar: liar.name)
def test_a_proof_that_is_not_of_this_key_over_this_link_key_on_this_chain_is_refused(liar: Liar) -> None:
    dials, accepts = dialler(), acceptor(liar.claimed)
    accepts.receive(dials.take())
    assert isinstance(refuse(dials, accepts.take()), NotAuthentic)
    accepts = acceptor()
    refusal = visit(accepts, liar.claimed)
    assert isinstance(refusal, NotAuthentic)
    assert f"node key {liar.claimed.node_key.hex()} has not signed" in refusal.message
    assert accepts.node_key is None


def test_a_node_that_meets_itself_knows_it() -> None:
    dials, accepts = dialler(), acceptor(OURS)
    accepts.receive(dials.take())
    refusal = refuse(dials, accepts.take())
    assert (refusal.reason, refusal.message) == (Reason.SELF, "connected to itself")


def test_another_process_with_our_node_key_is_not_taken_for_ourselves() -> None:
    twin = credentials(DIALLER, static=77)
    dials, accepts = dialler(), acceptor(twin)
    accepts.receive(dials.take())
    refusal = refuse(dials, accepts.take())
    assert (refusal.reason, OURS.node_key.hex() in refusal.message) == (Reason.WRONG_NODE, True)
    assert visit(acceptor(OURS), twin).reason is Reason.WRONG_NODE
    assert visit(acceptor(OURS), OURS).reason is Reason.SELF


# --- any bytes ------------------------------------------------------------------------------------------------------


@given(victim=st.sampled_from(VICTIMS), chunks=st.lists(st.binary(max_size=300), max_size=5), begins_well=st.booleans())
def test_any_bytes_are_waited_for_or_refused_and_nothing_else(victim: Victim, chunks: list[bytes], *, begins_well: bool) -> None:
    handshake = victim.make()
    if begins_well:
        chunks = [victim.flight[:PREAMBLE_BYTES], *chunks]
    for chunk in chunks:
        try:
            handshake.receive(chunk)
        except ConnectionRefused:
            break
    assert handshake.channel is None or b"".join(chunks).startswith(victim.flight)
