"""`GET /v1/proofs` and `GET /v1/proofs/{height}`: what a light client follows the chain by (`chain.following`).

The bytes are as they are checked, in hex; the node that answers need not be trusted.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.errors import ApiError, JsonResponse
from p2pchain.api.openapi import HEX, INTEGER, Answer, Endpoint, Parameter, array, record
from p2pchain.api.parameters import bad_path, integer, parse_integer, query_of

STEPS_LIMIT_MAX = 64
"""A step is found in about 50 us; an answer also ends where it is large (`node.proving`)."""


async def list_steps(context: Context, request: Request) -> Response:
    query = query_of(request, "from", "to", "limit")
    start = integer(query, "from", 0)
    end = integer(query, "to", start) if "to" in query else None
    limit = integer(query, "limit", 16, low=1, high=STEPS_LIMIT_MAX)
    found = context.queries.proof_steps(start, end, limit)
    if found is None:
        wanted = f"from height {start}" if end is None else f"from height {start} to a block with confirms at height {end}"
        message = f"this node cannot lead {wanted}: both must be final and in order, and the last must have confirms of its own"
        raise ApiError(404, "unknown_block", message, found=start if end is None else end)
    steps = [
        {"header": step.header.hex(), "certificate": step.certificate.hex(), "sets": [each.hex() for each in step.sets]}
        for step in found.steps
    ]
    return JsonResponse({"steps": steps, "next": found.next_height, "final": found.final_height})


async def get_point(context: Context, request: Request) -> Response:
    query_of(request)
    text = request.path_params["height"]
    height = parse_integer(text)
    if height is None:
        raise bad_path("height", text, "the height of a final block")
    found = context.queries.proof_point(height)
    if found is None:
        raise ApiError(404, "unknown_block", f"this node has no final block at height {height}", found=height)
    return JsonResponse({"header": found.header.hex(), "set": found.active.hex()})


_STEP = record(header=HEX, certificate=HEX, sets=array(HEX))

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/proofs",
        list_steps,
        "Steps by which a light client follows the chain: final headers with their confirms, and the active sets that began in between",
        (
            Answer(
                200,
                "Steps, none for heights without a change, and the height that they lead to",
                record(steps=array(_STEP), next=INTEGER, final=INTEGER),
            ),
        ),
        (
            Parameter("from", INTEGER | {"default": 0}, "Height of the final block that is known already; 0 is the genesis"),
            Parameter("to", INTEGER, "Height of the last header, which must have confirms of its own; without it the newest that has"),
            Parameter("limit", {"type": "integer", "minimum": 1, "maximum": STEPS_LIMIT_MAX, "default": 16}, "Most steps to list"),
        ),
        (400, 404),
    ),
    Endpoint(
        "GET",
        "/v1/proofs/{height}",
        get_point,
        "A final header and the active set above it, for whoever trusts its hash",
        (Answer(200, "Header and set", record(header=HEX, set=HEX)),),
        (Parameter("height", INTEGER, "Of a final block"),),
        (400, 404),
    ),
)
