"""A block by the short ids of its transactions, and the question for those that its receiver lacks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple

from p2pchain.chain.block import TRANSACTIONS_CEILING
from p2pchain.chain.codec import decode_array, decode_byte_strings, encode, require_at_most, require_bytes
from p2pchain.chain.compact import SHORT_ID_BYTES
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import HASH_BYTES, BlockId
from p2pchain.wire.messages.gossip import BLOCK_BYTES_MAX

PREFILLED_MAX = 64
PREFILLED_BYTES_MAX = 16 << 10
"""Transactions that go along: what became known a moment ago, and not what makes a block big."""
_PLACE_BYTES = 2


class _CompactBlock(NamedTuple):
    header: bytes
    signature: bytes
    certificate: bytes
    short_ids: bytes
    """Six bytes for each transaction of the block, in order."""
    places: tuple[int, ...]
    """Of the transactions that go along, ascending."""
    prefilled: Sequence[bytes]


class CompactBlock(_CompactBlock):
    """A new block whose transactions are known: `[header, signature, certificate, short_ids, places, [transaction, ...]]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 16
    BYTES_MAX: ClassVar[int] = 196_608

    @classmethod
    def decode(cls, body: bytes) -> CompactBlock:
        heads, items = decode_byte_strings(body, what="compact block", heads=5, bytes_max=cls.BYTES_MAX, items_max=PREFILLED_MAX)
        header, signature, certificate, ids, joined = heads
        count, odd = divmod(len(ids), SHORT_ID_BYTES)
        if odd:
            raise Invalid(Code.MALFORMED, f"short ids have {len(ids)} bytes, a multiple of {SHORT_ID_BYTES} wanted", found=len(ids))
        require_at_most(count, TRANSACTIONS_CEILING, what="compact block", unit="short ids")
        require_at_most(sum(map(len, items)), PREFILLED_BYTES_MAX, what="compact block", unit="bytes of transactions")
        places = decode_places(joined, what="compact block")
        if len(places) != len(items) or (places and places[-1] >= count):
            raise Invalid(
                Code.MALFORMED, f"compact block of {count} has {len(items)} transactions along, {len(places)} wanted, a place for each"
            )
        return cls(header, signature, certificate, ids, places, items)

    def encode(self) -> bytes:
        return encode((self.header, self.signature, self.certificate, self.short_ids, encode_places(self.places), self.prefilled))


class _GetBlockTransactions(NamedTuple):
    block: BlockId
    places: tuple[int, ...]
    """Positions in the block, ascending, from 0."""


class GetBlockTransactions(_GetBlockTransactions):
    """Asks for transactions of a block that the peer sent compactly: `[block_id, places]`.  Answered by `BlockTransactions`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 17
    BYTES_MAX: ClassVar[int] = 64 + _PLACE_BYTES * TRANSACTIONS_CEILING

    @classmethod
    def decode(cls, body: bytes) -> GetBlockTransactions:
        block, places = decode_array(body, what="get_block_transactions", fields=2, bytes_max=cls.BYTES_MAX)
        return cls(
            BlockId(require_bytes(block, what="get_block_transactions block", size=HASH_BYTES)),
            decode_places(require_bytes(places, what="get_block_transactions places"), what="get_block_transactions"),
        )

    def encode(self) -> bytes:
        return encode((self.block, encode_places(self.places)))


class _BlockTransactions(NamedTuple):
    block: BlockId
    items: Sequence[bytes]


class BlockTransactions(_BlockTransactions):
    """The answer, in the order of the places, or nothing where the block is not known: `[block_id, [transaction, ...]]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 18
    BYTES_MAX: ClassVar[int] = BLOCK_BYTES_MAX

    @classmethod
    def decode(cls, body: bytes) -> BlockTransactions:
        heads, items = decode_byte_strings(
            body, what="block transactions", heads=1, bytes_max=cls.BYTES_MAX, items_max=TRANSACTIONS_CEILING
        )
        return cls(BlockId(require_bytes(heads[0], what="block transactions block", size=HASH_BYTES)), items)

    def encode(self) -> bytes:
        return encode((self.block, self.items))


def encode_places(places: Sequence[int]) -> bytes:
    return b"".join([place.to_bytes(_PLACE_BYTES, "big") for place in places])


def decode_places(joined: bytes, *, what: str) -> tuple[int, ...]:
    """Two bytes each, big-endian, ascending and so without repetition."""
    if len(joined) % _PLACE_BYTES:
        raise Invalid(Code.MALFORMED, f"{what} has places of {len(joined)} bytes, a multiple of {_PLACE_BYTES} wanted", found=len(joined))
    places = tuple(int.from_bytes(joined[at : at + _PLACE_BYTES], "big") for at in range(0, len(joined), _PLACE_BYTES))
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise Invalid(Code.MALFORMED, f"{what} has places that do not ascend")
    return places
