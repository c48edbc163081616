"""`GET /v1/params`: the terms in force, and how they will change."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.accounts import AT, TIPS
from p2pchain.api.context import Context
from p2pchain.api.errors import JsonResponse
from p2pchain.api.openapi import ADDRESS, HASH, INTEGER, Answer, Endpoint, Schema, array, record
from p2pchain.api.parameters import choice, query_of
from p2pchain.api.views import terms_view


async def get_params(context: Context, request: Request) -> Response:
    at = choice(query_of(request, "at"), "at", TIPS)
    return JsonResponse(terms_view(context.queries.terms(at), context.addresses))


_VALUES: Schema = {"type": "object", "additionalProperties": INTEGER, "description": "Parameters by name"}
_CHANGE: dict[str, Schema] = {"height": INTEGER, "version": INTEGER, "values": _VALUES}
_TERMS = record(
    version=INTEGER,
    params=_VALUES,
    votes_needed=INTEGER,
    proposals=array(record(**_CHANGE, voters=array(ADDRESS))),
    scheduled=array(record(**_CHANGE)),
    height=INTEGER,
    slot=INTEGER,
    hash=HASH,
)

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/params",
        get_params,
        "Protocol version and parameters in force above a block; changes that delegates propose or have agreed to",
        (Answer(200, "The terms above the block that the answer names", _TERMS),),
        (AT,),
        (400,),
    ),
)
