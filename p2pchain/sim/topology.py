"""Who has a link to whom: everybody to everybody in a small network, a bounded number of links in a large one.

In a large one the nodes stand in a ring with chords drawn by the seed; the nodes that will have to carry the network
have a ring of their own beside it, so that they are connected without anybody else.
"""

from __future__ import annotations

import random
from itertools import combinations

FULL_MESH_MAX = 7
DEGREE = 4


def draw_pairs(nodes: int, core: list[int], chance: random.Random) -> list[tuple[int, int]]:
    """Links as pairs in ascending order."""
    if nodes <= FULL_MESH_MAX:
        return list(combinations(range(nodes), 2))
    everybody = list(range(nodes))
    pairs = _ring(everybody, chance) | _ring(core, chance)
    while 2 * len(pairs) < nodes * DEGREE:
        a, b = chance.sample(everybody, 2)
        pairs.add((min(a, b), max(a, b)))
    return sorted(pairs)


def _ring(members: list[int], chance: random.Random) -> set[tuple[int, int]]:
    order = chance.sample(members, len(members))
    return {(min(a, b), max(a, b)) for a, b in zip(order, order[1:] + order[:1], strict=True) if a != b}
