"""How many nodes a world has: one number, or a range from which each seed draws its own.

A network of n nodes costs about n squared to simulate.  A size is drawn with the weight 1/n², so that many seeds give
each size about the same time: most worlds are small, where whole branches of fate are cheap, and large ones still come.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from p2pchain.sim.options import NODES_MAX, BadOption
from p2pchain.sim.streams import Streams

WEIGHT = 1_000_000
"""Of a network of one node; whole numbers, so that every machine draws alike."""
_SHAPE = re.compile(r"([0-9]{1,9})(?:\.\.([0-9]{1,9}))?")


class Sizes(NamedTuple):
    """From `low` to `high` nodes, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}..{self.high}"

    def draw(self, seed: int) -> int:
        """The size of this seed's world."""
        sizes = range(self.low, self.high + 1)
        return Streams(seed).of("nodes").choices(sizes, [WEIGHT // size**2 for size in sizes])[0]


def parse_sizes(text: str) -> Sizes:
    """`4`, or a range as `4..31`."""
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise BadOption("--nodes", f"found {text!r}, wanted a number as 4 or a range as 4..31")
    low = int(match[1])
    high = int(match[2] or match[1])
    if not 1 <= low <= high <= NODES_MAX:
        raise BadOption("--nodes", f"found {text.strip()}, wanted 1 to {NODES_MAX}, the lower end first")
    return Sizes(low, high)
