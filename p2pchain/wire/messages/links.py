"""About the connection itself: hello, signs of life, goodbye."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from p2pchain.chain.codec import decode_array, encode, require_int, require_text
from p2pchain.wire.messages.tips import Tips, decode_tips


class _Hello(NamedTuple):
    agent: str
    """Software and version, for people."""
    listen_port: int
    """Where the node accepts connections; 0 where it does not."""
    tips: Tips


class Hello(_Hello):
    """First message in either direction: `[agent, listen_port, tips]`.  Who says it the handshake has proven."""

    __slots__ = ()
    TYPE: ClassVar[int] = 1
    BYTES_MAX: ClassVar[int] = 1024

    @classmethod
    def decode(cls, body: bytes) -> Hello:
        agent, port, tips = decode_array(body, what="hello", fields=3, bytes_max=cls.BYTES_MAX)
        return cls(
            require_text(agent, what="hello agent", size_max=64),
            require_int(port, what="hello port", high=65_535),
            decode_tips(tips),
        )

    def encode(self) -> bytes:
        return encode((self.agent, self.listen_port, self.tips.to_value()))


class _Ping(NamedTuple):
    token: int


class Ping(_Ping):
    """Asks for a sign of life: `[token]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 10
    BYTES_MAX: ClassVar[int] = 16

    @classmethod
    def decode(cls, body: bytes) -> Ping:
        (token,) = decode_array(body, what="ping", fields=1, bytes_max=cls.BYTES_MAX)
        return cls(require_int(token, what="ping token"))

    def encode(self) -> bytes:
        return encode(tuple(self))


class Pong(_Ping):
    """The answer to a ping: `[token]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 11
    BYTES_MAX: ClassVar[int] = 16

    @classmethod
    def decode(cls, body: bytes) -> Pong:
        (token,) = decode_array(body, what="pong", fields=1, bytes_max=cls.BYTES_MAX)
        return cls(require_int(token, what="pong token"))

    def encode(self) -> bytes:
        return encode(tuple(self))


class _Goodbye(NamedTuple):
    reason: int
    """A number of `wire.errors.Reason`; unknown ones are allowed."""
    text: str


class Goodbye(_Goodbye):
    """The sender closes the connection, and why: `[reason, text]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 12
    BYTES_MAX: ClassVar[int] = 512

    @classmethod
    def decode(cls, body: bytes) -> Goodbye:
        reason, text = decode_array(body, what="goodbye", fields=2, bytes_max=cls.BYTES_MAX)
        return cls(require_int(reason, what="goodbye reason", high=255), require_text(text, what="goodbye text", size_max=200))

    def encode(self) -> bytes:
        return encode((self.reason, self.text))
