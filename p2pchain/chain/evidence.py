"""Evidence: two signed messages of one key that contradict each other, whoever reports them and whenever.

A signed message is a ballot `[kind, body, voter, signature]` or a block header `[header, signature]`.  Two of them convict
their signer where they are of one kind and for one slot and differ in what they say: two votes or two confirms on
different subjects, two headers with different ids (at whatever parents, because V1 counts slots and not branches).  An
honest node signs at most one of each kind in a slot and has it on disk before the signature leaves, so no lateness,
restart or partition ever produces a pair (S2b).

Nothing but the two messages and the chain id decides.  Of a header only the fields that every version shares are
read, so an upgrade neither hides an offence nor invents one.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import NamedTuple, TypeAlias

from p2pchain.chain.codec import Value, decode, encode, require_array, require_bytes, require_int
from p2pchain.chain.crypto import Domain, SignatureCheck, is_valid_signature, signed_message
from p2pchain.chain.errors import Charged, Code, Invalid
from p2pchain.chain.types import KEY_BYTES, SIGNATURE_BYTES, ChainId, PublicKey, Signature, Slot
from p2pchain.chain.votes import Ballot, Kind, decode_ballot, encode_subject

HEADER_BYTES_MAX = 512
MESSAGE_BYTES_MAX = HEADER_BYTES_MAX + SIGNATURE_BYTES + 8
"""The longest signed message: a header with its signature and the lengths around both."""
_HEADER_FIELDS_MIN = 5
"""`[version, height, slot, parent, producer, ...]`: what every version of a header begins with."""


@unique
class Said(StrEnum):
    """What a delegate signs at most once in a slot."""

    VOTE = "vote"
    CONFIRM = "confirm"
    BLOCK = "block"


_DOMAINS = {Said.VOTE: Domain.VOTE, Said.CONFIRM: Domain.CONFIRM, Said.BLOCK: Domain.BLOCK}


def said_in(kind: Kind) -> Said:
    """What a ballot of a kind says."""
    return Said.VOTE if kind is Kind.VOTE else Said.CONFIRM


class Offence(NamedTuple):
    """Who contradicted itself, how and when: two pairs with the same offence prove the same thing."""

    key: PublicKey
    """The consensus key that signed."""
    kind: Said
    slot: Slot


class SignedHeader(NamedTuple):
    """A block's header as its producer signed it."""

    producer: PublicKey
    slot: Slot
    raw: bytes
    signature: Signature


Signed: TypeAlias = Ballot | SignedHeader


def offence_of(signed: Signed) -> Offence:
    """What a signed message would be half of."""
    if isinstance(signed, Ballot):
        return Offence(signed.voter, said_in(signed.kind), signed.subject.slot)
    return Offence(signed.producer, Said.BLOCK, signed.slot)


def says_same(one: Signed, other: Signed) -> bool:
    """Whether two messages with one offence say the same, and so prove nothing; a second signature is no second word."""
    if isinstance(one, Ballot):
        return isinstance(other, Ballot) and one.subject == other.subject
    return isinstance(other, SignedHeader) and one.raw == other.raw


def encode_signed(signed: Signed) -> bytes:
    """The message as evidence carries it."""
    return encode_ballot_statement(signed) if isinstance(signed, Ballot) else encode_header_statement(signed.raw, signed.signature)


class Statement(NamedTuple):
    """A signed message, decoded as far as evidence needs it; its signature is not yet checked."""

    offence: Offence
    """What it would be half of."""
    body: bytes
    """The bytes that were signed, without domain and chain id."""
    signature: Signature

    def check(self, chain_id: ChainId) -> SignatureCheck:
        message = signed_message(_DOMAINS[self.offence.kind], chain_id, self.body)
        return SignatureCheck(self.offence.key, message, self.signature)


def encode_ballot_statement(ballot: Ballot) -> bytes:
    return encode(ballot.to_value())


def encode_header_statement(header_raw: bytes, signature: bytes) -> bytes:
    return encode((header_raw, signature))


def decode_statement(raw: bytes) -> Statement:
    """The signed message in its bytes; `Invalid` where it is none."""
    value = decode(raw, what="signed message", bytes_max=MESSAGE_BYTES_MAX)
    fields = require_array(value, what="signed message")
    if len(fields) == 2:
        return _header_statement(fields)
    ballot = decode_ballot(value)
    return Statement(offence_of(ballot), encode_subject(ballot.subject), ballot.signature)


def find_offence(first: bytes, second: bytes) -> Offence:
    """What the pair proves once both signatures hold; `Charged` (`bad_evidence`) where it proves nothing.

    The messages stand in ascending order, so that one pair has one encoding.
    """
    if first >= second:
        raise _bad("the two messages are the same or not in ascending order")
    one, other = decode_statement(first), decode_statement(second)
    if one.offence != other.offence:
        raise _bad(f"the messages are {_text(one.offence)} and {_text(other.offence)}: one key, kind and slot wanted")
    if one.body == other.body:
        raise _bad(f"both messages say the same in slot {one.offence.slot}")
    return one.offence


def convict(first: bytes, second: bytes, chain_id: ChainId) -> Offence:
    """The whole judgement, signatures included; `Invalid` names what is missing."""
    offence = find_offence(first, second)
    for raw in (first, second):
        if not is_valid_signature(decode_statement(raw).check(chain_id)):
            raise Invalid(Code.BAD_SIGNATURE, f"a message is not signed by {offence.key.hex()} for this chain")
    return offence


def in_order(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """The one encoding of a pair."""
    return (first, second) if first < second else (second, first)


def _header_statement(fields: tuple[Value, ...]) -> Statement:
    body = require_bytes(fields[0], what="block header", size_max=HEADER_BYTES_MAX)
    signature = Signature(require_bytes(fields[1], what="block signature", size=SIGNATURE_BYTES))
    header = require_array(decode(body, what="block header"), what="block header")
    if len(header) < _HEADER_FIELDS_MIN:
        raise Invalid(Code.MALFORMED, f"block header has {len(header)} fields, at least {_HEADER_FIELDS_MIN} wanted", found=len(header))
    key = PublicKey(require_bytes(header[4], what="block producer", size=KEY_BYTES))
    return Statement(Offence(key, Said.BLOCK, Slot(require_int(header[2], what="block slot", low=1))), body, signature)


def _bad(text: str) -> Charged:
    return Charged(Code.BAD_EVIDENCE, text)


def _text(offence: Offence) -> str:
    return f"a {offence.kind} of {offence.key.hex()[:12]} in slot {offence.slot}"
