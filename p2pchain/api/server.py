"""The API as one thing with a life: it listens, serves, and ends within two seconds of being cancelled."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any, cast

import trio
from hypercorn.config import Config
from hypercorn.logging import Logger as HypercornLogger

from p2pchain.api.app import make_app
from p2pchain.api.connections import Connections
from p2pchain.api.context import Context
from p2pchain.api.events import EventHub
from p2pchain.api.ports import Clock, Logger, Reads, Submits
from p2pchain.api.settings import ApiSettings
from p2pchain.api.submission import Admission
from p2pchain.api.views import Addresses
from p2pchain.chain.genesis import Genesis

_BACKLOG = 128
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - only compared with


class ListenError(Exception):
    """The API cannot listen where it should; one line for the operator."""


class ApiServer:
    """`hub` is what the node's loop publishes to; `clock` gives Unix milliseconds."""

    def __init__(
        self, settings: ApiSettings, queries: Reads, inlet: Submits, hub: EventHub, genesis: Genesis, clock: Clock, logger: Logger
    ) -> None:
        spec = genesis.spec()
        addresses = Addresses(spec.address_prefix)
        self._context = context = Context(settings, queries, inlet, hub, genesis, spec, clock, logger, addresses, Admission(settings))
        self._settings = settings
        self._hub = hub
        self._logger = logger
        self._connections = Connections(cast("Any", make_app(context)), hypercorn_config(logger), settings, logger)
        self._ending = trio.Event()
        self._address: tuple[str, int] | None = None

    @property
    def url(self) -> str:
        """Where it is reached, once it has started."""
        assert self._address is not None, "the server has not started"
        host, port = self._address
        shown = _WILDCARDS.get(host, f"[{host}]" if ":" in host else host)
        return f"http://{shown}:{port}"

    def adopt(self, settings: ApiSettings) -> None:
        """From the next request on; where it listens stays."""
        self._context.settings = self._connections.settings = settings

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; `ListenError` where it cannot listen."""
        listeners = await self._listen()
        self._address = listeners[0].socket.getsockname()[:2]
        try:
            async with trio.open_nursery() as nursery:
                connections = await nursery.start(self._hold_connections)
                task_status.started()
                try:
                    await trio.serve_listeners(self._connections.serve, listeners, handler_nursery=connections)
                finally:
                    connections.cancel_scope.deadline = trio.current_time() + self._settings.grace_s
                    self._ending.set()
        finally:
            for listener in listeners:
                listener.socket.close()

    async def _hold_connections(self, task_status: trio.TaskStatus[trio.Nursery]) -> None:
        """Shielded, so that answers on their way have the grace to arrive."""
        async with trio.open_nursery() as connections:
            connections.cancel_scope.shield = True
            task_status.started(connections)
            await self._ending.wait()
            self._hub.close()
            await self._connections.end_idle()

    async def _listen(self) -> list[trio.SocketListener]:
        host, port = self._settings.host, self._settings.port
        try:
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            listeners: list[trio.SocketListener] = []
            for family, _, _, _, address in found:
                chosen = listeners[0].socket.getsockname()[1] if listeners else port
                listeners.append(await _listen_on(family, (address[0], chosen, *address[2:])))
        except OSError as error:
            raise ListenError(f"the API cannot listen on {host}:{port}: {_reason(error)}") from None
        return listeners


async def _listen_on(family: int, address: tuple[Any, ...]) -> trio.SocketListener:
    listening = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await listening.bind(address)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return trio.SocketListener(listening)


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another process listens there already"
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)


def hypercorn_config(logger: Logger) -> Config:
    config = Config()
    config.errorlog = None
    config.logger_class = _logger_class(logger)
    config.include_server_header = False
    config.max_app_queue_size = 4
    # of 64 KiB each
    config.h2_max_concurrent_streams = 8
    config.keep_alive_max_requests = 1_000_000
    config.websocket_max_message_size = 4_096
    return config


def _logger_class(logger: Logger) -> type[HypercornLogger]:
    """Hypercorn makes its logger itself, of a class; this one passes on to ours what an operator may want to read."""

    class Quiet(HypercornLogger):
        async def access(self, request: Any, response: Any, request_time: float) -> None:  # noqa: ANN401 - as in the base class
            pass

        async def exception(self, message: str, *args: Any, **_kwargs: Any) -> None:  # noqa: ANN401 - as in the base class
            logger.exception("HTTP server failed", what=message % args if args else message)  # noqa: LOG004 - called from one

        async def error(self, message: str, *args: Any, **_kwargs: Any) -> None:  # noqa: ANN401 - as in the base class
            logger.error("HTTP server failed", what=message % args if args else message)

    return Quiet
