"""Every error leaves in one form: `{"error": {"code", "message", ...evidence}}`, with a fitting status, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

from p2pchain.chain.errors import Code, Evidence, Refusal

_REFUSAL_STATUS = {Code.OVERSIZED: 413}


class ApiError(Exception):
    """A request that cannot be answered as asked: one line that names the value found and the value wanted."""

    def __init__(self, status: int, code: str, message: str, /, **evidence: Evidence) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.evidence = evidence
        self.headers: Mapping[str, str] | None = None

    def with_headers(self, headers: Mapping[str, str] | None) -> ApiError:
        self.headers = headers
        return self


class JsonResponse(Response):
    """A JSON body, compact."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def error_view(code: str, message: str, evidence: Mapping[str, Evidence]) -> dict[str, object]:
    """Code, message, and the evidence beside them; bytes as hex."""
    shown = {key: value.hex() if isinstance(value, bytes) else value for key, value in evidence.items()}
    return {"code": str(code), "message": message} | {key: value for key, value in shown.items() if key not in ("code", "message")}


def error_response(error: ApiError) -> Response:
    body = {"error": error_view(error.code, error.message, error.evidence)}
    return JsonResponse(body, error.status, headers=error.headers)


def from_refusal(refusal: Refusal) -> ApiError:
    """A rule that the request itself broke: a bad address, an oversized body."""
    return ApiError(_REFUSAL_STATUS.get(refusal.code, 400), refusal.code, refusal.message, **refusal.evidence)


def internal_error() -> ApiError:
    return ApiError(500, "internal", "the node could not answer this request; its log says why")
