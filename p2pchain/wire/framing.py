"""Frames: four bytes of length (big-endian, counting what follows), one byte of type, the message body.

Length and type are checked against the limit of that message type as soon as five bytes are there, before anything
of the body is kept.
"""

from __future__ import annotations

from p2pchain.chain.errors import Invalid
from p2pchain.wire.errors import RemoteViolation
from p2pchain.wire.messages import BY_TYPE, Message

HEADER_BYTES = 5


def encode_frame(message: Message) -> bytes:
    """The bytes of a message on the wire."""
    body = message.encode()
    assert len(body) <= message.BYTES_MAX, f"{type(message).__name__} of {len(body)} bytes, at most {message.BYTES_MAX}"
    return (len(body) + 1).to_bytes(4, "big") + bytes((message.TYPE,)) + body


class FrameReader:
    """Collects bytes and gives back whole messages.  Holds at most one incomplete frame."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_message(self, allowed: frozenset[int]) -> Message | None:
        """The next message, or None until more bytes come.  `RemoteViolation` for anything that is not one."""
        buffer = self._buffer
        if len(buffer) < HEADER_BYTES:
            return None
        size, number = int.from_bytes(buffer[:4], "big") - 1, buffer[4]
        kind = BY_TYPE.get(number)
        if kind is None or number not in allowed:
            raise RemoteViolation(f"frame has type {number}, which is not allowed here")
        if not 0 <= size <= kind.BYTES_MAX:
            raise RemoteViolation(f"{kind.__name__} frame says {size} bytes, at most {kind.BYTES_MAX} allowed")
        end = HEADER_BYTES + size
        if len(buffer) < end:
            return None
        body = bytes(memoryview(buffer)[HEADER_BYTES:end])
        del buffer[:end]
        try:
            return kind.decode(body)
        except Invalid as refusal:
            raise RemoteViolation(str(refusal)) from None
