"""A block: a signed header that commits to everything else, a certificate for an ancestor, and transactions.

Wire form `[header, signature, certificate, [transaction, ...]]`, all byte strings; `header` is the encoding of
`[version, height, slot, parent, producer, state_root, transactions_root, certificate_hash, reveal, commitment, set_id]`.  The id is the
hash of the header bytes.  The bytes are kept beside the decoded value: nothing is encoded again to be hashed or relayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from p2pchain.chain.codec import decode_array, decode_byte_strings, encode, require_at_most, require_bytes, require_int
from p2pchain.chain.crypto import Domain, SignatureCheck, digest, signed_message
from p2pchain.chain.errors import Code, Invalid, shown
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.params import BLOCK_ENVELOPE_BYTES, Params
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import HASH_BYTES, KEY_BYTES, SIGNATURE_BYTES, BlockId, ChainId, Hash, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Certificate, Kind, certificate_hash, decode_certificate

VERSION = 1
BYTES_CEILING = Params.ceiling("block_bytes_max")
TRANSACTIONS_CEILING = Params.ceiling("block_transactions_max")


class Header(NamedTuple):
    """What the producer signs."""

    height: Height
    """Parent's height plus one."""
    slot: Slot
    """Later than the parent's."""
    parent: BlockId
    producer: PublicKey
    """Consensus key of the delegate whose slot it is in the schedule above the parent."""
    state_root: Hash
    """Commitment to the state after this block."""
    transactions_root: Hash
    """Merkle root over the transaction ids in order."""
    certificate_hash: Hash
    """Hash of the certificate bytes in this block, zero where it carries none."""
    reveal: Hash
    """Preimage of what the producer's key committed to with its block before; zero where it has not yet (`chain.reveal`)."""
    commitment: Hash
    """Of what the key's next block reveals."""
    set_id: Hash
    """Of the set that governs the blocks above (`chain.active_set`): whoever follows headers learns of its changes."""


class Block(NamedTuple):
    """A decoded block.  `transactions` holds the very objects of the mempool where it knew them."""

    id: BlockId
    header: Header
    header_raw: bytes
    signature: Signature
    certificate: Certificate | None
    transactions: tuple[Transaction, ...]
    raw: bytes


class Envelope(NamedTuple):
    """A block split into its parts, before its transactions are looked at."""

    id: BlockId
    header: Header
    header_raw: bytes
    signature: Signature
    certificate: Certificate | None
    transactions: list[bytes]
    raw: bytes

    def with_transactions(self, transactions: Sequence[Transaction]) -> Block:
        """The block, once all transactions are decoded; `Invalid` where the header commits to others."""
        root = merkle_root([transaction.id for transaction in transactions])
        if root != self.header.transactions_root:
            raise Invalid(
                Code.WRONG_TRANSACTIONS_ROOT,
                f"header commits to transactions {self.header.transactions_root.hex()}, the block has {root.hex()}",
                found=root,
                wanted=self.header.transactions_root,
            )
        return Block(self.id, self.header, self.header_raw, self.signature, self.certificate, tuple(transactions), self.raw)


def encode_header(header: Header) -> bytes:
    return encode((VERSION, *header))


def decode_header(raw: bytes) -> Header:
    version, height, slot, parent, producer, state, transactions, certificate, reveal, commitment, set_id = decode_array(
        raw, what="block header", fields=11, bytes_max=512
    )
    if type(version) is not int or version != VERSION:
        raise Invalid(Code.WRONG_VERSION, f"block has version {shown(version)}, {VERSION} wanted", wanted=VERSION)
    return Header(
        Height(require_int(height, what="block height", low=1)),
        Slot(require_int(slot, what="block slot", low=1)),
        BlockId(require_bytes(parent, what="block parent", size=HASH_BYTES)),
        PublicKey(require_bytes(producer, what="block producer", size=KEY_BYTES)),
        Hash(require_bytes(state, what="block state root", size=HASH_BYTES)),
        Hash(require_bytes(transactions, what="block transactions root", size=HASH_BYTES)),
        Hash(require_bytes(certificate, what="block certificate hash", size=HASH_BYTES)),
        Hash(require_bytes(reveal, what="block reveal", size=HASH_BYTES)),
        Hash(require_bytes(commitment, what="block commitment", size=HASH_BYTES)),
        Hash(require_bytes(set_id, what="block set id", size=HASH_BYTES)),
    )


def block_id(header_raw: bytes) -> BlockId:
    return BlockId(digest(Domain.BLOCK, header_raw))


def decode_envelope(raw: bytes, read_certificate: Callable[[bytes], Certificate] = decode_certificate) -> Envelope:
    """The parts of a block; `Invalid` for a wrong shape or a certificate other than the header's.

    `read_certificate` is for whoever has decoded it before.
    The limits are those of any network; `validate_size` asks for those in force above the block's parent.
    """
    heads, items = decode_byte_strings(raw, what="block", heads=3, bytes_max=BYTES_CEILING, items_max=TRANSACTIONS_CEILING)
    return decode_parts(Parts(*heads), items, raw, read_certificate)


class Parts(NamedTuple):
    """What a block has beside its transactions, as it travels."""

    header: bytes
    signature: bytes
    certificate: bytes


def decode_parts(
    parts: Parts, items: list[bytes], raw: bytes, read_certificate: Callable[[bytes], Certificate] = decode_certificate
) -> Envelope:
    """As `decode_envelope`, where the block was split before."""
    header_raw, signature, certificate_raw = parts
    header = decode_header(header_raw)
    if certificate_hash(certificate_raw) != header.certificate_hash:
        raise Invalid(
            Code.WRONG_CERTIFICATE, "header commits to another certificate than the block carries", wanted=header.certificate_hash
        )
    certificate = read_certificate(certificate_raw) if certificate_raw else None
    if certificate is not None and (certificate.kind is not Kind.VOTE or certificate.subject.slot >= header.slot):
        raise Invalid(Code.WRONG_CERTIFICATE, "a block carries a certificate of votes for an earlier slot, or none")
    signed = Signature(require_bytes(signature, what="block signature", size=SIGNATURE_BYTES))
    return Envelope(block_id(header_raw), header, header_raw, signed, certificate, items, raw)


def encode_block(header_raw: bytes, signature: bytes, certificate_raw: bytes, transactions: Sequence[bytes]) -> bytes:
    return encode((header_raw, signature, certificate_raw, transactions))


def header_check(header_raw: bytes, producer: PublicKey, signature: Signature, chain_id: ChainId) -> SignatureCheck:
    """The producer's signature over the header bytes."""
    return SignatureCheck(producer, signed_message(Domain.BLOCK, chain_id, header_raw), signature)


def validate_size(block: Block, params: Params) -> None:
    """`Invalid` where the block is larger than the parameters in force above its parent allow."""
    require_at_most(len(block.raw), params.block_bytes_max, what="block", unit="bytes")
    require_at_most(len(block.transactions), params.block_transactions_max, what="block", unit="transactions")


def transactions_bytes_max(params: Params) -> int:
    """Room for transactions in a block: its limit less the header and the largest certificate."""
    return params.block_bytes_max - BLOCK_ENVELOPE_BYTES
