"""The stream of events as it is read and resumed: every final block from a height on, each once and in order.

A stream that breaks off, or that the node ends with a reason, is begun anew from the block after the last one; nobody is
told anything twice.  Changes of the head are passed on as they come, and are lost while there is no stream.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from p2pchain.chain.errors import shown
from p2pchain.client.answers import Json
from p2pchain.client.errors import ClientError, NodeError

PATH = "/v1/events"
PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Before the first, second ... attempt in a row to begin again; the last one for all further."""
_GONE = frozenset({"unavailable"})
"""Reasons for an end that asking again does not mend: the node has pruned the block."""
_BUSY = 503
_LINE_BYTES_MAX = 4 << 20
"""An event of a block of 20,000 transactions has 1.4 MB."""


class LineSplitter:
    """Bytes in, whole lines out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[str]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _LINE_BYTES_MAX:
            raise NodeError("bad_answer", f"found a line of more than {_LINE_BYTES_MAX} bytes in a stream of events")
        return [line.decode("utf-8", "replace") for line in lines]


class EventReading:
    """Lines in, events out; and what to ask after the stream ended."""

    def __init__(self, from_height: int | None) -> None:
        self._next = from_height
        self._failures = 0

    @property
    def query(self) -> Mapping[str, int]:
        return {} if self._next is None else {"from_height": self._next}

    def read(self, line: str) -> Json | None:
        """The event of a line; None where there is none for the caller.  `NodeError` where the stream has ended for good."""
        if not line.startswith("data:"):
            return None
        event = _event_in(line)
        kind, height = event["type"], event.get("height")
        self._failures = 0
        if kind == "end":
            self._end(event)
            return None
        if kind != "block_final":
            return event
        if type(height) is not int:
            raise _no_event(line)
        if self._next is not None and height < self._next:
            return None
        self._next = height + 1
        return event

    def pause_after(self, error: ClientError | None) -> float:
        """How long to wait before the stream is begun again; raises the error where that would not help."""
        if isinstance(error, NodeError) and error.http_status != _BUSY:
            raise error
        self._failures += 1
        return PAUSES_S[min(self._failures, len(PAUSES_S)) - 1]

    def _end(self, event: Json) -> None:
        code, resume = str(event.get("code")), event.get("resume_from_height")
        if code in _GONE:
            raise NodeError(code, str(event.get("message")), {"resume_from_height": resume})
        if isinstance(resume, int) and (self._next is None or resume > self._next):
            self._next = resume


def _event_in(line: str) -> Json:
    try:
        event = json.loads(line[5:])
    except (ValueError, RecursionError):
        raise _no_event(line) from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise _no_event(line)
    return event


def _no_event(line: str) -> NodeError:
    return NodeError("bad_answer", f"found {shown(line)}, an event wanted")
