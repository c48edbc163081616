"""Signed messages of delegates, right and contradicting, as evidence carries them."""

from __future__ import annotations

from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import Domain, KeySigner
from p2pchain.chain.evidence import Said, encode_ballot_statement, encode_header_statement, in_order
from p2pchain.chain.types import BlockId, ChainId, Height, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject, encode_subject


def ballot_of(signer: KeySigner, chain_id: bytes, slot: int, *, kind: Kind = Kind.VOTE, block: int = 1, height: int = 1) -> bytes:
    """A signed vote or confirm."""
    subject = Subject(Slot(slot), Height(height), BlockId(block.to_bytes(32, "big")))
    signature = signer.sign(kind.domain, ChainId(chain_id), encode_subject(subject))
    return encode_ballot_statement(Ballot(kind, subject, signer.public_key, signature))


def header_of(signer: KeySigner, chain_id: bytes, slot: int, *, block: int = 1, height: int = 1, parent: int = 0) -> bytes:
    """A signed header of this version, as far as its first fields go; `block` makes it another one."""
    rest = (block.to_bytes(32, "big"), bytes(32), bytes(32))
    raw = encode((1, height, slot, parent.to_bytes(32, "big"), signer.public_key, *rest))
    return encode_header_statement(raw, signer.sign(Domain.BLOCK, ChainId(chain_id), raw))


def message_of(said: Said, signer: KeySigner, chain_id: bytes, slot: int, *, block: int = 1) -> bytes:
    if said is Said.BLOCK:
        return header_of(signer, chain_id, slot, block=block)
    return ballot_of(signer, chain_id, slot, kind=Kind.VOTE if said is Said.VOTE else Kind.CONFIRM, block=block)


def pair_of(signer: KeySigner, chain_id: bytes, slot: int, *, said: Said = Said.VOTE) -> tuple[bytes, bytes]:
    """Two messages that convict their signer, in their order."""
    return in_order(*(message_of(said, signer, chain_id, slot, block=block) for block in (1, 2)))
