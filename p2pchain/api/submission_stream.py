"""`POST /v1/transactions/stream`: transactions without an end, each answered by a line.

The body is one MessagePack byte string after the other, each a signed transaction; the answer has a line of JSON for
each, in order, while the body still comes, and a last line `{"end": {"code", "message", "transactions"}}`.  What came
in one piece is taken together; the next piece is read when the lines for it are on their way.  So a stream holds one
piece and one unfinished transaction in memory, a busy node slows its clients down, and a client that leaves its answers
unread is slowed down too, then cut off.
"""

from __future__ import annotations

import json

import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from p2pchain.api.byte_strings import ByteStrings
from p2pchain.api.context import Context
from p2pchain.api.errors import ApiError, error_view
from p2pchain.api.openapi import ERROR, HASH, INTEGER, TEXT, Answer, Endpoint, Schema, or_null, record
from p2pchain.api.parameters import query_of
from p2pchain.api.settings import ApiSettings
from p2pchain.api.submission import MSGPACK_TYPES, content_type_of
from p2pchain.api.views import Json, result_view

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
            items = ByteStrings()
            end = await self._answer_all(items, receive, send)
            await _write(send, [{"end": end | {"transactions": items.count}}])
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer_all(self, items: ByteStrings, receive: Receive, send: Send) -> Json:
        """Until the body ends, or cannot go on: why it ended."""
        more, settings = True, self._context.settings
        deadline = trio.current_time() + settings.stream_idle_s
        while more:
            piece, more = await _next_piece(receive, deadline)
            if piece is None:
                return error_view("timeout", _too_slow(items, settings), {})
            was_within = items.is_within
            whole, refusal = items.feed(piece)
            if whole or not was_within:
                deadline = trio.current_time() + (settings.body_timeout_s if items.is_within else settings.stream_idle_s)
            await self._answer(whole, send)
            if refusal is not None:
                return error_view(refusal.code, refusal.message, refusal.evidence)
        refusal = items.unfinished()
        if refusal is not None:
            return error_view(refusal.code, refusal.message, refusal.evidence)
        return error_view(COMPLETE, "the body has ended", {})

    async def _answer(self, whole: list[bytes], send: Send) -> None:
        if not whole:
            return
        async with self._context.admission.turn():
            results = await self._context.inlet.submit(whole)
        await _write(send, [result_view(result) for result in results])


async def _next_piece(receive: Receive, deadline: float) -> tuple[bytes | None, bool]:
    """What came next, None where nothing came in time; and whether more follows."""
    with trio.move_on_at(deadline):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        return message.get("body", b""), message.get("more_body", False)
    return None, False


def _too_slow(items: ByteStrings, settings: ApiSettings) -> str:
    if items.is_within:
        return f"transaction {items.count} did not come whole within {settings.body_timeout_s:g} s"
    return f"no transaction came for {settings.stream_idle_s:g} s"


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
