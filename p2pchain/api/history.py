"""`GET /v1/accounts/{address}/transactions` and `/v1/delegates/{delegate}/rounds`: what the index of history knows."""

from __future__ import annotations

import trio
from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.errors import ApiError, JsonResponse
from p2pchain.api.openapi import (
    ADDRESS,
    AMOUNT,
    ERROR,
    HASH,
    INTEGER,
    TEXT,
    Answer,
    Endpoint,
    Parameter,
    Schema,
    array,
    one_of,
    or_null,
    record,
)
from p2pchain.api.parameters import INTEGER_MAX, bad_path, integer, parse_hash, parse_integer, query_of
from p2pchain.api.transactions import SIGNED
from p2pchain.api.views import Json, transaction_view
from p2pchain.chain.address import decode_address
from p2pchain.node.history import History, RoundView
from p2pchain.node.keeping import BlockPrunedError
from p2pchain.node.ports import Location

LIMIT_MAX = 100
"""Each transaction may lie in another block, which has to be read and split: up to 3 ms of a full one."""
_EVERYTHING = Location(INTEGER_MAX, 0)
_RETRY_S = "5"


async def get_account_transactions(context: Context, request: Request) -> Response:
    query = query_of(request, "before", "limit")
    account = decode_address(context.spec.address_prefix, request.path_params["address"])
    before, limit = _before(query.get("before")), integer(query, "limit", 20, low=1, high=LIMIT_MAX)
    history = require_built(context)
    found = history.transactions(account, before, limit)
    items = []
    for location in found:
        await trio.lowlevel.checkpoint()  # the pause lies before the read
        items.append(_entry(context, location))
    more = f"{found[-1].height}-{found[-1].position}" if len(found) == limit else None
    return JsonResponse({"transactions": items, "next_before": more, **_indexed(history)})


async def get_delegate_rounds(context: Context, request: Request) -> Response:
    query = query_of(request, "before", "limit")
    before, limit = integer(query, "before", INTEGER_MAX), integer(query, "limit", 20, low=1, high=LIMIT_MAX)
    text = request.path_params["delegate"]
    key = parse_hash(text)
    account = decode_address(context.spec.address_prefix, text) if key is None else context.queries.owner_of(key)
    if account is None:
        raise ApiError(404, "unknown_delegate", f"no delegate signs, or signed, with the key {text}", found=text)
    history = require_built(context)
    found = history.rounds(account, before, limit)
    more = found[-1].round if len(found) == limit else None
    return JsonResponse({"rounds": [_round_view(each) for each in found], "next_before": more, **_indexed(history)})


def require_built(context: Context) -> History:
    """The index, where there is one that is far enough to answer."""
    history = context.queries.history
    if history is None:
        raise ApiError(404, "no_index", "this node keeps no index of history: set index.enabled = true in its node.toml, or ask another")
    index = history.view()
    if not index.is_built:
        why = index.failure or "it is being built"
        message = f"the index is at height {index.height} of {index.final_height}: {why}"
        raise ApiError(503, "indexing", message, index_height=index.height, final_height=index.final_height).with_headers(
            {"Retry-After": _RETRY_S}
        )
    return history


def _indexed(history: History) -> Json:
    index = history.view()
    return {"from_height": index.from_height, "height": index.height}


def _before(text: str | None) -> Location:
    """`HEIGHT` or `HEIGHT-INDEX`: what lies below."""
    if text is None:
        return _EVERYTHING
    height, _, place = text.partition("-")
    numbers = parse_integer(height), parse_integer(place or "0")
    if numbers[0] is None or numbers[1] is None:
        raise bad_path("before", text, "a height, or next_before of the page above")
    return Location(numbers[0], numbers[1])


def _entry(context: Context, location: Location) -> Json:
    """As under `/v1/transactions/{id}`, with its time; of a pruned block no more than where it was."""
    time_ms = context.queries.time_of(location.height)
    try:
        view = transaction_view(context.queries.transaction_at(location), context.addresses)
    except BlockPrunedError:
        view = {"id": None, "status": "pruned", "height": location.height, "index": location.position, "error": None}
    return {**view, "time_ms": time_ms}


def _round_view(view: RoundView) -> Json:
    return {
        "round": view.round,
        "height": view.height or None,
        "transactions": view.transactions,
        "fees": str(view.fees),
        "missed": view.missed,
    }


_ENTRY_STATE: dict[str, Schema] = {
    "id": or_null(HASH),
    "status": one_of("final", "pruned"),
    "height": INTEGER,
    "index": INTEGER,
    "error": or_null(ERROR),
    "time_ms": INTEGER,
}
_ENTRY: Schema = {"type": "object", "properties": _ENTRY_STATE | SIGNED, "required": list(_ENTRY_STATE)}
_ROUND = record(round=INTEGER, height=or_null(INTEGER), transactions=INTEGER, fees=AMOUNT, missed=INTEGER)
_LIMIT = Parameter("limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 20}, "Most to list")

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/accounts/{address}/transactions",
        get_account_transactions,
        "Final transactions that an account sent or that name it, newest first; takes index.enabled",
        (
            Answer(
                200,
                "A page; `next_before` asks for the next one, and the index speaks of blocks from `from_height` to `height`",
                record(transactions=array(_ENTRY), next_before=or_null(TEXT), from_height=INTEGER, height=INTEGER),
            ),
        ),
        (
            Parameter("address", ADDRESS, "The account"),
            Parameter("before", TEXT, "Only what lies below: a height, or `next_before`"),
            _LIMIT,
        ),
        (400, 404, 503),
    ),
    Endpoint(
        "GET",
        "/v1/delegates/{delegate}/rounds",
        get_delegate_rounds,
        "What a delegate did round by round, newest first; takes index.enabled",
        (
            Answer(
                200,
                "Rounds in which it made a block or missed a heartbeat",
                record(rounds=array(_ROUND), next_before=or_null(INTEGER), from_height=INTEGER, height=INTEGER),
            ),
        ),
        (
            Parameter("delegate", TEXT, "Its account, or its consensus key in hex"),
            Parameter("before", INTEGER, "Only rounds below"),
            _LIMIT,
        ),
        (400, 404, 503),
    ),
)
