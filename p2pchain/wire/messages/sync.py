"""Questions for blocks and their answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from p2pchain.chain.codec import decode_array, decode_byte_strings, encode, require_bytes, require_int
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import HASH_BYTES, ZERO_HASH, BlockId, Height
from p2pchain.wire.messages.gossip import BLOCK_BYTES_MAX

ANSWER_BYTES_MAX = 1 << 20
"""What an answer aims at (one block at least): votes to the same peer wait behind it, because a frame is not cut."""
BLOCKS_MAX = 512
"""Blocks in one answer: as many as the longest unfinal branch (512)."""


class _GetBlocks(NamedTuple):
    request: int
    """Chosen by the asker, repeated in the answer."""
    from_height: Height
    limit: int


class GetBlocks(_GetBlocks):
    """Asks for final blocks from a height on: `[request, from_height, limit]`.  Answered by `Blocks`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 7
    BYTES_MAX: ClassVar[int] = 64

    @classmethod
    def decode(cls, body: bytes) -> GetBlocks:
        request, height, limit = decode_array(body, what="get_blocks", fields=3, bytes_max=cls.BYTES_MAX)
        return cls(
            require_int(request, what="get_blocks request"),
            Height(require_int(height, what="get_blocks height", low=1)),
            require_int(limit, what="get_blocks limit", low=1, high=BLOCKS_MAX),
        )

    def encode(self) -> bytes:
        return encode(tuple(self))


class _GetBranch(NamedTuple):
    request: int
    tip: BlockId
    after: BlockId = BlockId(ZERO_HASH)
    """A block on the way to `tip` that the asker has already; zero: from the answerer's last final block on."""


class GetBranch(_GetBranch):
    """Asks for the blocks that lead to `tip`: `[request, tip, after]`.  Answered by `Blocks`, as many as one answer holds."""

    __slots__ = ()
    TYPE: ClassVar[int] = 8
    BYTES_MAX: ClassVar[int] = 96

    @classmethod
    def decode(cls, body: bytes) -> GetBranch:
        request, tip, after = decode_array(body, what="get_branch", fields=3, bytes_max=cls.BYTES_MAX)
        return cls(
            require_int(request, what="get_branch request"),
            BlockId(require_bytes(tip, what="get_branch tip", size=HASH_BYTES)),
            BlockId(require_bytes(after, what="get_branch after", size=HASH_BYTES)),
        )

    def encode(self) -> bytes:
        return encode(tuple(self))


class _Blocks(NamedTuple):
    request: int
    items: Sequence[bytes]
    """Blocks, oldest first, each followed by its certificate: confirms for final blocks, votes for a branch, or empty."""


class Blocks(_Blocks):
    """The answer to GetBlocks and GetBranch: `[request as 8 bytes, [block, certificate, block, certificate, ...]]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 9
    BYTES_MAX: ClassVar[int] = ANSWER_BYTES_MAX + BLOCK_BYTES_MAX + 65_536

    @classmethod
    def decode(cls, body: bytes) -> Blocks:
        heads, items = decode_byte_strings(body, what="blocks", heads=1, bytes_max=cls.BYTES_MAX, items_max=2 * BLOCKS_MAX)
        if len(items) % 2:
            raise Invalid(Code.MALFORMED, f"blocks lists {len(items)} items, pairs of block and certificate wanted")
        request = int.from_bytes(require_bytes(heads[0], what="blocks request", size=8), "big")
        return cls(request, items)

    def encode(self) -> bytes:
        return encode((self.request.to_bytes(8, "big"), self.items))
