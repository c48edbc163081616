"""`GET /v1/events`: server-sent events, or a WebSocket on the same path."""

from __future__ import annotations

import trio
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from p2pchain.api.context import Context
from p2pchain.api.errors import ApiError, error_response
from p2pchain.api.events import Event
from p2pchain.api.following import Follower
from p2pchain.api.openapi import INTEGER, TEXT, Answer, Endpoint, Parameter
from p2pchain.api.parameters import integer, parse_integer, query_of

PATH = "/v1/events"
_EVENT_STREAM = "text/event-stream"
_ACCEPTED = (_EVENT_STREAM, "text/*", "*/*")
_GOING_AWAY = 1001
_ENDED = 1013
"""Try again later, says the register of close codes: the last event says from where."""


async def get_events(context: Context, request: Request) -> Response:
    from_height = _from_height(request)
    accept = request.headers.get("accept", "*/*")
    if not any(each in accept for each in _ACCEPTED):
        message = f"the stream comes as {_EVENT_STREAM} or on a WebSocket, '{accept[:100]}' was asked for"
        raise ApiError(406, "not_acceptable", message, found=accept[:100], wanted=_EVENT_STREAM)
    return ServerSentEvents(context, from_height)


def _from_height(connection: HTTPConnection) -> int | None:
    """Where to begin; None: with what happens from now on.  A browser that reconnects says the last id that it saw."""
    query = query_of(connection, "from_height")
    last = parse_integer(connection.headers.get("last-event-id", ""))
    if last is not None:
        return last + 1
    return integer(query, "from_height", 0) if "from_height" in query else None


class ServerSentEvents(Response):
    """The stream as the answer to a plain request."""

    def __init__(self, context: Context, from_height: int | None) -> None:
        super().__init__(media_type=_EVENT_STREAM, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._context = context
        self._from_height = from_height

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._context.hub.follower():
            async with trio.open_nursery() as nursery:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                if scope["method"] != "HEAD":
                    nursery.start_soon(_cancel_when_gone, receive, nursery.cancel_scope)
                    await self._stream(send)
                nursery.cancel_scope.cancel()
            # outside of the nursery, which the end of the stream has cancelled
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, send: Send) -> None:
        sink = _EventStreamSink(send)
        await sink.keep_alive()
        await sink.deliver(await Follower(self._context, self._from_height, sink).run())


class _EventStreamSink:
    def __init__(self, send: Send) -> None:
        self._send = send

    async def deliver(self, event: Event) -> None:
        number = "" if event.height is None else f"id: {event.height}\n"
        await self._write(f"{number}data: {event.text}\n\n")

    async def keep_alive(self) -> None:
        await self._write(": \n\n")

    async def _write(self, text: str) -> None:
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": True})


class _WebSocketSink:
    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def deliver(self, event: Event) -> None:
        await self._websocket.send_text(event.text)

    async def keep_alive(self) -> None:
        """Left to TCP: a ping that crosses the client's goodbye breaks common clients, httpx2 among them."""


async def follow_on_websocket(context: Context, websocket: WebSocket) -> None:
    try:
        _refuse_foreign_page(websocket)
        from_height = _from_height(websocket)
        with context.hub.follower():
            await websocket.accept()
            await _stream_to_websocket(context, websocket, from_height)
    except ApiError as error:
        await websocket.send_denial_response(error_response(error))


async def _stream_to_websocket(context: Context, websocket: WebSocket, from_height: int | None) -> None:
    sink = _WebSocketSink(websocket)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when_gone, websocket.receive, nursery.cancel_scope)
        await sink.deliver(await Follower(context, from_height, sink).run())
        code = _GOING_AWAY if context.hub.is_closed else _ENDED
        await websocket.close(code)
        nursery.cancel_scope.cancel()


async def _cancel_when_gone(receive: Receive, scope: trio.CancelScope) -> None:
    """Whatever the client says on its stream is not listened to, but that it goes."""
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass
    scope.cancel()


def _refuse_foreign_page(websocket: WebSocket) -> None:
    """Browsers let any page open a WebSocket to loopback; all other requests across origins they stop by themselves."""
    origin, host = websocket.headers.get("origin"), websocket.headers.get("host", "")
    if origin is not None and origin.partition("://")[2] != host:
        message = f"a page from '{origin[:100]}' asks for the events of '{host[:100]}', only its own pages may"
        raise ApiError(403, "foreign_origin", message, found=origin[:100], wanted=host[:100])


ENDPOINTS = (
    Endpoint(
        "GET",
        PATH,
        get_events,
        "Final blocks and changes of the head as they happen; also as a WebSocket on the same path",
        (Answer(200, "Events as JSON: `block_final`, `head`, and `end` with the height to resume from", TEXT, _EVENT_STREAM),),
        (Parameter("from_height", INTEGER, "First replay the final blocks from this height on"),),
        (400, 403, 406, 503),
    ),
)
