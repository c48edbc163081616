"""The one place that knows the HTTP library: a request in, a JSON value or one of our errors out."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from p2pchain.client.errors import NodeError, NodeUnreachableError, SocketUnreachableError


class HttpDoor:
    """Requests to one node over kept connections; not for several threads at once."""

    def __init__(self, url: str, timeout_s: float, *, socket: Path | None = None) -> None:
        """`socket` is a Unix socket to speak over instead of TCP."""
        self._socket = socket
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NodeError("bad_url", f"found the node URL {url!r}, wanted http://HOST:PORT or https://HOST:PORT")
        # Loading the authorities for TLS costs a tenth of a second, which a plain URL need not pay.
        is_tls = parts.scheme == "https"
        transport = httpx2.HTTPTransport(verify=False, uds=str(socket)) if socket is not None else None
        self._client = httpx2.Client(timeout=timeout_s, verify=is_tls, trust_env=is_tls, transport=transport)

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON from elsewhere
        return _answer_of(self._response("GET", path, params=query))

    def post(self, path: str, content: bytes, content_type: str) -> Any:  # noqa: ANN401 - JSON from elsewhere
        return _answer_of(self._response("POST", path, content=content, headers={"content-type": content_type}))

    def put(self, path: str, content: bytes, content_type: str) -> Any:  # noqa: ANN401 - JSON from elsewhere
        return _answer_of(self._response("PUT", path, content=content, headers={"content-type": content_type}))

    def delete(self, path: str) -> Any:  # noqa: ANN401 - JSON from elsewhere
        return _answer_of(self._response("DELETE", path))

    def text(self, path: str) -> str:
        response = self._response("GET", path)
        if not response.is_success:
            raise _node_error(response.status_code, None)
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
        try:
            return self._client.request(method, self.url + path, **arguments)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._unreachable(str(error) or type(error).__name__) from None

    def _unreachable(self, reason: str) -> NodeUnreachableError:
        if self._socket is None:
            return NodeUnreachableError(self.url, reason)
        return SocketUnreachableError(str(self._socket), reason)


def _answer_of(response: httpx2.Response) -> Any:  # noqa: ANN401 - JSON from elsewhere
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if response.is_success and answer is not None:
        return answer
    raise _node_error(response.status_code, answer, _retry_after_s(response))


def _retry_after_s(response: httpx2.Response) -> float | None:
    """As a number of seconds: the header's other form, a date, needs clocks that agree, and no node sends it."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _node_error(http_status: int, answer: object, retry_after_s: float | None = None) -> NodeError:
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        words = f"found HTTP status {http_status} without an error object: is this a p2pchain node?"
        return NodeError("bad_answer", words, http_status=http_status)
    evidence = {name: value for name, value in error.items() if name not in ("code", "message")}
    return NodeError(str(error.get("code")), str(error.get("message")), evidence, http_status=http_status, retry_after_s=retry_after_s)
