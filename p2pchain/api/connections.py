"""Connections as Hypercorn gets them: writes have a deadline, and a connection can be cut from outside.

Hypercorn shields its writes from cancellation and gives them no deadline: a client that stops reading would hold its
connection, and a shutdown, for ever.  It also lets errors in what a client sends end the whole server.  Both are
handled here, per connection; that is why its own `serve` is not used.
"""

from __future__ import annotations

import socket
import sys
from typing import Any, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Event, Updated
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState

from p2pchain.api.ports import Logger
from p2pchain.api.settings import ApiSettings

_BYTES_PER_S_MIN = 65_536
_LINGER_S = 0.25
"""From the end of a connection until no task of it is left."""
_LAST_ANSWER_S = 5.0
"""For the answer to a client that will say nothing more."""
_QUIET_S = 15
"""After so long without a word the system asks whether the other end still stands."""
_USER_TIMEOUT_MS = 30_000
"""What was sent and is not acknowledged for so long is lost, and the peer with it."""


class GuardedStream:
    """A `trio.SocketStream` as far as Hypercorn uses one."""

    def __init__(self, stream: trio.SocketStream, write_timeout_s: float) -> None:
        self._stream = stream
        self._write_timeout_s = write_timeout_s
        self.socket = stream.socket
        self.heard_all = trio.Event()
        """The client says nothing more."""
        self.ended = trio.Event()
        self._is_idle = True

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            data = bytes(await self._stream.receive_some(max_bytes))
        except trio.BrokenResourceError:
            self._note_silence()
            raise
        if not data:
            self._note_silence()
        return data

    def _note_silence(self) -> None:
        self.heard_all.set()
        self.note_idle(is_idle=self._is_idle)

    def note_idle(self, *, is_idle: bool) -> None:
        """Whether a request is being answered.  If none is, and none will come, this is the end."""
        self._is_idle = is_idle
        if is_idle and self.heard_all.is_set():
            self.ended.set()

    async def send_all(self, data: bytes) -> None:
        """`BrokenResourceError` where the client does not take the data in time."""
        deadline_s = self._write_timeout_s + len(data) / _BYTES_PER_S_MIN
        with trio.move_on_after(deadline_s) as scope:
            await self._stream.send_all(data)
        if scope.cancelled_caught:
            self.cut()
            raise trio.BrokenResourceError(f"client took less than {len(data)} bytes in {deadline_s:.1f} s")

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        self._end()
        await self._stream.aclose()

    def cut(self) -> None:
        """End the connection now; whoever waits on it gets `ClosedResourceError`."""
        self._end()
        self.socket.close()

    def _end(self) -> None:
        self.heard_all.set()
        self.ended.set()


class _Server(TCPServer):
    """Hypercorn's server of one connection, which tells the stream what it does."""

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, Updated):
            cast("GuardedStream", self.stream).note_idle(is_idle=event.idle)
        await super().protocol_send(event)


class Connections:
    """Serves an ASGI application on accepted connections."""

    def __init__(self, app: ASGIFramework, config: Config, settings: ApiSettings, logger: Logger) -> None:
        self._app = ASGIWrapper(app)
        self._config = config
        self.settings = settings
        """Replaced as a whole when the operator changes them."""
        self._logger = logger
        self._worker = WorkerContext(None)
        self._open = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection, from the first byte to the last.  No client's doing gets out of here."""
        if self._open >= self.settings.connections_max:
            self._logger.warning("connection refused: too many", connections=self._open)
            await trio.aclose_forcefully(stream)
            return
        self._open += 1
        guarded = GuardedStream(stream, self.settings.write_timeout_s)
        try:
            await self._serve_guarded(guarded)
        except* OSError as errors:
            self._logger.debug("connection lost", error=repr(errors.exceptions[0]))
        except* Exception as errors:
            self._logger.warning("connection failed", error=repr(errors.exceptions[0]), exc_info=errors)
        finally:
            self._open -= 1
            guarded.cut()

    async def end_idle(self) -> None:
        """Connections without a request end now, the others after their answer."""
        await self._worker.terminated.set()

    async def _serve_guarded(self, guarded: GuardedStream) -> None:
        _set_options(guarded.socket)
        server = _Server(self._app, self._config, cast("Any", self._worker), ConnectionState({}), cast("Any", guarded))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_see_to_the_end, guarded, nursery.cancel_scope)
            await server.run()
            nursery.cancel_scope.cancel()


async def _see_to_the_end(guarded: GuardedStream, tasks: trio.CancelScope) -> None:
    """A cancellation cuts the connection, and soon after its end no task of it is left (Hypercorn's timers sleep on)."""
    try:
        await guarded.heard_all.wait()
        with trio.move_on_after(_LAST_ANSWER_S):
            await guarded.ended.wait()
        await trio.sleep(_LINGER_S)
        tasks.cancel()
    finally:
        guarded.cut()


def _set_options(connection: trio.socket.SocketType) -> None:
    if connection.family == socket.AF_UNIX:
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _QUIET_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _QUIET_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
