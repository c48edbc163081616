"""One direction of a link: what troubles it, and what it holds while it is narrow."""

from __future__ import annotations

from typing import NamedTuple

DELAY_MS = (1, 20)


class Connection(NamedTuple):
    """A living link between two nodes, `low` < `high`."""

    number: int
    low: int
    high: int

    def other(self, node: int) -> int:
        return self.high if node == self.low else self.low


class Parcel(NamedTuple):
    """A frame under way."""

    connection: Connection
    source: int
    target: int
    frame: bytes


class Lane:
    """One direction of a link."""

    __slots__ = ("busy_until_ms", "bytes_per_s", "cuts", "delay_ms", "duplicate", "last_ms", "loss", "reorder", "waiting")

    def __init__(self) -> None:
        self.cuts: set[int] = set()
        """Who cut it; it is open while nobody did."""
        self.last_ms = 0
        self.busy_until_ms = 0
        self.delay_ms = DELAY_MS
        self.loss = 0.0
        self.duplicate = 0.0
        self.reorder = 0.0
        self.bytes_per_s = 0
        """0 where there is no limit."""
        self.waiting: dict[int, Parcel] = {}
        """What is under way since the direction is narrow, in the order of sending."""

    def forget(self) -> None:
        """The connection ended: nothing of the next one comes after what is lost."""
        self.waiting.clear()
        self.last_ms = self.busy_until_ms = 0

    def mend(self) -> None:
        """As good as new; what waited is sent by `Links.mend`."""
        self.cuts.clear()
        self.busy_until_ms = 0
        self.delay_ms = DELAY_MS
        self.loss = self.duplicate = self.reorder = 0.0
        self.bytes_per_s = 0
