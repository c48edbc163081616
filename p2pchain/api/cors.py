"""Which web pages may read the answers (CORS): those of the configured origins, as they are at the moment of the request.

Nothing here is a lock: it asks browsers to keep other pages out, and no cookie or password is ever taken from one.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

ANY = "*"
_HOUR_S = 3_600


class Cors:
    """ASGI middleware over `app`."""

    def __init__(self, app: ASGIApp, origins: Callable[[], tuple[str, ...]]) -> None:
        self._app = app
        self._origins = origins
        self._made_for: tuple[str, ...] = ()
        self._open: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = self._origins()
        if origins != self._made_for:
            self._open, self._made_for = self._opened(origins), origins
        await self._open(scope, receive, send)

    def _opened(self, origins: tuple[str, ...]) -> ASGIApp:
        if not origins:
            return self._app
        return CORSMiddleware(
            self._app,
            allow_origins=[ANY] if ANY in origins else list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["content-type"],
            max_age=_HOUR_S,
        )
