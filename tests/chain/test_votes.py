from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.ballots import SLOTS_PER_VOTER_MAX, Ballots, Contradiction
from p2pchain.chain.codec import decode, encode
from p2pchain.chain.crypto import Domain, verify_batch
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import ZERO_HASH, BlockId, ChainId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import (
    CERTIFICATE_BYTES_MAX,
    VOTERS_MAX,
    Ballot,
    Certificate,
    Kind,
    Subject,
    ballot_checks,
    certificate_checks,
    certificate_hash,
    decode_ballot,
    decode_certificate,
    decode_subject,
    encode_subject,
    make_certificate,
)
from tests.fakes.chain import signer

CHAIN, OTHER_CHAIN = ChainId(b"\x01" * 32), ChainId(b"\x02" * 32)
SUBJECT = Subject(Slot(7), Height(5), BlockId(b"\xaa" * 32))
KEYS = [PublicKey(bytes([number]) * 32) for number in range(6)]


def ballot(voter: int, subject: Subject = SUBJECT, kind: Kind = Kind.VOTE) -> Ballot:
    body = encode_subject(subject)
    return Ballot(kind, subject, signer(voter).public_key, signer(voter).sign(kind.domain, CHAIN, body))


def certificate(*voters: int, subject: Subject = SUBJECT, kind: Kind = Kind.VOTE) -> Certificate:
    return make_certificate(kind, subject, {one.voter: one.signature for one in (ballot(voter, subject, kind) for voter in voters)})


def raw(
    *,
    kind: object = 1,
    body: object = encode_subject(SUBJECT),
    voters: object = KEYS[1] + KEYS[2],
    signatures: object = bytes(128),
    more: tuple[object, ...] = (),
) -> bytes:
    return encode((kind, body, voters, signatures, *more))


def refused(action: Callable[[], object]) -> Code:
    with pytest.raises(Invalid) as caught:
        action()
    return caught.value.code


# --- ballots on the wire


@pytest.mark.parametrize("kind", Kind)
def test_a_ballot_comes_back(kind: Kind) -> None:
    one = ballot(1, kind=kind)
    assert decode_ballot(decode(encode(one.to_value()), what="ballot")) == one
    assert verify_batch(ballot_checks(one, CHAIN)) == [True]


def test_a_ballot_is_worth_nothing_as_anything_else() -> None:
    """Not as the other kind, on another chain, by another voter, nor on another block, slot or height."""
    one = ballot(1)
    assert verify_batch(ballot_checks(one, OTHER_CHAIN)) == [False]
    for other in (
        one._replace(kind=Kind.CONFIRM),
        one._replace(voter=signer(2).public_key),
        one._replace(subject=SUBJECT._replace(slot=Slot(8))),
        one._replace(subject=SUBJECT._replace(height=Height(6))),
        one._replace(subject=SUBJECT._replace(block=BlockId(ZERO_HASH))),
    ):
        assert verify_batch(ballot_checks(other, CHAIN)) == [False]
    assert Kind.VOTE.domain is Domain.VOTE
    assert Kind.CONFIRM.domain is Domain.CONFIRM


@pytest.mark.parametrize(
    "value",
    [
        (),
        (1, encode_subject(SUBJECT), KEYS[0]),
        (0, encode_subject(SUBJECT), KEYS[0], bytes(64)),
        (3, encode_subject(SUBJECT), KEYS[0], bytes(64)),
        (True, encode_subject(SUBJECT), KEYS[0], bytes(64)),
        (1, encode_subject(SUBJECT), KEYS[0][1:], bytes(64)),
        (1, encode_subject(SUBJECT), KEYS[0], bytes(65)),
        (1, encode_subject(SUBJECT) + b"\x00", KEYS[0], bytes(64)),
        (1, tuple(SUBJECT), KEYS[0], bytes(64)),
        (1, encode((0, 5, bytes(32))), KEYS[0], bytes(64)),
        (1, encode((7, 0, bytes(32))), KEYS[0], bytes(64)),
        (1, encode((7, 5, bytes(31))), KEYS[0], bytes(64)),
        (1, encode((2**63, 5, bytes(32))), KEYS[0], bytes(64)),
        (1, encode((7, 5, bytes(32), 0)), KEYS[0], bytes(64)),
        7,
        None,
    ],
)
def test_a_ballot_of_a_wrong_shape_is_refused(value: object) -> None:
    assert refused(lambda: decode_ballot(decode(encode(value), what="ballot"))) is Code.MALFORMED


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_subject_comes_back(slot: int, height: int, block: bytes) -> None:
    subject = Subject(Slot(slot), Height(height), BlockId(block))
    assert decode_subject(encode_subject(subject)) == subject


# --- certificates


@pytest.mark.parametrize("kind", Kind)
def test_a_certificate_comes_back_and_its_signatures_hold(kind: Kind) -> None:
    made = certificate(5, 1, 3, kind=kind)
    read = decode_certificate(made.raw)
    assert read == made
    assert list(read.signatures) == sorted(read.signatures)
    assert verify_batch(certificate_checks(read, CHAIN)) == [True] * 3
    assert verify_batch(certificate_checks(read, OTHER_CHAIN)) == [False] * 3


def test_a_certificate_does_not_depend_on_the_order_of_the_votes() -> None:
    assert certificate(1, 2, 3).raw == certificate(3, 1, 2).raw


def test_a_certificate_of_votes_is_none_of_confirms() -> None:
    votes = certificate(1, 2)
    assert verify_batch(certificate_checks(votes._replace(kind=Kind.CONFIRM), CHAIN)) == [False] * 2


@pytest.mark.parametrize(
    ("voters", "signatures"),
    [
        (KEYS[2] + KEYS[1], 2),
        (KEYS[1] + KEYS[1], 2),
        (KEYS[0] + KEYS[2] + KEYS[1], 3),
        (b"", 0),
        (b"", 1),
        (KEYS[1], 0),
        (KEYS[1], 2),
        (KEYS[1] + KEYS[2], 1),
        (KEYS[1][:-1], 1),
        (KEYS[1] + b"\x00", 1),
        (b"".join(number.to_bytes(32, "big") for number in range(VOTERS_MAX + 1)), VOTERS_MAX + 1),
    ],
    ids=[
        "descending",
        "twice",
        "unsorted",
        "nobody",
        "no voter",
        "no signature",
        "one too many",
        "one too few",
        "short",
        "long",
        "too many",
    ],
)
def test_a_certificate_whose_voters_are_wrong_is_refused(voters: bytes, signatures: int) -> None:
    data = raw(voters=voters, signatures=bytes(64 * signatures))
    assert refused(lambda: decode_certificate(data)) in {Code.WRONG_CERTIFICATE, Code.OVERSIZED}


@pytest.mark.parametrize("length", [63, 65, 127, 129, 1])
def test_signatures_that_do_not_divide_are_refused(length: int) -> None:
    assert refused(lambda: decode_certificate(raw(signatures=bytes(length)))) is Code.WRONG_CERTIFICATE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        raw(kind=0),
        raw(kind=3),
        raw(kind=True),
        raw(kind=b"\x01"),
        raw(body=b""),
        raw(body=encode((7, 5))),
        raw(body=encode((7, 5, bytes(33)))),
        raw(body=encode((0, 5, bytes(32)))),
        raw(voters=(KEYS[1], KEYS[2])),
        raw(signatures=(bytes(64), bytes(64))),
        raw(more=(0,)),
        raw() + b"\x00",
        raw()[:-1],
    ],
)
def test_a_certificate_of_a_wrong_shape_is_refused(data: bytes) -> None:
    assert refused(lambda: decode_certificate(data)) is Code.MALFORMED


def test_the_largest_certificate_fits_and_nothing_larger_is_read() -> None:
    signatures = {PublicKey(number.to_bytes(32, "big")): Signature(bytes(64)) for number in range(VOTERS_MAX)}
    largest = make_certificate(Kind.VOTE, Subject(Slot(2**63 - 1), Height(2**63 - 1), SUBJECT.block), signatures)
    assert len(largest.raw) <= CERTIFICATE_BYTES_MAX
    assert decode_certificate(largest.raw) == largest
    assert refused(lambda: decode_certificate(bytes(CERTIFICATE_BYTES_MAX + 1))) is Code.OVERSIZED


@given(st.data())
def test_a_changed_byte_of_a_certificate_is_refused_or_breaks_a_signature(data: st.DataObject) -> None:
    good = certificate(1, 2).raw
    place = data.draw(st.integers(0, len(good) - 1))
    changed = good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]
    try:
        read = decode_certificate(changed)
    except Invalid:
        return
    assert not all(verify_batch(certificate_checks(read, CHAIN)))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_certificate_or_invalid(data: bytes) -> None:
    try:
        read = decode_certificate(data)
    except Invalid:
        return
    assert make_certificate(read.kind, read.subject, read.signatures).raw == data


def test_no_certificate_has_the_zero_hash() -> None:
    assert certificate_hash(b"") == ZERO_HASH
    assert certificate_hash(certificate(1).raw) not in {ZERO_HASH, certificate_hash(certificate(2).raw)}


# --- ballots gathered


def plain(voter: int, slot: int, block: int = 1, kind: Kind = Kind.VOTE, height: int | None = None) -> Ballot:
    subject = Subject(Slot(slot), Height(slot if height is None else height), BlockId(bytes([block]) * 32))
    return Ballot(kind, subject, KEYS[voter], Signature(bytes([voter, block, slot % 256, kind]) * 16))


def test_a_ballot_counts_once() -> None:
    ballots, one = Ballots(), plain(1, 5)
    assert not ballots.has(one)
    assert [ballots.add(one), ballots.add(one)] == [True, False]
    assert ballots.has(one)
    assert ballots.signatures(Kind.VOTE, one.subject) == {KEYS[1]: one.signature}


def test_votes_and_confirms_are_counted_apart() -> None:
    ballots, one = Ballots(), plain(1, 5)
    ballots.add(one)
    assert ballots.signatures(Kind.CONFIRM, one.subject) == {}
    assert ballots.add(plain(1, 5, kind=Kind.CONFIRM)) is True


def test_two_ballots_of_a_kind_in_a_slot_are_a_contradiction_and_the_first_stays() -> None:
    ballots, first = Ballots(), plain(1, 5, block=1)
    ballots.add(first)
    for second in (plain(1, 5, block=2), plain(1, 5, block=1, height=9)):
        assert ballots.add(second) == Contradiction(first, second)
        assert not ballots.has(second)
        assert ballots.signatures(Kind.VOTE, second.subject) == {}
    assert ballots.signatures(Kind.VOTE, first.subject) == {KEYS[1]: first.signature}


def test_different_slots_kinds_and_voters_do_not_contradict() -> None:
    """An honest delegate votes for one block and confirms another, and follows another branch later (S2b)."""
    ballots = Ballots()
    for one in (plain(1, 5, 1), plain(1, 6, 2), plain(1, 5, 3, Kind.CONFIRM), plain(2, 5, 2)):
        assert ballots.add(one) is True


def test_a_ballot_that_lies_about_a_slot_or_height_is_on_no_known_block() -> None:
    """Filed under the block's id alone, it would poison the certificate that honest delegates make."""
    ballots, honest = Ballots(), plain(1, 5)
    ballots.add(honest)
    ballots.add(plain(2, 5, height=99))
    ballots.add(plain(3, 6, height=5))
    assert ballots.signatures(Kind.VOTE, honest.subject) == {KEYS[1]: honest.signature}


def test_ballots_of_many_slots_on_one_block_are_forgotten_one_by_one() -> None:
    """What once ended a node: one voter, one block id, two slots."""
    ballots = Ballots()
    ballots.add(plain(1, 5))
    ballots.add(plain(1, 6))
    ballots.forget_until(5)
    assert not ballots.has(plain(1, 5))
    assert ballots.has(plain(1, 6))
    ballots.forget_until(6)
    assert ballots._by_subject == {}
    assert ballots._by_voter == {}


def test_the_newest_ballot_of_a_voter_is_known() -> None:
    ballots = Ballots()
    assert ballots.of_voter(Kind.VOTE, KEYS[1]) is None
    for slot in (5, 9, 7):
        ballots.add(plain(1, slot))
    assert ballots.of_voter(Kind.VOTE, KEYS[1]) == plain(1, 9)
    assert ballots.of_voter(Kind.CONFIRM, KEYS[1]) is None


def test_a_voter_keeps_its_newest_slots_and_no_more() -> None:
    ballots = Ballots()
    for slot in range(1, SLOTS_PER_VOTER_MAX + 101):
        assert ballots.add(plain(1, slot, block=slot % 250)) is True
    kept = [slot for slot in range(1, SLOTS_PER_VOTER_MAX + 101) if ballots.has(plain(1, slot, block=slot % 250))]
    assert kept == list(range(101, SLOTS_PER_VOTER_MAX + 101))
    assert len(ballots._by_subject) == SLOTS_PER_VOTER_MAX
    assert ballots.add(plain(2, 3)) is True
    assert ballots.has(plain(2, 3))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6), st.integers(1, 3), st.sampled_from(Kind), st.integers(1, 2)), max_size=40),
    st.integers(0, 7),
)
def test_both_ways_to_look_agree(drawn: list[tuple[int, int, int, Kind, int]], final: int) -> None:
    ballots = Ballots()
    first: dict[tuple[Kind, int, int], Ballot] = {}
    for voter, slot, block, kind, height in drawn:
        one = plain(voter, slot, block, kind, height)
        known = first.setdefault((kind, voter, slot), one)
        added = ballots.add(one)
        assert isinstance(added, Contradiction) is (known != one)
    ballots.forget_until(final)
    kept = [one for one in first.values() if one.subject.slot > final]
    for one in first.values():
        assert ballots.has(one) is (one in kept)
        wanted = {other.voter: other.signature for other in kept if (other.kind, other.subject) == (one.kind, one.subject)}
        assert ballots.signatures(one.kind, one.subject) == wanted
