"""The description of the API in OpenAPI 3.1: words to build it with, beside each route, and the whole document."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.rates import UNCOUNTED

Schema: TypeAlias = dict[str, object]
Handler: TypeAlias = Callable[[Context, Request], Awaitable[Response]]

HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "32 bytes in hex"}
HEX: Schema = {"type": "string", "pattern": "^([0-9a-f]{2})*$"}
AMOUNT: Schema = {"type": "string", "pattern": "^[0-9]+$", "description": "An integer as decimal text: it may exceed 2^53"}
ADDRESS: Schema = {"type": "string", "description": "An account as bech32m text with the network's prefix"}
INTEGER: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number", "minimum": 0}
TEXT: Schema = {"type": "string"}
TRUTH: Schema = {"type": "boolean"}


def record(**properties: Schema) -> Schema:
    """An object with exactly known names, all of them present."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


SUBJECT = record(height=INTEGER, slot=INTEGER, hash=HASH)
ERROR: Schema = {
    "type": "object",
    "properties": {"code": TEXT, "message": TEXT},
    "required": ["code", "message"],
    "description": "A stable code, a message for people, and the evidence as further fields",
    "additionalProperties": True,
}


class Parameter(NamedTuple):
    """A query parameter, or a path parameter where the path names it."""

    name: str
    schema: Schema
    description: str


class Answer(NamedTuple):
    status: int
    description: str
    schema: Schema
    media_type: str = "application/json"


class Endpoint(NamedTuple):
    """A path, who serves it, and what it says: the routes and the document are both made of these."""

    method: str
    path: str
    handler: Handler
    summary: str
    answers: Sequence[Answer]
    parameters: Sequence[Parameter] = ()
    errors: Sequence[int] = ()
    bodies: Mapping[str, Schema] | None = None
    """Schema of the request body by media type."""


_ERROR_WORDS = {
    400: "The request is not as wanted; the error says what was found",
    403: "Not allowed from there",
    404: "Unknown",
    406: "The answer does not come in the media type asked for",
    408: "The body came too slowly",
    413: "The body is too large",
    415: "The body's type is not understood",
    429: "Too many requests of this client: try again after `Retry-After` seconds",
    503: "Not now: try again after `Retry-After` seconds, or at another node",
}


def error_words(status: int) -> str:
    return _ERROR_WORDS[status]


def document(endpoints: Iterable[Endpoint], version: str) -> Schema:
    """The OpenAPI document of all endpoints."""
    paths: dict[str, dict[str, object]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "p2pchain",
            "version": version,
            "summary": "The HTTP interface of a node",
            "description": "Amounts are decimal strings; heights, slots and nonces numbers; hashes and keys hex; accounts bech32m text.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": record(error=ERROR)}},
    }


def _operation(endpoint: Endpoint) -> Schema:
    operation: Schema = {"operationId": _operation_id(endpoint), "summary": endpoint.summary}
    if endpoint.parameters:
        operation["parameters"] = [_parameter(parameter, endpoint.path) for parameter in endpoint.parameters]
    if endpoint.bodies is not None:
        content = {media_type: {"schema": schema} for media_type, schema in endpoint.bodies.items()}
        operation["requestBody"] = {"required": True, "content": content}
    responses: dict[str, object] = {}
    for answer in endpoint.answers:
        response = responses.setdefault(str(answer.status), {"description": answer.description, "content": {}})
        assert isinstance(response, dict)
        response["content"][answer.media_type] = {"schema": answer.schema}
    for status in (*endpoint.errors, *(() if endpoint.path in UNCOUNTED else (429,))):
        reference = {"$ref": "#/components/schemas/Error"}
        responses[str(status)] = {"description": _ERROR_WORDS[status], "content": {"application/json": {"schema": reference}}}
    operation["responses"] = responses
    return operation


def _operation_id(endpoint: Endpoint) -> str:
    words = re.findall(r"[a-z]+", endpoint.path.removeprefix("/v1"))
    return "_".join([endpoint.method.lower(), *words])


def _parameter(parameter: Parameter, path: str) -> Schema:
    in_path = f"{{{parameter.name}}}" in path
    return {
        "name": parameter.name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "description": parameter.description,
        "schema": parameter.schema,
    }
