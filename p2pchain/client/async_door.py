"""The same as `http_door`, on Trio or asyncio: the library finds out which of them runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from typing import TypeVar

import anyio
import httpx2

from p2pchain.client.calls import MSGPACK, Call
from p2pchain.client.errors import NodeUnreachableError
from p2pchain.client.event_reading import LineSplitter
from p2pchain.client.http_door import CLOSED_MEANWHILE, EVENT_STREAM, STREAM_TIMEOUT_S, attempts, checked_url, node_error, value_of

T = TypeVar("T")
CONNECTIONS_MAX = 16
"""At once to one node, which takes 512 in all."""


class AsyncHttpDoor:
    """Requests to one node over kept connections, for any number of tasks at once."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.url, is_tls = checked_url(url)
        limits = httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
        self._client = httpx2.AsyncClient(timeout=timeout_s, verify=is_tls, trust_env=is_tls, limits=limits)

    async def perform(self, call: Call[T]) -> T:
        headers = {} if call.content is None else {"content-type": MSGPACK}
        response = await self._response(call.method, call.path, call.query, call.content, headers)
        return call.read(value_of(response.status_code, response.content, response.headers.get("retry-after", "")))

    async def text(self, path: str) -> str:
        response = await self._response("GET", path, {}, None, {})
        if not response.is_success:
            raise node_error(response.status_code, None)
        return response.text

    async def is_found(self, path: str) -> bool:
        """Whether there is a good answer; raises nothing."""
        try:
            return (await self._response("GET", path, {}, None, {})).is_success
        except NodeUnreachableError:
            return False

    async def lines(self, path: str, query: Mapping[str, str | int]) -> AsyncGenerator[str, None]:
        """The lines of a stream that does not end by itself; `NodeUnreachableError` where it breaks off."""
        request = self._client.build_request(
            "GET", self.url + path, params=query, headers={"accept": EVENT_STREAM}, timeout=STREAM_TIMEOUT_S
        )
        try:
            response = await self._client.send(request, stream=True)
            pieces = response.aiter_raw()
            lines = LineSplitter()
            try:
                if not response.is_success:
                    value_of(response.status_code, await response.aread())
                async for piece in pieces:
                    for line in lines.feed(piece):
                        yield line
            finally:
                with anyio.CancelScope(shield=True):
                    await _end(response, pieces)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise NodeUnreachableError(self.url, str(error) or type(error).__name__) from None

    async def close(self) -> None:
        await self._client.aclose()

    async def _response(
        self, method: str, path: str, query: Mapping[str, str | int], content: bytes | None, headers: Mapping[str, str]
    ) -> httpx2.Response:
        for left in reversed(attempts(method)):
            try:
                return await self._client.request(method, self.url + path, params=query, content=content, headers=headers)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                if not (left and isinstance(error, CLOSED_MEANWHILE)):
                    raise NodeUnreachableError(self.url, str(error) or type(error).__name__) from None
        raise AssertionError("the last attempt answers or raises")


async def _end(response: httpx2.Response, pieces: AsyncIterator[bytes]) -> None:
    """Close a stream that goes on.  The library's generators stand in the middle of it: one step more on the closed connection ends them
    all, where otherwise the garbage collector would find them, and Trio complain.
    """
    await response.aclose()
    with suppress(httpx2.HTTPError, httpx2.StreamError, StopAsyncIteration):
        await anext(pieces)
