"""The plain engine: random changes to a growing pool, on any Python, without coverage.

What takes the place of coverage is what a target tells of an input: one that makes it say something new is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from time import perf_counter, process_time
from typing import NamedTuple

from tests.fuzz.bombs import BOMBS
from tests.fuzz.findings import Finding
from tests.fuzz.target import Target

POOL_MAX = 2_000
"""Inputs that said something new; targets know some hundred words."""
STACKED_MAX = 4
CLOCK_EVERY = 64
_HORRORS = frozenset(BOMBS)


class Outcome(NamedTuple):
    """What a run came to."""

    executions: int
    seconds: float
    words: frozenset[str]
    """All that was heard."""
    kept: tuple[bytes, ...]
    """The inputs that said it first."""


def execute(target: Target, data: bytes) -> str:
    """One input; `Finding` where the claim does not hold, or takes too long."""
    began = process_time()
    try:
        word = target.check(data)
    except Exception as error:
        raise Finding(target.name, data, error) from error
    spent = process_time() - began
    if spent > target.cpu_s_max:
        slow = AssertionError(f"slow: {spent:.3f} s of CPU for {len(data)} bytes, at most {target.cpu_s_max} wanted")
        raise Finding(target.name, data, slow)
    return word


def fuzz(target: Target, *, runs: int, seconds: float, seed: int, corpus: Iterable[bytes] = ()) -> Outcome:
    """Until one of both is reached.  The same arguments give the same inputs, unless time ends it."""
    random = Random(seed)
    pool: list[bytes] = []
    words: dict[str, bytes] = {}
    began, executions = perf_counter(), 0
    seeds = list(target.seeds())
    for data in [*seeds, *corpus]:
        words.setdefault(execute(target, data), data)
        pool.append(data)
        executions += 1
    sound = [data for data in seeds if data not in _HORRORS]
    pool += sound * (len(seeds) // max(1, len(sound)))  # as many that are nearly right as horrors
    end = began + seconds
    mutate, size_max = target.mutate, target.size_max
    while executions < runs and (executions % CLOCK_EVERY or perf_counter() < end):
        data = pool[int(random.random() * len(pool))]
        for _ in range(1 + int(random.random() ** 2 * STACKED_MAX)):
            data = mutate(data, random, size_max)
        word = execute(target, data)
        executions += 1
        if word not in words and len(pool) < POOL_MAX:
            words[word] = data
            pool.append(data)
    return Outcome(executions, perf_counter() - began, frozenset(words), tuple(words.values()))
