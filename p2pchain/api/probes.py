"""`/livez` and `/readyz`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.errors import ApiError, JsonResponse
from p2pchain.api.openapi import INTEGER, TRUTH, Answer, Endpoint, Parameter, record
from p2pchain.api.parameters import integer, query_of
from p2pchain.node.views import StatusView

_BLOCKS_BEHIND_DEFAULT = 10
_HEARTBEATS_MISSED_MAX = 3


async def get_livez(_context: Context, request: Request) -> Response:
    """Answered by the loop that does everything else, so it answers for all of it."""
    query_of(request)
    return JsonResponse({"alive": True})


async def get_readyz(context: Context, request: Request) -> Response:
    query = query_of(request, "max_blocks_behind", "min_peers")
    behind_max = integer(query, "max_blocks_behind", _BLOCKS_BEHIND_DEFAULT)
    status = context.queries.status(context.clock())
    peers_min = integer(query, "min_peers", _peers_min(context))
    behind = _blocks_behind(context, status)
    reasons = _reasons(context, status, behind, behind_max=behind_max, peers_min=peers_min)
    if reasons:
        raise ApiError(503, "not_ready", "; ".join(reasons), blocks_behind=behind, peers=status.peers, condition=status.condition)
    return JsonResponse({"ready": True, "blocks_behind": behind, "peers": status.peers})


def _peers_min(context: Context) -> int:
    """Without a peer a node knows nothing of the others; the only delegate of a network needs none."""
    return int(context.queries.terms("head").votes_needed > 1)


def _blocks_behind(context: Context, status: StatusView) -> int:
    """How far the farthest peer says that it is ahead, in final blocks."""
    heights = [tips.final.height for _, tips in context.queries.peers() if tips is not None]
    return max(0, max(heights, default=0) - status.final.height)


def _reasons(context: Context, status: StatusView, behind: int, *, behind_max: int, peers_min: int) -> list[str]:
    reasons = []
    if status.syncing:
        reasons.append("the node is catching up")
    if behind > behind_max:
        reasons.append(f"{behind} final blocks behind its peers, at most {behind_max} wanted")
    if status.peers < peers_min:
        reasons.append(f"{status.peers} peers, at least {peers_min} wanted")
    quiet, quiet_max = status.slot - status.final.slot, _quiet_slots_max(context)
    if quiet > quiet_max:
        reasons.append(f"no block became final for {quiet} slots, at most {quiet_max} wanted")
    offset, offset_max = status.clock_offset_ms or 0, context.spec.slot_ms // 2
    if abs(offset) > offset_max:
        way = "behind" if offset < 0 else "ahead of"
        reasons.append(f"the clock is {abs(offset)} ms {way} those of the delegates, at most {offset_max} wanted")
    return reasons


def _quiet_slots_max(context: Context) -> int:
    """Even an idle chain has a block in every heartbeat slot whose delegate is there."""
    params = context.queries.terms("head").terms.params
    return _HEARTBEATS_MISSED_MAX * params.heartbeat_slots + params.delegates


_READY = record(ready=TRUTH, blocks_behind=INTEGER, peers=INTEGER)

ENDPOINTS = (
    Endpoint("GET", "/livez", get_livez, "Whether the process still answers", (Answer(200, "It does", record(alive=TRUTH)),), (), (400,)),
    Endpoint(
        "GET",
        "/readyz",
        get_readyz,
        "Whether the node is fit to be asked; 503 says why not",
        (Answer(200, "It is", _READY),),
        (
            Parameter("max_blocks_behind", INTEGER | {"default": _BLOCKS_BEHIND_DEFAULT}, "Final blocks that peers may be ahead"),
            Parameter("min_peers", INTEGER, "Least number of connected peers; 1, or 0 where one delegate is the whole network"),
        ),
        (400, 503),
    ),
)
