"""Votes, confirms and certificates as signed values; who counts how many is decided in `tree`.

A ballot's body is `[slot, height, block_id]`; the domain of the signature tells a vote from a confirm.  Wire form
of a ballot `[kind, body, voter, signature]`.  A certificate gathers the signatures of one kind on one body:
`[kind, body, voters, signatures]`, voters as concatenated keys in ascending order, signatures in the same order.
It names its signers by key, so that it can be verified without knowing any set of delegates.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, unique
from itertools import pairwise
from typing import NamedTuple

from p2pchain.chain.codec import Value, decode, decode_array, encode, require_array, require_bytes, require_int
from p2pchain.chain.crypto import Domain, SignatureCheck, digest, signed_message
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import (
    HASH_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    ZERO_HASH,
    BlockId,
    ChainId,
    Hash,
    Height,
    PublicKey,
    Signature,
    Slot,
)

VOTERS_MAX = 404
"""Most signers of a certificate: a set of 101 and all who can join it on an unfinal branch (`schedule.limit_turnover`)."""
CERTIFICATE_BYTES_MAX = 96 * VOTERS_MAX + 128


@unique
class Kind(IntEnum):
    """The two ballots of a slot."""

    VOTE = 1
    CONFIRM = 2

    @property
    def domain(self) -> Domain:
        return Domain.VOTE if self is Kind.VOTE else Domain.CONFIRM


class Subject(NamedTuple):
    """What a ballot is about."""

    slot: Slot
    height: Height
    block: BlockId


class Ballot(NamedTuple):
    """One delegate's vote or confirm."""

    kind: Kind
    subject: Subject
    voter: PublicKey
    signature: Signature

    def to_value(self) -> tuple[Value, ...]:
        return (int(self.kind), encode_subject(self.subject), self.voter, self.signature)


class Certificate(NamedTuple):
    """Enough ballots of one kind on one block; how many are enough depends on the sets that govern the block."""

    kind: Kind
    subject: Subject
    signatures: Mapping[PublicKey, Signature]
    raw: bytes


def encode_subject(subject: Subject) -> bytes:
    """The body bytes that voters sign."""
    return encode(tuple(subject))


def decode_subject(body: bytes) -> Subject:
    slot, height, block = decode_array(body, what="ballot body", fields=3, bytes_max=64)
    return Subject(
        Slot(require_int(slot, what="ballot slot", low=1)),
        Height(require_int(height, what="ballot height", low=1)),
        BlockId(require_bytes(block, what="ballot block", size=HASH_BYTES)),
    )


def decode_kind(value: Value) -> Kind:
    number = require_int(value, what="ballot kind", low=1, high=2)
    return Kind(number)


def decode_ballot(value: Value) -> Ballot:
    """The ballot in `[kind, body, voter, signature]`; its signature is not yet checked."""
    kind, body, voter, signature = require_array(value, what="ballot", fields=4)
    return Ballot(
        decode_kind(kind),
        decode_subject(require_bytes(body, what="ballot body")),
        PublicKey(require_bytes(voter, what="ballot voter", size=KEY_BYTES)),
        Signature(require_bytes(signature, what="ballot signature", size=SIGNATURE_BYTES)),
    )


def decode_certificate(raw: bytes) -> Certificate:
    """The certificate in its bytes; its signatures are not yet checked, and nothing is counted."""
    fields = decode(raw, what="certificate", bytes_max=CERTIFICATE_BYTES_MAX)
    kind, body, voters, signatures = require_array(fields, what="certificate", fields=4)
    keys = _split(require_bytes(voters, what="certificate voters"), KEY_BYTES, "certificate voters")
    values = _split(require_bytes(signatures, what="certificate signatures"), SIGNATURE_BYTES, "certificate signatures")
    if not 1 <= len(keys) <= VOTERS_MAX or len(keys) != len(values):
        raise Invalid(
            Code.WRONG_CERTIFICATE, f"certificate has {len(keys)} voters and {len(values)} signatures, 1 to {VOTERS_MAX} of each wanted"
        )
    if any(a >= b for a, b in pairwise(keys)):
        raise Invalid(Code.WRONG_CERTIFICATE, "certificate voters are not in strictly ascending order")
    subject = decode_subject(require_bytes(body, what="certificate body"))
    signed = {PublicKey(key): Signature(value) for key, value in zip(keys, values, strict=True)}
    return Certificate(decode_kind(kind), subject, signed, raw)


def make_certificate(kind: Kind, subject: Subject, signatures: Mapping[PublicKey, Signature]) -> Certificate:
    """The certificate of ballots that were verified one by one."""
    ordered = dict(sorted(signatures.items()))
    raw = encode((int(kind), encode_subject(subject), b"".join(ordered), b"".join(ordered.values())))
    return Certificate(kind, subject, ordered, raw)


def certificate_hash(raw: bytes) -> Hash:
    """What a block header carries of the certificate in the block; zero where there is none."""
    return digest(Domain.CERTIFICATE, raw) if raw else ZERO_HASH


def ballot_checks(ballot: Ballot, chain_id: ChainId) -> list[SignatureCheck]:
    message = signed_message(ballot.kind.domain, chain_id, encode_subject(ballot.subject))
    return [SignatureCheck(ballot.voter, message, ballot.signature)]


def certificate_checks(certificate: Certificate, chain_id: ChainId) -> list[SignatureCheck]:
    message = signed_message(certificate.kind.domain, chain_id, encode_subject(certificate.subject))
    return [SignatureCheck(key, message, signature) for key, signature in certificate.signatures.items()]


def _split(data: bytes, size: int, what: str) -> list[bytes]:
    if len(data) % size:
        raise Invalid(Code.WRONG_CERTIFICATE, f"{what} have {len(data)} bytes, a multiple of {size} wanted", found=len(data))
    return [data[i : i + size] for i in range(0, len(data), size)]
