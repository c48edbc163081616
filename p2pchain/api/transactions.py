"""`POST /v1/transactions` and `GET /v1/transactions/{id}`."""

from __future__ import annotations

from collections.abc import Sequence

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
from p2pchain.api.parameters import bad_path, parse_hash, query_of
from p2pchain.api.submission import ITEMS_MAX, Item, content_type_of, read_body, refuse_announced_size, split_body
from p2pchain.api.views import Json, rejected_view, result_view, transaction_view, trial_view, untried_view
from p2pchain.chain.errors import Code, Refusal
from p2pchain.chain.types import TransactionId
from p2pchain.node.effects import SubmitResult
from p2pchain.node.trial import WAITING_RUN_MAX, TooMuchWaitsError

SIMULATED_MAX = 100
"""Transactions that one request may try out: the loop runs them at once, at about 20 us each."""
RETRY_S = "1"
"""By then a block or two have made room."""
STATUSES = ("pending", "included", "final", "expired", "replaced", "rejected")


async def submit_transactions(context: Context, request: Request) -> Response:
    query_of(request)
    content_type = content_type_of(request)
    refuse_announced_size(request, context.settings.body_bytes_max)
    async with context.admission.place():
        items = split_body(await read_body(request, context.settings), content_type)
        results = await _submit(context, items)
    return JsonResponse({"results": results}, 202)


async def _submit(context: Context, items: list[Item]) -> list[Json]:
    usable = [item for item in items if isinstance(item, bytes)]
    found = await context.inlet.submit(usable) if usable else ()
    if found and len(found) == len(items):
        _refuse_if_crowded(found)
    answers = iter(found)
    return [result_view(next(answers)) if isinstance(item, bytes) else rejected_view(Code.MALFORMED, item.message) for item in items]


def _refuse_if_crowded(found: Sequence[SubmitResult]) -> None:
    """429 where nothing got in because the pool is full: a client that looks no further than the status slows down."""
    if all(result.code is Code.POOL_FULL for result in found):
        last = found[-1]
        raise ApiError(429, Code.POOL_FULL, last.message, refused=len(found), **last.evidence).with_headers({"Retry-After": RETRY_S})


async def simulate_transactions(context: Context, request: Request) -> Response:
    query_of(request)
    content_type = content_type_of(request)
    refuse_announced_size(request, context.settings.body_bytes_max)
    async with context.admission.place():
        items = split_body(await read_body(request, context.settings), content_type)
        if len(items) > SIMULATED_MAX:
            message = f"body has {len(items)} transactions, at most {SIMULATED_MAX} are simulated in a request"
            raise ApiError(413, Code.OVERSIZED, message, found=len(items), wanted=SIMULATED_MAX)
        usable = [item for item in items if isinstance(item, bytes)]
        examined = await context.inlet.examine(usable)
        values = [item if isinstance(item, Refusal) else item.value for item in examined]
        try:
            trials = iter(context.queries.simulate(values))
        except TooMuchWaitsError as error:
            message = f"{error}: try again once they are in blocks"
            raise ApiError(503, "busy", message, found=error.found, wanted=WAITING_RUN_MAX).with_headers({"Retry-After": "1"}) from None
    results = [trial_view(next(trials)) if isinstance(item, bytes) else untried_view(Code.MALFORMED, item.message) for item in items]
    return JsonResponse({"results": results})


async def get_transaction(context: Context, request: Request) -> Response:
    query_of(request)
    text = request.path_params["id"]
    item = parse_hash(text)
    if item is None:
        raise bad_path("id", text, "64 hex digits")
    view = context.queries.transaction(TransactionId(item))
    if view is None:
        blocks_from = context.queries.status(context.clock()).blocks_from
        message = f"transaction {item.hex()} is neither pending nor in a block that this node has, from height {blocks_from} on"
        raise ApiError(404, "unknown_transaction", message, id=item, blocks_from=blocks_from)
    return JsonResponse(transaction_view(view, context.addresses))


ACTION: Schema = {
    "type": "object",
    "properties": {"kind": TEXT},
    "required": ["kind"],
    "description": "The kind of action and its fields",
    "additionalProperties": True,
}
SIGNED: dict[str, Schema] = {
    "sender": ADDRESS,
    "nonce": INTEGER,
    "valid_until": INTEGER,
    "fee": AMOUNT,
    "bytes": INTEGER,
    "actions": array(ACTION),
}
_STATE: dict[str, Schema] = {
    "id": HASH,
    "status": one_of(*STATUSES),
    "height": or_null(INTEGER),
    "index": or_null(INTEGER),
    "error": or_null(ERROR),
}
_TRANSACTION: Schema = {"type": "object", "properties": _STATE | SIGNED, "required": list(_STATE)}
_TRIALS = record(
    results=array(
        record(
            id=or_null(HASH),
            outcome=one_of("succeeds", "fails", "refused"),
            error=or_null(ERROR),
            fee=or_null(AMOUNT),
            fee_least=or_null(AMOUNT),
        )
    )
)
_BODIES: dict[str, Schema] = {
    "application/msgpack": {
        "type": "string",
        "format": "binary",
        "description": "One signed transaction, or an array of byte strings that are one each",
    },
    "application/json": record(transactions=array({"type": "string", "description": "A signed transaction in hex"})),
}
_RESULTS = record(results=array(record(id=or_null(HASH), status=TEXT, error=or_null(ERROR))))

ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/transactions",
        submit_transactions,
        f"Submit signed transactions, at most {ITEMS_MAX} at once",
        (Answer(202, "One result each, in order, also where some are rejected", _RESULTS),),
        errors=(400, 408, 413, 415, 503),
        bodies=_BODIES,
    ),
    Endpoint(
        "POST",
        "/v1/transactions/simulate",
        simulate_transactions,
        f"What would become of signed transactions in the next block, at most {SIMULATED_MAX}; nothing is submitted",
        (Answer(200, "One outcome each, in order, each after those before it", _TRIALS),),
        errors=(400, 408, 413, 415, 503),
        bodies=_BODIES,
    ),
    Endpoint(
        "GET",
        "/v1/transactions/{id}",
        get_transaction,
        "Where a transaction stands",
        (Answer(200, "Its status, and what its sender signed where the node still has it", _TRANSACTION),),
        (Parameter("id", HASH, "The transaction's id"),),
        (400, 404, 410),
    ),
)
