"""The limits of the API, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where the API listens and how much it gives to whoever asks."""

    host: str = "127.0.0.1"
    port: int = 28_657
    """0 takes a free one."""
    body_bytes_max: int = 4 << 20
    """Largest request body."""
    body_timeout_s: float = 10.0
    """A client that sends its body slower than this gives its place to another."""
    write_timeout_s: float = 10.0
    """How long a client may leave an answer untouched before its connection is ended."""
    slow_s: float = 1.0
    """A reader of events that needs longer than this for one event, and falls behind, is sent away."""
    keep_alive_s: float = 15.0
    """After so long without an event a stream shows that it still stands, before a proxy takes it for dead."""
    grace_s: float = 1.0
    """What requests that are being answered at shutdown have left."""
    connections_max: int = 512
    """Twice as many as event streams, so that streams alone never shut out a probe; each costs a file descriptor."""
    requests_per_s: int = 0
    """Of one client; 0 counts nothing."""
    cors_origins: tuple[str, ...] = ()
    """Of web pages that may read the answers; `*` for any."""
    submissions_max: int = 4
    """Bodies in memory at once: four times `body_bytes_max` and what decoding makes of it."""
    submissions_waiting_max: int = 64
    """Those who wait for one of these places; each holds at most 256 KiB of unread body."""
