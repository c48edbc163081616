"""The clock that a node reads: it may be off, drift, and jump.  Integer milliseconds throughout."""

from __future__ import annotations

MILLION = 1_000_000


class Clock:
    """Local time as a straight line over true time, from the last time that somebody set it."""

    __slots__ = ("_drift_ppm", "_local_ms", "_true_ms")

    def __init__(self, now_ms: int) -> None:
        self._true_ms = now_ms
        self._local_ms = now_ms
        self._drift_ppm = 0

    def read(self, now_ms: int) -> int:
        """Local time at a true time."""
        passed = now_ms - self._true_ms
        if not self._drift_ppm:
            return self._local_ms + passed
        return self._local_ms + passed + passed * self._drift_ppm // MILLION

    def true_ms(self, local_ms: int) -> int:
        """The first true time at which this clock shows `local_ms` or more."""
        wanted = local_ms - self._local_ms
        if wanted <= 0:
            return self._true_ms
        if not self._drift_ppm:
            return self._true_ms + wanted
        moment = self._true_ms + wanted * MILLION // (MILLION + self._drift_ppm)
        while self.read(moment) < local_ms:
            moment += 1
        return moment

    def drift(self, now_ms: int, ppm: int) -> None:
        """From now on gain (or lose) so many millionths."""
        self._local_ms, self._true_ms, self._drift_ppm = self.read(now_ms), now_ms, ppm

    def jump(self, now_ms: int, by_ms: int) -> None:
        self._local_ms, self._true_ms = self.read(now_ms) + by_ms, now_ms

    def correct(self, now_ms: int) -> None:
        """True time, and no drift."""
        self._local_ms, self._true_ms, self._drift_ppm = now_ms, now_ms, 0
