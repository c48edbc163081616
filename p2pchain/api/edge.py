"""What stands before all routes: nothing unexpected leaves as a traceback, and no body stays unread.

A body that nobody reads would block Hypercorn's connection for ever: its queue to the application is bounded, and the
message that the stream is closed would wait behind the body.  So the rest is taken in and thrown away, for a short
while before the answer ends (a client that is still sending would otherwise never read it), then until it has ended.
"""

from __future__ import annotations

import trio
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from p2pchain.api.errors import error_response, internal_error
from p2pchain.api.ports import Logger

_DRAIN_S = 1.0


class Edge:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, logger: Logger) -> None:
        self._app = app
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            self._logger.debug("client left before its request was complete", path=scope["path"])
        except Exception as error:
            self._logger.exception("request failed", path=scope["path"], method=scope["method"], error=repr(error))
            if not exchange.has_begun:
                await error_response(internal_error())(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its answer."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._is_read = False
        self.has_begun = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._is_read = True
        return message

    async def send(self, message: Message) -> None:
        self.has_begun = True
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if is_last and not self._is_read:
            await self._drain_and_send(message)
        else:
            await self._send(message)

    async def _drain_and_send(self, last: Message) -> None:
        with trio.move_on_after(_DRAIN_S):
            await self._drain()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._drain)
            await self._send(last)
            nursery.cancel_scope.cancel()

    async def _drain(self) -> None:
        while not self._is_read:
            await self.receive()
