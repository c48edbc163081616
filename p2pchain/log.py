"""How log events leave the node: one line each, for people or as JSON, in UTC, without secrets, at a bounded rate.

Importing this module changes nothing; `configure_logging` sets structlog up once, from the composition root. Modules of
the shell ask `structlog.get_logger()` and log an event name in words plus keys. Two processors protect the operator:
a secret under a telling key is never written, and an event that a peer can provoke cannot fill the disk.
"""

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET = re.compile(r"secret|passphrase|password|private|seed(?!s)", re.IGNORECASE)
_REDACTED = "[redacted]"

# What a peer provokes: enough to see it, and at 200 bytes a line less than 20 MB a day for an event that keeps coming.
_BURST_OF_PEER = 10
# What the node does by itself: several blocks a second may each have a line of every kind.
_BURST_OF_NODE = 100
_WINDOW_S = 10.0
# 100 peers times the event names that one of them can provoke; the oldest entry goes first.
_TABLE_MAX = 4_096
_DEPTH_MAX = 8


class RateLimit:
    """Lets a burst of events of one name and peer pass per window; the first after it says how many were dropped."""

    def __init__(
        self,
        *,
        burst_of_peer: int = _BURST_OF_PEER,
        burst_of_node: int = _BURST_OF_NODE,
        window_s: float = _WINDOW_S,
        table_max: int = _TABLE_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst_of_peer = burst_of_peer
        self._burst_of_node = burst_of_node
        self._window_s = window_s
        self._table_max = table_max
        self._clock = clock
        # (event, peer) -> (start of the window, events seen in it), the oldest start first
        self._windows: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def __call__(self, _logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        key = (str(event_dict.get("event")), str(event_dict.get("peer", "")))
        burst = self._burst_of_peer if "peer" in event_dict else self._burst_of_node
        now = self._clock()
        start, seen = self._windows.get(key, (now, 0))
        if now - start >= self._window_s:
            del self._windows[key]
            if seen > burst:
                event_dict["suppressed"] = seen - burst
            start, seen = now, 0
        self._windows[key] = (start, seen + 1)
        if len(self._windows) > self._table_max:
            self._windows.popitem(last=False)
        if seen >= burst:
            raise structlog.DropEvent
        return event_dict


def redact_secrets(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Replaces every value whose key looks like a secret, in nested mappings and lists too."""
    return {key: _redacted(key, value, _DEPTH_MAX) for key, value in event_dict.items()}


def _redacted(key: object, value: object, depth: int) -> object:
    if isinstance(key, str) and key != "event" and _SECRET.search(key) and value not in (None, ""):
        return _REDACTED
    if isinstance(value, MutableMapping | list | tuple) and depth == 0:
        return "[too deep]"
    if isinstance(value, MutableMapping):
        return {inner: _redacted(inner, item, depth - 1) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(None, item, depth - 1) for item in value]
    return value


def configure_logging(log_format: str, level: str, stream: TextIO) -> None:
    """Set structlog up for the process: `auto` is for people where `stream` is a terminal, JSON where it is not.

    `level` is a level's name as in `[log] level`.
    """
    for_people = log_format == "console" or (log_format == "auto" and stream.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            RateLimit(),
            redact_secrets,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_console_processors(colors=stream.isatty()) if for_people else _json_processors()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )


def _console_processors(*, colors: bool) -> list[Processor]:
    # plain tracebacks: the pretty ones print local variables, and a local variable may be a secret
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _json_processors() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=_json_text, ensure_ascii=True),
    ]


def _json_text(value: Any) -> str:  # noqa: ANN401 - the JSON encoder hands over whatever it does not know
    return value.hex() if isinstance(value, bytes) else str(value)
