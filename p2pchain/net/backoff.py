"""How long to wait before an address is dialled again: doubling pauses with jitter, up to a cap."""

from __future__ import annotations

from random import Random

FIRST_MS = 100
AFTER_HANDSHAKE_MS = 200
"""The other end was there and is gone again, perhaps because it restarts: ask soon, but not at once."""


class Backoff:
    __slots__ = ("_cap_ms", "_pause_ms", "_random")

    def __init__(self, cap_ms: int, random: Random) -> None:
        self._cap_ms = cap_ms
        self._pause_ms = FIRST_MS
        self._random = random

    def next_ms(self) -> float:
        """The pause before the next attempt: between half and the whole of a value that doubles each time."""
        pause_ms = min(self._pause_ms, self._cap_ms)
        self._pause_ms = min(2 * pause_ms, self._cap_ms)
        return pause_ms * self._random.uniform(0.5, 1.0)

    def restart(self, pause_ms: int = FIRST_MS) -> None:
        self._pause_ms = pause_ms

    def raise_to_cap(self) -> None:
        self._pause_ms = self._cap_ms
