"""One stream of bytes to one peer; the only place that knows which errors of Trio mean that it is gone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from p2pchain.net.errors import LinkLost
from p2pchain.net.settings import UNSENT_BYTES_MAX

_DRAIN_BYTES_MAX = 1 << 20
"""After a goodbye: what a peer may have under way before we close all the same."""


@contextmanager
def _losses_named() -> Iterator[None]:
    try:
        yield
    except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        raise LinkLost(f"connection lost: {str(cause) or type(cause).__name__}") from error


def decide_late(stream: trio.SocketStream) -> None:
    """Keep what cannot be sent yet here, where a vote can overtake it, and not in the kernel.  Where the system offers it."""
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)


class Link:
    """Sends, receives and counts.  `LinkLost` where the other end is gone."""

    __slots__ = ("_stream", "bytes_in", "bytes_out", "is_torn")

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self._stream = stream
        self.bytes_in = 0
        self.bytes_out = 0
        self.is_torn = False
        """Whether a write was given up: an unknown part of it is on its way, and nothing more can be said."""

    async def send(self, data: bytes) -> None:
        """Nothing more once one of them was cancelled."""
        assert not self.is_torn, "nothing can be said in the middle of a write"
        self.is_torn = True
        with _losses_named():
            await self._stream.send_all(data)
        self.is_torn = False
        self.bytes_out += len(data)

    async def receive(self) -> bytes:
        """At least one byte."""
        with _losses_named():
            data = await self._stream.receive_some()
        if not data:
            raise LinkLost("connection lost: closed by the other end")
        self.bytes_in += len(data)
        return bytes(data)

    async def finish(self) -> None:
        """Say that nothing follows and wait until the other end closes: unread bytes would make the kernel answer with a
        reset that overtakes our last words.  The caller sets the deadline.
        """
        with _losses_named():
            await self._stream.send_eof()
            left = _DRAIN_BYTES_MAX
            while left > 0 and (data := await self._stream.receive_some()):
                left -= len(data)

    async def close(self) -> None:
        """Close at once, cancelled or not."""
        await trio.aclose_forcefully(self._stream)
