"""Signed messages of delegates, right and contradicting, as evidence carries them."""

from __future__ import annotations

from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import Domain, KeySigner
from p2pchain.chain.evidence import Said, Signed, SignedHeader, encode_signed, in_order
from p2pchain.chain.types import BlockId, ChainId, Height, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject, encode_subject


def ballot_of(signer: KeySigner, chain_id: bytes, slot: int, *, kind: Kind = Kind.VOTE, block: int = 1, height: int = 1) -> bytes:
    """A signed vote or confirm."""
    return encode_signed(signed_ballot(signer, chain_id, slot, kind=kind, block=block, height=height))


def header_of(signer: KeySigner, chain_id: bytes, slot: int, *, block: int = 1, height: int = 1, parent: int = 0) -> bytes:
    """A signed header of this version, as far as its first fields go; `block` makes it another one."""
    return encode_signed(signed_header(signer, chain_id, slot, block=block, height=height, parent=parent))


def signed_ballot(signer: KeySigner, chain_id: bytes, slot: int, *, kind: Kind, block: int, height: int = 1) -> Ballot:
    subject = Subject(Slot(slot), Height(height), BlockId(block.to_bytes(32, "big")))
    signature = signer.sign(kind.domain, ChainId(chain_id), encode_subject(subject))
    return Ballot(kind, subject, signer.public_key, signature)


def signed_header(signer: KeySigner, chain_id: bytes, slot: int, *, block: int, height: int = 1, parent: int = 0) -> SignedHeader:
    rest = (block.to_bytes(32, "big"), bytes(32), bytes(32))
    raw = encode((1, height, slot, parent.to_bytes(32, "big"), signer.public_key, *rest))
    return SignedHeader(signer.public_key, Slot(slot), raw, signer.sign(Domain.BLOCK, ChainId(chain_id), raw))


def signed_of(said: Said, signer: KeySigner, chain_id: bytes, slot: int, *, block: int = 1) -> Signed:
    if said is Said.BLOCK:
        return signed_header(signer, chain_id, slot, block=block)
    return signed_ballot(signer, chain_id, slot, kind=Kind.VOTE if said is Said.VOTE else Kind.CONFIRM, block=block)


def message_of(said: Said, signer: KeySigner, chain_id: bytes, slot: int, *, block: int = 1) -> bytes:
    return encode_signed(signed_of(said, signer, chain_id, slot, block=block))


def pair_of(signer: KeySigner, chain_id: bytes, slot: int, *, said: Said = Said.VOTE) -> tuple[bytes, bytes]:
    """Two messages that convict their signer, in their order."""
    return in_order(*(message_of(said, signer, chain_id, slot, block=block) for block in (1, 2)))
