"""`GET /v1/evidence`: contradicting signatures that this node has seen, ready to be submitted."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.errors import JsonResponse
from p2pchain.api.openapi import ADDRESS, HASH, HEX, INTEGER, TEXT, TRUTH, Answer, Endpoint, array, one_of, or_null, record
from p2pchain.api.parameters import query_of
from p2pchain.api.views import evidence_view
from p2pchain.chain.evidence import Said


async def get_evidence(context: Context, request: Request) -> Response:
    query_of(request)
    views = context.queries.evidence()
    return JsonResponse({"evidence": [evidence_view(view, context.addresses) for view in views]})


_EVIDENCE = record(
    id=TEXT,
    delegate=or_null(ADDRESS),
    consensus_key=HASH,
    signed=one_of(*Said),
    slot=INTEGER,
    convicted=TRUTH,
    first=HEX,
    second=HEX,
)

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/evidence",
        get_evidence,
        "Contradicting signatures that this node has seen since it began, one pair a delegate",
        (Answer(200, "Each with the two signed messages of the action `evidence`", record(evidence=array(_EVIDENCE))),),
        (),
        (400,),
    ),
)
