"""`POST /v1/transactions/stream`: transactions without an end, each answered by a line.

The body is one MessagePack byte string after the other, each a signed transaction; the answer has a line of JSON for
each, in order, while the body still comes, and a last line `{"end": {"code", "message", "transactions"}}`.  What came
in one piece is taken together; the next piece is read when the lines for it are on their way.  So a stream holds one
piece and one unfinished transaction in memory, a busy node slows its clients down, and a client that leaves its answers
unread is slowed down too, then cut off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from p2pchain.api.byte_strings import ByteStrings
from p2pchain.api.context import Context
from p2pchain.api.errors import ApiError, error_view
from p2pchain.api.openapi import ERROR, HASH, INTEGER, TEXT, Answer, Endpoint, Schema, or_null, record
from p2pchain.api.parameters import query_of
from p2pchain.api.submission import MSGPACK_TYPES, content_type_of
from p2pchain.api.views import Json, result_view
from p2pchain.chain.errors import Evidence

NDJSON = "application/x-ndjson"
COMPLETE = "complete"


async def stream_transactions(context: Context, request: Request) -> Response:
    query_of(request)
    found = content_type_of(request)
    if found not in MSGPACK_TYPES:
        wanted = "application/msgpack"
        raise ApiError(415, "unsupported_media_type", f"a stream comes as {wanted}, '{found}' was sent", found=found, wanted=wanted)
    return AnswerStream(context)


class AnswerStream(Response):
    """Reads the body of its own request while it answers."""

    def __init__(self, context: Context) -> None:
        super().__init__(media_type=NDJSON, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the signature is ASGI's
        with self._context.admission.stream():
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            body = _Body(receive, self._context)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(body.end_with_the_node)
                end = await self._answer_all(body, send)
                nursery.cancel_scope.cancel()
            if body.is_deserted:
                raise ClientDisconnect
            await _write(send, [{"end": end | {"transactions": body.items.count}}])
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer_all(self, body: _Body, send: Send) -> Json:
        """Until the body ends, or cannot go on: why it ended."""
        while body.is_open:
            whole = await body.next_items()
            if whole:
                began = trio.current_time()
                await self._answer(whole, send)
                body.deadline += trio.current_time() - began  # nobody is late because this node is slow
        return body.end

    async def _answer(self, whole: list[bytes], send: Send) -> None:
        async with self._context.admission.turn():
            results = await self._context.inlet.submit(whole)
        await _write(send, [result_view(result) for result in results])


class _Body:
    """What comes, until `end` says why nothing more will."""

    def __init__(self, receive: Receive, context: Context) -> None:
        self._receive = receive
        self._hub = context.hub
        self._settings = context.settings
        self._waiting = trio.CancelScope()
        self.items = ByteStrings()
        self.deadline = trio.current_time() + context.settings.stream_idle_s
        self.is_open = True
        self.is_deserted = False
        """The client has left: nobody reads an answer any more."""
        self.end: Json = error_view(COMPLETE, "the body has ended", {})

    async def end_with_the_node(self) -> None:
        """Nothing more is read once the node shuts down; what was read is answered."""
        while not self._hub.is_closed:
            await self._hub.wait()
        self._waiting.cancel()

    async def next_items(self) -> list[bytes]:
        """Those that the next piece makes whole, which may be none."""
        piece, more = await self._next_piece()
        if piece is None:
            self._close(*(("shutting_down", "the node shuts down") if self._hub.is_closed else ("timeout", self._too_slow())))
            return []
        was_within = self.items.is_within
        whole, refusal = self.items.feed(piece)
        if whole or not was_within:
            self.deadline = trio.current_time() + (self._settings.body_timeout_s if self.items.is_within else self._settings.stream_idle_s)
        if refusal is None and not more:
            self.is_open = False
            refusal = self.items.unfinished()
        if refusal is not None:
            self._close(refusal.code, refusal.message, refusal.evidence)
        return whole

    async def _next_piece(self) -> tuple[bytes | None, bool]:
        """What came next, None where nothing came in time; and whether more follows."""
        if self._hub.is_closed:
            return None, False
        with trio.CancelScope(deadline=self.deadline) as self._waiting:
            message = await self._receive()
            self.is_deserted = message["type"] == "http.disconnect"
            return message.get("body", b""), message.get("more_body", False)
        return None, False

    def _close(self, code: str, message: str, evidence: Mapping[str, Evidence] | None = None) -> None:
        self.is_open = False
        self.end = error_view(code, message, evidence or {})

    def _too_slow(self) -> str:
        if self.items.is_within:
            return f"transaction {self.items.count} did not come whole within {self._settings.body_timeout_s:g} s"
        return f"no transaction came for {self._settings.stream_idle_s:g} s"


async def _write(send: Send, lines: list[Json]) -> None:
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


_LINE: Schema = {
    "anyOf": [
        record(id=or_null(HASH), status=TEXT, error=or_null(ERROR)),
        record(end=record(code=TEXT, message=TEXT, transactions=INTEGER)),
    ],
    "description": "A line for each transaction, in order; then one that says why the stream ended: `complete`, or what was wrong",
}

ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/transactions/stream",
        stream_transactions,
        "Submit signed transactions one after the other, as many as wanted; read the answer while sending",
        (Answer(200, "Lines of JSON, while the body still comes", _LINE, NDJSON),),
        errors=(400, 415, 503),
        bodies={
            "application/msgpack": {
                "type": "string",
                "format": "binary",
                "description": "MessagePack byte strings one after the other, not in an array; each is a signed transaction",
            }
        },
    ),
)
