"""Well-formed things signed by nobody that counts, and things whose signature is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from nacl.signing import SigningKey

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.block import Header, encode_block, encode_header
from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import Domain, KeySigner, Signer
from p2pchain.chain.params import CHAIN_TAG_BYTES
from p2pchain.chain.transaction import encode_body
from p2pchain.chain.types import SIGNATURE_BYTES, ZERO_HASH, BlockId, ChainId, Hash, Height, Signature, Slot
from p2pchain.chain.votes import Ballot, Certificate, Kind, Subject, encode_subject, make_certificate

FEE = 1_000_000
NO_SIGNATURE = Signature(bytes(SIGNATURE_BYTES))


def block(signer: Signer, chain_id: ChainId, parent: Subject, *, transactions: Sequence[bytes] = (), is_signed: bool = True) -> bytes:
    """A block above `parent`, in the slot after it, by a key that is no delegate's."""
    raw, signature = block_head(signer, chain_id, parent, root=Hash(b"\x01" * 32) if transactions else ZERO_HASH)
    return encode_block(raw, signature if is_signed else NO_SIGNATURE, b"", transactions)


def block_head(signer: Signer, chain_id: ChainId, parent: Subject, *, root: Hash = ZERO_HASH) -> tuple[bytes, Signature]:
    """Its header and the signature on it."""
    header = Header(Height(parent.height + 1), Slot(parent.slot + 1), parent.block, signer.public_key, ZERO_HASH, root, *[ZERO_HASH] * 4)
    raw = encode_header(header)
    return raw, signer.sign(Domain.BLOCK, chain_id, raw)


def ballot(signer: Signer, chain_id: ChainId, kind: Kind, subject: Subject, *, is_signed: bool = True) -> Ballot:
    signature = signer.sign(kind.domain, chain_id, encode_subject(subject)) if is_signed else NO_SIGNATURE
    return Ballot(kind, subject, signer.public_key, signature)


def certificate(chain_id: ChainId, kind: Kind, subject: Subject, *, signers: int, is_signed: bool = True) -> Certificate:
    """Signed by so many strangers."""
    keys = [KeySigner(SigningKey.generate()) for _ in range(signers)]
    body = encode_subject(subject)
    return make_certificate(
        kind, subject, {key.public_key: key.sign(kind.domain, chain_id, body) if is_signed else NO_SIGNATURE for key in keys}
    )


def transaction(signer: Signer, chain_id: ChainId, nonce: int, valid_until: int, *, is_signed: bool = True) -> bytes:
    """A transfer from an account that owns nothing."""
    body = encode_body(chain_id[:CHAIN_TAG_BYTES], signer.public_key, nonce, valid_until, FEE, [Transfer(signer.public_key, 1)])
    return encode((body, signer.sign(Domain.TRANSACTION, chain_id, body) if is_signed else NO_SIGNATURE))


def above(tip: Subject, *, by: int, block_id: bytes) -> Subject:
    """As many heights as slots above a tip: as much as a node can believe once that time has come."""
    return Subject(Slot(tip.slot + by), Height(tip.height + by), BlockId(Hash(block_id)))
