"""A certificate is decoded once while it is new, and not kept for ever."""

from __future__ import annotations

import pytest

from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import BlockId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Kind, Subject, make_certificate
from p2pchain.node.certificates import Certificates


def raw_of(slot: int) -> bytes:
    subject = Subject(Slot(slot), Height(1), BlockId(bytes(32)))
    return make_certificate(Kind.VOTE, subject, {PublicKey(bytes(32)): Signature(bytes(64))}).raw


def test_the_same_bytes_are_decoded_once_and_the_oldest_are_forgotten() -> None:
    certificates = Certificates(2)
    first = certificates.decode(raw_of(1))
    assert certificates.decode(raw_of(1)) is first
    certificates.decode(raw_of(2))
    certificates.decode(raw_of(3))
    again = certificates.decode(raw_of(1))
    assert again == first
    assert again is not first


def test_what_is_malformed_is_refused_each_time() -> None:
    certificates = Certificates()
    for _ in range(2):
        with pytest.raises(Invalid):
            certificates.decode(raw_of(1)[:-1])
