"""What an operator may order of a running node: bans, whether its delegate fills its slots, its configuration, its log.

These routes stand on a Unix socket in the home and nowhere else: the public port has no word for any of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from p2pchain.api.edge import Edge
from p2pchain.api.errors import ApiError, JsonResponse, error_response
from p2pchain.api.ports import Adjusts, BadConfigError, Clock, Logger, Produces
from p2pchain.api.settings import ApiSettings
from p2pchain.api.submission import read_body
from p2pchain.node.ports import BadPeerError, BanView, Gate

SETTINGS = ApiSettings(body_bytes_max=4_096, connections_max=16)
"""One person, perhaps with a script."""
BAN_S_MAX = 10 * 365 * 24 * 3_600
LOG_LEVELS = ("debug", "info", "warning", "error")
_WHY_MAX = 200
_V = TypeVar("_V", str, int, bool)


@dataclass(frozen=True, slots=True)
class AdminContext:
    gate: Gate
    inlet: Produces
    knobs: Adjusts
    clock: Clock
    logger: Logger


async def get_bans(context: AdminContext, _request: Request) -> Response:
    now_ms = context.clock()
    return JsonResponse({"banned": [_ban_view(ban, now_ms) for ban in context.gate.banned()]})


async def post_ban(context: AdminContext, request: Request) -> Response:
    """`{"who": node key or address, "duration_s": number, "why": text}`."""
    body = await _object_of(request)
    who, duration_s, why = _field(body, "who", str), _field(body, "duration_s", int), _field(body, "why", str)
    if not 1 <= duration_s <= BAN_S_MAX:
        raise _bad(f"duration_s is {duration_s}, 1 to {BAN_S_MAX} wanted")
    if len(why) > _WHY_MAX or not why.isprintable():
        raise _bad(f"why has {len(why)} characters, at most {_WHY_MAX} printable ones wanted")
    ban = await context.gate.ban(who, duration_s * 1_000, why)
    context.logger.info("peer banned by hand", who=ban.who, seconds=duration_s, why=why)
    return JsonResponse(_ban_view(ban, context.clock()))


async def delete_ban(context: AdminContext, request: Request) -> Response:
    who = str(request.path_params["who"])
    if not await context.gate.unban(who):
        raise ApiError(404, "not_banned", f"nothing is held against {who[:80]}")
    context.logger.info("ban lifted by hand", who=who)
    return JsonResponse({"who": who, "lifted": True})


async def put_production(context: AdminContext, request: Request) -> Response:
    """`{"paused": true or false}`: until it is told otherwise or ends."""
    is_paused = _field(await _object_of(request), "paused", bool)
    await (context.inlet.pause_production() if is_paused else context.inlet.resume_production())
    context.logger.info("production paused by hand" if is_paused else "production resumed by hand")
    return JsonResponse({"paused": is_paused})


async def post_reload(context: AdminContext, _request: Request) -> Response:
    """Read the configuration again and take up what can change while the node runs."""
    try:
        answer = context.knobs.reload()
    except BadConfigError as error:
        problems = [problem._asdict() for problem in error.problems]
        return JsonResponse({"error": {"code": "bad_config", "message": str(error), "problems": problems}}, 422)
    changed = {key: {"before": before, "now": now} for key, (before, now) in answer.changed.items()}
    waiting = {key: {"running": running, "found": found} for key, (running, found) in answer.waiting.items()}
    return JsonResponse({"changed": changed, "needs_restart": waiting, "unchanged": list(answer.unchanged)})


async def get_config(context: AdminContext, _request: Request) -> Response:
    """What is in force; the file may have changed since."""
    return JsonResponse({"config": dict(context.knobs.in_force())})


async def put_log_level(context: AdminContext, request: Request) -> Response:
    """`{"level": "debug", "info", "warning" or "error"}`: until the next start or reload."""
    level = _field(await _object_of(request), "level", str)
    if level not in LOG_LEVELS:
        raise _bad(f"level is {level[:20]!r}, one of {', '.join(LOG_LEVELS)} wanted")
    context.knobs.set_log_level(level)
    return JsonResponse({"level": level})


def make_admin_app(context: AdminContext) -> Starlette:
    routes = [
        Route("/v1/bans", partial(get_bans, context), methods=["GET"]),
        Route("/v1/bans", partial(post_ban, context), methods=["POST"]),
        Route("/v1/bans/{who:path}", partial(delete_ban, context), methods=["DELETE"]),
        Route("/v1/production", partial(put_production, context), methods=["PUT"]),
        Route("/v1/config", partial(get_config, context), methods=["GET"]),
        Route("/v1/config/reload", partial(post_reload, context), methods=["POST"]),
        Route("/v1/log", partial(put_log_level, context), methods=["PUT"]),
    ]
    handlers = {ApiError: _on_api_error, BadPeerError: _on_bad_peer, HTTPException: _on_http_exception}
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(Edge, logger=context.logger)])


def _ban_view(ban: BanView, now_ms: int) -> dict[str, object]:
    return {
        "who": ban.who,
        "kind": ban.kind,
        "left_s": max(0, -(-(ban.until_ms - now_ms) // 1_000)),
        "strikes": ban.strikes,
        "address": ban.address,
        "why": ban.why,
        "since_ms": ban.since_ms,
        "until_ms": ban.until_ms,
    }


async def _object_of(request: Request) -> dict[str, object]:
    try:
        value = json.loads(await read_body(request, SETTINGS))
    except (ValueError, RecursionError) as error:
        raise _bad(f"body is not JSON: {str(error)[:120]}") from None
    if type(value) is not dict:
        raise _bad(f"body is {type(value).__name__}, an object wanted")
    return value


def _field(body: dict[str, object], name: str, kind: type[_V]) -> _V:
    value = body.get(name)
    if type(value) is not kind:
        raise _bad(f"{name} is {type(value).__name__}, {kind.__name__} wanted")
    return value


def _bad(message: str) -> ApiError:
    return ApiError(400, "malformed", message)


async def _on_api_error(_connection: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error)


async def _on_bad_peer(_connection: HTTPConnection, error: Exception) -> Response:
    return error_response(ApiError(400, "bad_peer", str(error)))


async def _on_http_exception(_connection: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(ApiError(error.status_code, "not_found", "there is nothing of this name and method on this socket"))
