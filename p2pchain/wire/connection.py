"""What is said on one connection as a state machine without I/O: frames in clear, which travel in the encrypted channel.

    fresh --hello received--> open --goodbye either way, or a violation--> closed

`receive` takes whatever bytes arrived and gives whole messages; `send` gives the bytes of a message.  A message that
is not allowed in a state is a violation; using a closed connection is a bug of ours.  Long frames come in parts, each
stream of them a stream of frames of its own, and never within another: so at most one frame is incomplete of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from p2pchain.wire.errors import ConnectionRefused, LocalMisuse
from p2pchain.wire.framing import FrameReader, encode_frame
from p2pchain.wire.messages import MESSAGES, STREAMS, Goodbye, Hello, Message, Part


class State(Enum):
    FRESH = auto()
    OPEN = auto()
    CLOSED = auto()


_ALLOWED = {
    State.FRESH: frozenset({Hello.TYPE, Goodbye.TYPE}),
    State.OPEN: frozenset(message.TYPE for message in MESSAGES if message is not Hello),
    State.CLOSED: frozenset[int](),
}
_ALLOWED_IN_PARTS = _ALLOWED[State.OPEN] - {Part.TYPE, Goodbye.TYPE}


class Connection:
    """The conversation on one link, seen from our end."""

    __slots__ = ("_reader", "_streams", "hello", "state", "theirs")

    def __init__(self, hello: Hello) -> None:
        self.hello = hello
        """What this end says first."""
        self.theirs: Hello | None = None
        """What the other end said first, once it did."""
        self.state = State.FRESH
        self._reader = FrameReader()
        self._streams = tuple(FrameReader() for _ in range(STREAMS))

    def greeting(self) -> bytes:
        """The first bytes to send."""
        return encode_frame(self.hello)

    def send(self, message: Message) -> bytes:
        """The bytes of a message; `LocalMisuse` unless the connection is open."""
        if self.state is not State.OPEN:
            raise LocalMisuse(f"{type(message).__name__} sent while the connection is {self.state.name}")
        return encode_frame(message)

    def farewell(self, goodbye: Goodbye) -> bytes:
        """The last bytes to send; afterwards the connection is closed."""
        self.state = State.CLOSED
        return encode_frame(goodbye)

    def receive(self, data: bytes) -> Iterator[Message]:
        """Messages in order.  Raises `ConnectionRefused` where the connection must end; messages before it are given out first."""
        if self.state is State.CLOSED:
            raise LocalMisuse("bytes received after the connection was closed")
        self._reader.feed(data)
        while allowed := _ALLOWED[self.state]:
            try:
                message = self._reader.next_message(allowed)
                if message is None:
                    return
                self._advance(message)
                if not isinstance(message, Part):
                    yield message
                    continue
                yield from self._put_together(message)
            except ConnectionRefused:
                self.state = State.CLOSED
                raise

    def _put_together(self, part: Part) -> Iterator[Message]:
        stream = self._streams[part.stream]
        stream.feed(part.data)
        while (message := stream.next_message(_ALLOWED_IN_PARTS)) is not None:
            yield message

    def _advance(self, message: Message) -> None:
        if isinstance(message, Hello):
            self.theirs = message
            self.state = State.OPEN
        elif isinstance(message, Goodbye):
            self.state = State.CLOSED
