"""`GET /v1/accounts/{address}`, `/v1/delegates`, `/v1/misses`, `/v1/schedule`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.errors import JsonResponse
from p2pchain.api.openapi import (
    ADDRESS,
    AMOUNT,
    HASH,
    INTEGER,
    NUMBER,
    SUBJECT,
    TEXT,
    TRUTH,
    Answer,
    Endpoint,
    Parameter,
    array,
    one_of,
    or_null,
    record,
)
from p2pchain.api.parameters import choice, integer, query_of
from p2pchain.api.views import account_view, delegate_view, miss_view, schedule_view
from p2pchain.chain.address import decode_address
from p2pchain.node.effects import MissReason
from p2pchain.node.misses import MISSES_MAX
from p2pchain.node.views import At

TURNS_MAX = 1_000
TIPS: tuple[At, ...] = ("head", "final")


async def get_account(context: Context, request: Request) -> Response:
    at = choice(query_of(request, "at"), "at", TIPS)
    account = decode_address(context.spec.address_prefix, request.path_params["address"])
    return JsonResponse(account_view(context.queries.account(account, at), context.addresses))


async def get_delegates(context: Context, request: Request) -> Response:
    at = choice(query_of(request, "at"), "at", TIPS)
    delegates = context.queries.delegates(at)
    return JsonResponse({"delegates": [delegate_view(delegate, context.addresses) for delegate in delegates]})


async def get_misses(context: Context, request: Request) -> Response:
    limit = integer(query_of(request, "limit"), "limit", 100, high=MISSES_MAX)
    return JsonResponse({"misses": [miss_view(missed, context.addresses) for missed in context.queries.misses(limit)]})


async def get_schedule(context: Context, request: Request) -> Response:
    round_slots = context.queries.terms("head").terms.params.delegates
    turns = integer(query_of(request, "turns"), "turns", round_slots, low=1, high=TURNS_MAX)
    schedule = context.queries.schedule(context.clock(), turns)
    return JsonResponse(schedule_view(schedule, context.spec, context.addresses))


_MISS = record(slot=INTEGER, delegate=ADDRESS, reason=one_of(*MissReason), code=or_null(TEXT))
_DELEGATE = record(
    address=ADDRESS,
    consensus_key=HASH,
    commission_bps=INTEGER,
    stake=AMOUNT,
    weight=NUMBER,
    active=TRUTH,
    retired=TRUTH,
    produced=INTEGER,
    missed=INTEGER,
    convicted=TRUTH,
    slashed_bps=INTEGER,
    missed_in_row=INTEGER,
    demoted=TRUTH,
    standing=one_of("active", "standby", "demoted", "retired"),
    rank=or_null(INTEGER),
    last_ballot_slot=or_null(INTEGER),
    last_miss=or_null(_MISS),
)
_ACCOUNT = record(
    address=ADDRESS,
    balance=AMOUNT,
    nonce=INTEGER,
    next_nonce=INTEGER,
    stake=AMOUNT,
    positions=array(record(delegate=ADDRESS, amount=AMOUNT, reward=AMOUNT)),
    unbonding=array(record(amount=AMOUNT, release_slot=INTEGER)),
    delegate=or_null(_DELEGATE),
    height=INTEGER,
    slot=INTEGER,
    hash=HASH,
)
_TURN = record(slot=INTEGER, round=INTEGER, starts_ms=INTEGER, delegate=ADDRESS, consensus_key=HASH)
AT = Parameter("at", one_of("head", "final") | {"default": "head"}, "As of the head, or of the last final block")

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/accounts/{address}",
        get_account,
        "An account; one that nobody ever used has a balance of zero",
        (Answer(200, "The account as of the block that the answer names", _ACCOUNT),),
        (Parameter("address", ADDRESS, "The account"), AT),
        (400,),
    ),
    Endpoint(
        "GET",
        "/v1/delegates",
        get_delegates,
        "All registered delegates, the heaviest first",
        (Answer(200, "Delegates", record(delegates=array(_DELEGATE))),),
        (AT,),
        (400,),
    ),
    Endpoint(
        "GET",
        "/v1/misses",
        get_misses,
        "Slots that should have had a block and have none, as this node saw it since it started",
        (Answer(200, "Misses, the newest first", record(misses=array(_MISS))),),
        (Parameter("limit", {"type": "integer", "minimum": 0, "maximum": MISSES_MAX, "default": 100}, "Most misses to list"),),
        (400,),
    ),
    Endpoint(
        "GET",
        "/v1/schedule",
        get_schedule,
        "Whose slots come next",
        (Answer(200, "Turns from the current slot on", record(round=INTEGER, slot=INTEGER, turns=array(_TURN), as_of=SUBJECT)),),
        (Parameter("turns", {"type": "integer", "minimum": 1, "maximum": TURNS_MAX}, "How many; one round by default"),),
        (400,),
    ),
)
