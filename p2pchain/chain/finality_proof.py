"""Proof that a block is final, for somebody who has no chain: its header, and the confirms of a quorum.

Where the block has no confirms of its own, headers that stand on it lead to one that has.  Whose confirms count is not
in the proof: the checker brings the sets of delegates that it trusts, and a quorum of each must be there.  The sets are
those that govern the blocks from the checker's own last final block on (decision 0004); most of the time that is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from p2pchain.chain.block import Header, block_id, decode_header
from p2pchain.chain.crypto import verify_batch
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.schedule import quorum
from p2pchain.chain.types import BlockId, ChainId, PublicKey
from p2pchain.chain.votes import Certificate, Kind, Subject, certificate_checks, decode_certificate

PROOF_HEADERS_MAX = 64
"""From a block to the next one with confirms: one as a rule, more where a node caught up; 16 KB."""


class FinalityProof(NamedTuple):
    """Headers as their producers signed them, each standing on the one before, and confirms on the last."""

    headers: tuple[bytes, ...]
    """The first one is what is proven."""
    certificate: bytes


class FinalHeader(NamedTuple):
    """A header that was proven to be final."""

    id: BlockId
    header: Header
    certificate: Certificate
    """The confirms on it or on a block above it."""


def verify_finality(proof: FinalityProof, chain_id: ChainId, sets: Iterable[Collection[PublicKey]]) -> FinalHeader:
    """What the proof shows to somebody who trusts these sets of consensus keys; `Invalid` (`bad_proof` and others) where it shows nothing.

    Every signature in the certificate must be valid, also of those that no set names.
    """
    last = last_subject(proof.headers)
    first = decode_header(proof.headers[0])
    certificate = decode_certificate(proof.certificate)
    if certificate.kind is not Kind.CONFIRM or certificate.subject != last:
        raise _bad(f"the certificate is not of confirms on block {last.height} ({last.block.hex()})")
    members = [frozenset(keys) for keys in sets]
    assert members, "no set of delegates is trusted: nothing can be proven"
    for keys in members:
        counted, wanted = len(keys & certificate.signatures.keys()), quorum(len(keys))
        if counted < wanted:
            raise _bad(f"{counted} of a set of {len(keys)} delegates confirm block {last.height}, {wanted} wanted", counted, wanted)
    if not all(verify_batch(certificate_checks(certificate, chain_id))):
        raise Invalid(Code.BAD_SIGNATURE, f"a confirm of block {last.height} is not signed by the delegate that it names")
    return FinalHeader(block_id(proof.headers[0]), first, certificate)


def last_subject(headers: tuple[bytes, ...]) -> Subject:
    """What the certificate must be about, once every header stands on the one before."""
    if not 1 <= len(headers) <= PROOF_HEADERS_MAX:
        raise _bad(f"{len(headers)} headers, 1 to {PROOF_HEADERS_MAX} wanted")
    below: Subject | None = None
    for raw in headers:
        header = decode_header(raw)
        if below is not None and (header.parent != below.block or header.height != below.height + 1):
            raise _bad(f"header {header.height} does not stand on header {below.height} before it")
        below = Subject(header.slot, header.height, block_id(raw))
    assert below is not None, "there is one header at least"
    return below


def _bad(text: str, found: int | None = None, wanted: int | None = None) -> Invalid:
    return Invalid(Code.BAD_PROOF, f"finality proof: {text}", found=found, wanted=wanted)
