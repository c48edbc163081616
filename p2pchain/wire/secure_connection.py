"""The whole of one link without any I/O: handshake, then records, then frames, then messages.

Bytes of the socket go in; messages come out of `receive`, bytes for the socket out of `take` and `seal`.  No message is
given out and no frame is sent before the other end has proven its node key.
"""

from __future__ import annotations

from collections.abc import Iterator

from p2pchain.wire.connection import Connection, State
from p2pchain.wire.errors import ConnectionRefused
from p2pchain.wire.handshake import Handshake
from p2pchain.wire.messages import Message


class SecureConnection:
    """A `Connection` behind its handshake."""

    __slots__ = ("_connection", "_handshake")

    def __init__(self, handshake: Handshake, connection: Connection) -> None:
        self._handshake = handshake
        self._connection = connection

    @property
    def is_secure(self) -> bool:
        """Whether the handshake is over, so that frames may be sealed."""
        return self._handshake.channel is not None

    @property
    def node_key(self) -> bytes | None:
        """What the other end has proven."""
        return self._handshake.node_key

    def take(self) -> bytes:
        """What the handshake has to say now, perhaps nothing; also after it was refused."""
        return self._handshake.take()

    def seal(self, frames: bytes, now_ms: int) -> bytes:
        """The bytes of frames; the last word of the handshake goes with the first of them."""
        channel = self._handshake.channel
        assert channel is not None, "nothing is said in clear"
        return self._handshake.take() + channel.seal(frames, now_ms)

    def shake_hands(self, data: bytes) -> None:
        """What arrived before the link was secure; `ConnectionRefused` where it will never be."""
        try:
            self._handshake.receive(data)
        except ConnectionRefused:
            self._connection.state = State.CLOSED
            raise

    def receive(self, data: bytes) -> Iterator[Message]:
        """Messages in order.  `ConnectionRefused` where the link must end, the messages before it first."""
        channel = self._handshake.channel
        assert channel is not None, "nothing is heard in clear"
        yield from self._connection.receive(b"")  # what was not asked for before
        try:
            for content in channel.open(data):
                yield from self._connection.receive(content)
                if self._connection.state is State.CLOSED:
                    return
        except ConnectionRefused:
            self._connection.state = State.CLOSED
            raise
