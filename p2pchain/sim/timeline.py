"""What happened when, for people: an optional record of one run, from which a report can be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal[
    "slot", "block", "vote", "confirm", "certified", "final", "crash", "start", "cut", "heal", "clock", "byzantine", "contradiction"
]
MOMENTS_MAX = 1_000_000
"""About 300 MB: a report of more could not be drawn."""


class Moment(NamedTuple):
    """One thing that happened."""

    ms: int
    """True time since the genesis."""
    slot: int
    """By the true time."""
    node: int
    """Where; -1 where it concerns the whole world."""
    kind: Kind
    fields: Mapping[str, int | str]


class Timeline:
    """Collects moments in order."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []

    def add(self, moment: Moment) -> None:
        if len(self.moments) < MOMENTS_MAX:
            self.moments.append(moment)
