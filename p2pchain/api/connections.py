"""Connections as Hypercorn gets them: writes have a deadline, and a connection can be cut from outside.

Hypercorn shields its writes from cancellation and gives them no deadline: a client that stops reading would hold its
connection, and a shutdown, for ever.  It also lets errors in what a client sends end the whole server.  Both are
handled here, per connection; that is why its own `serve` is not used.
"""

from __future__ import annotations

import socket
from typing import Any, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState

from p2pchain.api.ports import Logger
from p2pchain.api.settings import ApiSettings

_BYTES_PER_S_MIN = 65_536
_USER_TIMEOUT_MS = 30_000
"""What was sent and is not acknowledged for so long is lost, and the peer with it."""


class GuardedStream:
    """A `trio.SocketStream` as far as Hypercorn uses one."""

    def __init__(self, stream: trio.SocketStream, write_timeout_s: float) -> None:
        self._stream = stream
        self._write_timeout_s = write_timeout_s
        self.socket = stream.socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await self._stream.receive_some(max_bytes))

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
        await self._stream.aclose()

    def cut(self) -> None:
        """End the connection now; whoever waits on it gets `ClosedResourceError`."""
        self.socket.close()


class Connections:
    """Serves an ASGI application on accepted connections."""

    def __init__(self, app: ASGIFramework, config: Config, settings: ApiSettings, logger: Logger) -> None:
        self._app = ASGIWrapper(app)
        self._config = config
        self._settings = settings
        self._logger = logger
        self._worker = WorkerContext(None)
        self._open = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection, from the first byte to the last.  No client's doing gets out of here."""
        if self._open >= self._settings.connections_max:
            self._logger.warning("connection refused: too many", connections=self._open)
            await trio.aclose_forcefully(stream)
            return
        self._open += 1
        guarded = GuardedStream(stream, self._settings.write_timeout_s)
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
        server = TCPServer(self._app, self._config, cast("Any", self._worker), ConnectionState({}), cast("Any", guarded))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cut_when_cancelled, guarded)
            await server.run()
            nursery.cancel_scope.cancel()


async def _cut_when_cancelled(guarded: GuardedStream) -> None:
    try:
        await trio.sleep_forever()
    finally:
        guarded.cut()


def _set_options(connection: trio.socket.SocketType) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
