"""`GET /v1/blocks/{reference}`, `GET /v1/blocks`, and reading final blocks piece by piece."""

from __future__ import annotations

import trio
from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.errors import ApiError, JsonResponse
from p2pchain.api.openapi import HASH, HEX, INTEGER, TEXT, Answer, Endpoint, Parameter, Schema, array, one_of, or_null, record
from p2pchain.api.parameters import bad_path, integer, parse_hash, parse_integer, query_of
from p2pchain.api.ports import Reads
from p2pchain.api.views import Json, block_view
from p2pchain.node.views import BlockReference, BlockView

BLOCKS_LIMIT_MAX = 100
_LISTED_TRANSACTIONS_MAX = 20_000
"""About 1.4 MB of ids in one answer."""
_TRANSACTIONS_AT_ONCE = 500
"""The store decodes the transactions of each block that it hands out, at some 20 us each."""
_BLOCKS_AT_ONCE = 32


class FinalBlocks:
    """Final blocks from a height on, in pieces that are small where blocks are large."""

    def __init__(self, queries: Reads, from_height: int) -> None:
        self._queries = queries
        self._size = 1
        self.next_height = max(from_height, 1)
        """Of the first block of the next piece; the genesis at height 0 is no block."""

    async def next_piece(self, limit: int = _BLOCKS_AT_ONCE) -> list[BlockView]:
        """The next blocks; none where the last final block was reached.  The pause lies before the read, not after it."""
        await trio.lowlevel.checkpoint()
        piece = self._queries.blocks(self.next_height, min(self._size, limit))
        if piece:
            self.next_height = piece[-1].block.header.height + 1
            most = max(len(view.ids) for view in piece)
            self._size = max(1, min(_BLOCKS_AT_ONCE, 2 * self._size, _TRANSACTIONS_AT_ONCE // (most + 1)))
        return piece


async def get_block(context: Context, request: Request) -> Response:
    query_of(request)
    text = request.path_params["reference"]
    view = context.queries.block(_reference(text))
    if view is None:
        raise ApiError(404, "unknown_block", f"this node has no block '{text}'", found=text)
    return JsonResponse(block_view(view, with_proofs=True))


async def list_blocks(context: Context, request: Request) -> Response:
    query = query_of(request, "from", "since", "limit")
    if "from" in query and "since" in query:
        raise ApiError(400, "bad_parameter", "from and since both say where to begin, one of them wanted", parameter="since")
    start = context.queries.height_at(integer(query, "since", 0)) if "since" in query else integer(query, "from", 1)
    limit = integer(query, "limit", 20, low=1, high=BLOCKS_LIMIT_MAX)
    blocks = FinalBlocks(context.queries, start)
    views: list[Json] = []
    listed = 0
    while len(views) < limit and listed < _LISTED_TRANSACTIONS_MAX:
        piece = await blocks.next_piece(limit - len(views))
        if not piece:
            break
        listed += sum(len(view.ids) for view in piece)
        views += [block_view(view, with_proofs=False) for view in piece]
    return JsonResponse({"blocks": views, "next": blocks.next_height})


def _reference(text: str) -> BlockReference:
    if text == "head":
        return "head"
    if text == "final":
        return "final"
    block = parse_hash(text)
    reference = parse_integer(text) if block is None else block
    if reference is None:
        raise bad_path("block", text, "a height, a hash of 64 hex digits, 'head' or 'final'")
    return reference


_CERTIFICATE: Schema = {
    "type": "object",
    "properties": {"kind": one_of("vote", "confirm"), "height": INTEGER, "slot": INTEGER, "hash": HASH, "voters": array(HASH), "raw": HEX},
    "required": ["kind", "height", "slot", "hash", "voters"],
    "description": "Who signed for which block; `raw`, in answers about one block, holds the signatures",
}
_BLOCK = record(
    hash=HASH,
    height=INTEGER,
    slot=INTEGER,
    parent=HASH,
    producer=HASH,
    state_root=HASH,
    set_id=HASH,
    transactions_root=HASH,
    reveal=HASH,
    commitment=HASH,
    transactions=array(HASH),
    certificate=or_null(_CERTIFICATE),
    status=one_of("final", "unfinal"),
    votes=or_null(_CERTIFICATE),
    confirms=or_null(_CERTIFICATE),
    time_ms=INTEGER,
    bytes=INTEGER,
    failed=array(record(id=HASH, index=INTEGER, code=TEXT)),
)

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/blocks",
        list_blocks,
        "Final blocks in ascending order",
        (Answer(200, "Blocks, fewer than `limit` where they are large, and where to go on", record(blocks=array(_BLOCK), next=INTEGER)),),
        (
            Parameter("from", INTEGER | {"default": 1}, "Height of the first"),
            Parameter("since", INTEGER, "Instead of `from`: Unix time in milliseconds; the first block whose slot begins then or later"),
            Parameter("limit", {"type": "integer", "minimum": 1, "maximum": BLOCKS_LIMIT_MAX, "default": 20}, "Most blocks to list"),
        ),
        (400, 410),
    ),
    Endpoint(
        "GET",
        "/v1/blocks/{reference}",
        get_block,
        "One block, final or not",
        (Answer(200, "The block", _BLOCK),),
        (Parameter("reference", TEXT, "A height, a hash, `head` or `final`"),),
        (400, 404, 410),
    ),
)
