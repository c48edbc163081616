"""The one place that knows the HTTP library: a request in, a JSON value or one of our errors out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from p2pchain.client.calls import MSGPACK, Call
from p2pchain.client.errors import NodeError, NodeUnreachableError, SocketUnreachableError
from p2pchain.client.event_reading import LineSplitter

T = TypeVar("T")
EVENT_STREAM = "text/event-stream"
STREAM_TIMEOUT_S = 60.0
"""A node says on a quiet stream every 15 s that it is there."""
CLOSED_MEANWHILE = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)
"""What comes of a kept connection that the node closes in the very moment in which it is used again."""


def attempts(method: str) -> range:
    """A reading may be asked again where its connection was closed meanwhile (RFC 9110, 9.2.2); once, on a fresh one."""
    return range(2 if method == "GET" else 1)


class HttpDoor:
    """Requests to one node over kept connections; not for several threads at once."""

    def __init__(self, url: str, timeout_s: float, *, socket: Path | None = None) -> None:
        """`socket` is a Unix socket to speak over instead of TCP."""
        self._socket = socket
        self._timeout_s = timeout_s
        self.url, is_tls = checked_url(url)
        transport = httpx2.HTTPTransport(verify=False, uds=str(socket)) if socket is not None else None
        self._client = httpx2.Client(timeout=timeout_s, verify=is_tls, trust_env=is_tls, transport=transport)

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON from elsewhere
        return _answer_of(self._response("GET", path, params=query))

    def get_at_most(self, path: str, bytes_max: int, **query: str | int) -> Any:  # noqa: ANN401 - JSON from elsewhere
        """As `get`, for a node that nobody trusts: the answer has this size and comes within the timeout, or is none."""
        deadline = time.monotonic() + self._timeout_s
        content = bytearray()
        try:
            with self._client.stream("GET", self.url + path, params=query, headers={"accept-encoding": "identity"}) as response:
                for piece in response.iter_raw():
                    content += piece
                    if len(content) > bytes_max:
                        raise NodeError("bad_answer", f"found an answer of more than {bytes_max} bytes at {path}, at most so many wanted")
                    if time.monotonic() > deadline:
                        raise self._unreachable(f"the answer took longer than {self._timeout_s:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._unreachable(str(error) or type(error).__name__) from None
        return value_of(response.status_code, bytes(content))

    def post(self, path: str, content: bytes, content_type: str) -> Any:  # noqa: ANN401 - JSON from elsewhere
        return _answer_of(self._response("POST", path, content=content, headers={"content-type": content_type}))

    def perform(self, call: Call[T]) -> T:
        """One call of `client.calls`."""
        headers = {} if call.content is None else {"content-type": MSGPACK}
        return call.read(_answer_of(self._response(call.method, call.path, params=call.query, content=call.content, headers=headers)))

    def lines(self, path: str, query: Mapping[str, str | int]) -> Iterator[str]:
        """The lines of a stream that does not end by itself; `NodeUnreachableError` where it breaks off."""
        request = self._client.build_request(
            "GET", self.url + path, params=query, headers={"accept": EVENT_STREAM}, timeout=STREAM_TIMEOUT_S
        )
        try:
            response = self._client.send(request, stream=True)
            try:
                if not response.is_success:
                    value_of(response.status_code, response.read())
                lines = LineSplitter()
                for piece in response.iter_raw():
                    yield from lines.feed(piece)
            finally:
                response.close()
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise self._unreachable(str(error) or type(error).__name__) from None

    def put(self, path: str, content: bytes, content_type: str) -> Any:  # noqa: ANN401 - JSON from elsewhere
        return _answer_of(self._response("PUT", path, content=content, headers={"content-type": content_type}))

    def delete(self, path: str) -> Any:  # noqa: ANN401 - JSON from elsewhere
        return _answer_of(self._response("DELETE", path))

    def text(self, path: str) -> str:
        response = self._response("GET", path)
        if not response.is_success:
            raise node_error(response.status_code, None)
        return response.text

    def is_found(self, path: str) -> bool:
        """Whether there is a good answer; raises nothing."""
        try:
            return self._response("GET", path).is_success
        except NodeUnreachableError:
            return False

    def close(self) -> None:
        self._client.close()

    def _response(self, method: str, path: str, **arguments: Any) -> httpx2.Response:  # noqa: ANN401 - handed on to the library
        if self._socket is not None and not self._socket.is_socket():
            raise self._unreachable("there is no socket")  # the library would leave an open one behind
        for left in reversed(attempts(method)):
            try:
                return self._client.request(method, self.url + path, **arguments)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                if not (left and isinstance(error, CLOSED_MEANWHILE)):
                    raise self._unreachable(str(error) or type(error).__name__) from None
        raise AssertionError("the last attempt answers or raises")

    def _unreachable(self, reason: str) -> NodeUnreachableError:
        if self._socket is None:
            return NodeUnreachableError(self.url, reason)
        return SocketUnreachableError(str(self._socket), reason)


def checked_url(url: str) -> tuple[str, bool]:
    """The URL of a node, and whether it takes TLS: loading the authorities costs a tenth of a second, which a plain one need not pay."""
    found = url.rstrip("/")
    parts = urlsplit(found)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NodeError("bad_url", f"found the node URL {url!r}, wanted http://HOST:PORT or https://HOST:PORT")
    return found, parts.scheme == "https"


def _answer_of(response: httpx2.Response) -> Any:  # noqa: ANN401 - JSON from elsewhere
    return value_of(response.status_code, response.content, response.headers.get("retry-after", ""))


def value_of(http_status: int, content: bytes, retry_after: str = "") -> Any:  # noqa: ANN401 - JSON from elsewhere
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if 200 <= http_status < 300 and answer is not None:
        return answer
    raise node_error(http_status, answer, _seconds(retry_after))


def _seconds(retry_after: str) -> float | None:
    """As a number: the header's other form, a date, needs clocks that agree, and no node sends it."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None


def node_error(http_status: int, answer: object, retry_after_s: float | None = None) -> NodeError:
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        words = f"found HTTP status {http_status} without an error object: is this a p2pchain node?"
        return NodeError("bad_answer", words, http_status=http_status)
    evidence = {name: value for name, value in error.items() if name not in ("code", "message")}
    return NodeError(str(error.get("code")), str(error.get("message")), evidence, http_status=http_status, retry_after_s=retry_after_s)
