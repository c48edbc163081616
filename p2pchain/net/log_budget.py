"""How many lines a log gets about what strangers do: so many at once, then so many a minute.

Who connects and leaves without end would otherwise fill the disk.  What is over the budget goes to debug.
"""

from __future__ import annotations

LINES_AT_ONCE = 200
"""All peers of a node coming and going once."""
LINES_PER_MINUTE = 60


class LogBudget:
    __slots__ = ("_at_s", "_left")

    def __init__(self) -> None:
        self._left = float(LINES_AT_ONCE)
        self._at_s = 0.0

    def take(self, now_s: float) -> bool:
        """Whether one more line may be told.  `now_s` never goes back."""
        self._left = min(LINES_AT_ONCE, self._left + (now_s - self._at_s) * LINES_PER_MINUTE / 60)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
