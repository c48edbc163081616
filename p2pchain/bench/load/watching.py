"""When each transaction was final, by the event stream of one node."""

from __future__ import annotations

import threading
import time

import httpx2

from p2pchain.bench.errors import NotMeasured

_OPEN_S = 10.0


class FinalityWatch:
    """Follows `GET /v1/events` in a thread of its own, from when it is entered until it is left."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx2.Client(timeout=httpx2.Timeout(_OPEN_S, read=None))
        self._open = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self.failure = ""
        self.events: list[tuple[float, str]] = []
        """(moment of arrival, text of the event), unread: reading them waits until nobody needs the time."""

    def start(self) -> None:
        self._thread.start()
        if not self._open.wait(_OPEN_S):
            raise NotMeasured(f"no event stream from {self._url} within {_OPEN_S:g} s {self.failure}")

    def _follow(self) -> None:
        try:
            with self._client.stream("GET", f"{self._url}/v1/events", headers={"accept": "text/event-stream"}) as response:
                for line in response.iter_lines():
                    self._open.set()
                    if line.startswith('data: {"type":"block_final"'):
                        self.events.append((time.perf_counter(), line[6:]))
                    elif line.startswith('data: {"type":"end"'):
                        self.failure = line[6:]
                        return
        except httpx2.HTTPError as error:
            self.failure = str(error) or type(error).__name__
