"""How many delegates may be faulty."""

from __future__ import annotations


def tolerated(members: int) -> int:
    """Fewer than a third of the members."""
    return (members - 1) // 3
