"""A piece of a long frame, so that a vote need not wait for the whole of it."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from p2pchain.chain.errors import Code, Invalid

PART_BYTES = 32 << 10
"""At 2 Mbit/s an eighth of a second."""
STREAMS = 2
"""Of long frames under way at once: transactions, and answers to sync."""


class _Part(NamedTuple):
    stream: int
    data: bytes


class Part(_Part):
    """The next bytes of a stream of frames that is cut into pieces: one byte that names the stream, then the bytes."""

    __slots__ = ()
    TYPE: ClassVar[int] = 24
    BYTES_MAX: ClassVar[int] = 1 + PART_BYTES

    @classmethod
    def decode(cls, body: bytes) -> Part:
        if len(body) < 2 or body[0] >= STREAMS:
            raise Invalid(Code.MALFORMED, f"part of {len(body)} bytes, at least 2 wanted and a stream below {STREAMS}", found=len(body))
        return cls(body[0], body[1:])

    def encode(self) -> bytes:
        return bytes((self.stream,)) + self.data
