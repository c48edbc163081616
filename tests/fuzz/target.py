"""What a fuzz target is: a claim over all bytes, where to begin, and how to change what was begun with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple, TypeAlias

from tests.fuzz.mutation.octets import mutate_bytes

Mutate: TypeAlias = Callable[[bytes, Random, int], bytes]
"""Bytes, chance and the largest size to other bytes."""


class Target(NamedTuple):
    """One decoder or one conversation."""

    name: str
    claims: str
    """What holds for any bytes, in words; `check` raises where it does not."""
    check: Callable[[bytes], str]
    """Gives a few words for what happened: an input that makes new ones is worth keeping."""
    seeds: Callable[[], Sequence[bytes]]
    """Well-formed inputs, and hand-made horrors."""
    mutate: Mutate = mutate_bytes
    size_max: int = 4_096
    cpu_s_max: float = 0.25
    """For one input of at most `size_max`; the slowest take some milliseconds."""
