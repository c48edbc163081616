"""The routes put together, and what stands before them all."""

from __future__ import annotations

import time
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from p2pchain.api import accounts, blocks, evidence, light, metrics, probes, proofs, status, streams, terms, transactions
from p2pchain.api.context import Context
from p2pchain.api.cors import Cors
from p2pchain.api.docs_page import draw_docs
from p2pchain.api.edge import Edge
from p2pchain.api.errors import ApiError, JsonResponse, error_response, from_refusal
from p2pchain.api.openapi import TEXT, Answer, Endpoint, document
from p2pchain.api.parameters import query_of
from p2pchain.api.rates import Rates
from p2pchain.chain.errors import Refusal


async def get_openapi(context: Context, request: Request) -> Response:
    query_of(request)
    version = context.queries.status(context.clock()).version
    return JsonResponse(document(ENDPOINTS, version))


async def get_docs(context: Context, request: Request) -> Response:
    query_of(request)
    version = context.queries.status(context.clock()).version
    return HTMLResponse(draw_docs(ENDPOINTS, version, str(request.base_url).rstrip("/")))


ENDPOINTS: tuple[Endpoint, ...] = (
    *status.ENDPOINTS,
    *transactions.ENDPOINTS,
    *accounts.ENDPOINTS,
    *terms.ENDPOINTS,
    *blocks.ENDPOINTS,
    *evidence.ENDPOINTS,
    *light.ENDPOINTS,
    *proofs.ENDPOINTS,
    *streams.ENDPOINTS,
    *probes.ENDPOINTS,
    *metrics.ENDPOINTS,
    Endpoint("GET", "/docs", get_docs, "This description as a page for people", (Answer(200, "HTML", TEXT, "text/html"),), (), (400,)),
    Endpoint("GET", "/openapi.json", get_openapi, "This document", (Answer(200, "OpenAPI 3.1", {"type": "object"}),), (), (400,)),
)


def make_app(context: Context) -> Starlette:
    context.requests.open(f"{each.method} {each.path}" for each in ENDPOINTS)
    rates = Rates(lambda: context.settings.requests_per_s, time.monotonic)
    routes: list[BaseRoute] = [Route(each.path, partial(_answer, each, context, rates), methods=[each.method]) for each in ENDPOINTS]
    routes.append(WebSocketRoute(streams.PATH, partial(streams.follow_on_websocket, context)))
    handlers = {ApiError: _on_api_error, Refusal: _on_refusal, HTTPException: _on_http_exception}
    app = Starlette(
        routes=routes,
        exception_handlers=handlers,
        middleware=[Middleware(Edge, logger=context.logger), Middleware(Cors, origins=lambda: context.settings.cors_origins)],
    )
    # a path with a slash too many is unknown, not elsewhere
    app.router.redirect_slashes = False
    return app


async def _answer(endpoint: Endpoint, context: Context, rates: Rates, request: Request) -> Response:
    """The handler's answer, counted; what fails unforeseen counts as 500 and goes on to whoever logs it."""
    began, status = time.perf_counter(), 500
    try:
        rates.require_turn(request.client.host if request.client is not None else "", endpoint.path)
        response = await endpoint.handler(context, request)
    except ApiError as error:
        status = error.status
        raise
    except Refusal as refusal:
        status = from_refusal(refusal).status
        raise
    else:
        status = response.status_code
        return response
    finally:
        context.requests.add(f"{endpoint.method} {endpoint.path}", status, time.perf_counter() - began)


async def _on_api_error(_connection: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error)


async def _on_refusal(_connection: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error_response(from_refusal(error))


async def _on_http_exception(connection: HTTPConnection, error: Exception) -> Response:
    """What the router says: no such path, or not with this method."""
    assert isinstance(error, HTTPException)
    path, method = str(connection.scope["path"])[:200], str(connection.scope.get("method", ""))
    if error.status_code == 405:
        wanted = (error.headers or {}).get("Allow", "")
        message = f"{path} does not take {method}, {wanted} wanted"
        return error_response(ApiError(405, "method_not_allowed", message, found=method, wanted=wanted).with_headers(error.headers))
    return error_response(ApiError(404, "not_found", f"there is nothing at {path}, /openapi.json lists what there is", found=path))
