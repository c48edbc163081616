"""Questions of a node far behind: headers with the confirms that prove them, then the bodies of blocks whose ids are proven."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from p2pchain.chain.codec import decode_array, decode_byte_strings, encode, require_bytes, require_int
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import Height
from p2pchain.wire.messages.sync import ANSWER_BYTES_MAX, BLOCKS_MAX

HEADERS_MAX = 512
"""Headers in one answer: 160 KB and 10 ms of decoding with four delegates."""


class _GetProofs(NamedTuple):
    request: int
    """Chosen by the asker, repeated in the answer."""
    from_height: Height
    limit: int


class GetProofs(_GetProofs):
    """Asks for the headers of final blocks from a height on: `[request, from_height, limit]`.  Answered by `Proofs`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 19
    BYTES_MAX: ClassVar[int] = 64

    @classmethod
    def decode(cls, body: bytes) -> GetProofs:
        return cls(*_decode_question(body, "get_proofs", HEADERS_MAX, cls.BYTES_MAX))

    def encode(self) -> bytes:
        return encode(tuple(self))


class _Proofs(NamedTuple):
    request: int
    items: Sequence[bytes]
    """Header bytes, oldest first, each followed by the confirms on it where the sender has them, or empty."""


class Proofs(_Proofs):
    """The answer to GetProofs: `[request as 8 bytes, [header, certificate, header, certificate, ...]]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 20
    BYTES_MAX: ClassVar[int] = ANSWER_BYTES_MAX + 65_536

    @classmethod
    def decode(cls, body: bytes) -> Proofs:
        heads, items = decode_byte_strings(body, what="proofs", heads=1, bytes_max=cls.BYTES_MAX, items_max=2 * HEADERS_MAX)
        if len(items) % 2:
            raise Invalid(Code.MALFORMED, f"proofs lists {len(items)} items, pairs of header and certificate wanted")
        return cls(int.from_bytes(require_bytes(heads[0], what="proofs request", size=8), "big"), items)

    def encode(self) -> bytes:
        return encode((self.request.to_bytes(8, "big"), self.items))


class _GetBodies(NamedTuple):
    request: int
    from_height: Height
    limit: int


class GetBodies(_GetBodies):
    """Asks for final blocks whose ids the asker knows: `[request, from_height, limit]`.  Answered by `Blocks` without certificates."""

    __slots__ = ()
    TYPE: ClassVar[int] = 21
    BYTES_MAX: ClassVar[int] = 64

    @classmethod
    def decode(cls, body: bytes) -> GetBodies:
        return cls(*_decode_question(body, "get_bodies", BLOCKS_MAX, cls.BYTES_MAX))

    def encode(self) -> bytes:
        return encode(tuple(self))


def _decode_question(body: bytes, what: str, most: int, bytes_max: int) -> tuple[int, Height, int]:
    request, height, limit = decode_array(body, what=what, fields=3, bytes_max=bytes_max)
    return (
        require_int(request, what=f"{what} request"),
        Height(require_int(height, what=f"{what} height", low=1)),
        require_int(limit, what=f"{what} limit", low=1, high=most),
    )
