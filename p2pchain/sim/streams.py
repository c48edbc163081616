"""Chance, one stream for each concern.

Removing one fault from a world leaves the draws of all others as they were: shrinking a failing run rests on this.
"""

from __future__ import annotations

import random


class Streams:
    """Random streams of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def of(self, concern: str) -> random.Random:
        """A new stream, the same for the same seed and concern.  A seed of text does not depend on PYTHONHASHSEED."""
        return random.Random(f"{self._seed}/{concern}")  # noqa: S311  (repeatable on purpose)
