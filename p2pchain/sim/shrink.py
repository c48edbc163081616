"""A failing run made small: the fewest faults, then the fewest slots, that still break the same invariant.

Faults are taken out in halves, quarters, ... and at last one by one (Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input", 2002); each fault draws from its own stream, so those that stay do what they did.  Fewer slots
move the end of the faults too, so a shorter run is another run: what is handed back was always run itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from p2pchain.sim.options import Options
from p2pchain.sim.run import Result, run

RUNS_MAX = 80
"""Tries for one failing run: about 40 for 12 faults, and 7 for 100 slots."""


class Shrunk(NamedTuple):
    """The smallest failing run that was found."""

    options: Options
    result: Result
    invariant: str
    runs: int
    is_exhausted: bool
    """Whether tries ran out before no fault could be taken out any more."""

    @property
    def command(self) -> str:
        return self.options.command()

    def line(self) -> str:
        """In words."""
        faults = ", ".join(self.result.faults) or "no fault"
        limits = "; stopped there, smaller may be possible" if self.is_exhausted else ""
        return f"shrunk in {self.runs} runs to {faults} and {self.options.slots} slots ({self.invariant}){limits}: {self.command}"


class _TriesUsedUp(Exception):  # noqa: N818  (no error: the best so far stands)
    pass


class _Search:
    """The best failing run so far, and the tries that are left."""

    def __init__(self, options: Options, failing: Result, attempt: Callable[[Options], Result], runs_max: int) -> None:
        self.invariant = failing.violations[0].invariant
        self.best, self.result = options, failing
        self.runs = 0
        self._attempt = attempt
        self._runs_max = runs_max

    def still_fails(self, options: Options) -> bool:
        """Try it; where the same invariant breaks, it is the best so far."""
        if self.runs == self._runs_max:
            raise _TriesUsedUp
        self.runs += 1
        result = self._attempt(options)
        fails = any(violation.invariant == self.invariant for violation in result.violations)
        if fails:
            self.best, self.result = options, result
        return fails

    def first_slot(self) -> int:
        """When the invariant first broke in the best run."""
        return min(violation.slot for violation in self.result.violations if violation.invariant == self.invariant)


def shrink(options: Options, failing: Result, *, attempt: Callable[[Options], Result] = run, runs_max: int = RUNS_MAX) -> Shrunk:
    """Make a failing run small.  `attempt` runs options; the same invariant as the first of `failing` must break."""
    assert failing.violations, "only a failing run can be shrunk"
    search = _Search(replace(options, faults=frozenset(failing.faults)), failing, attempt, runs_max)
    exhausted = False
    try:
        _take_out_faults(search)
        _shorten(search)
    except _TriesUsedUp:
        exhausted = True
    return Shrunk(search.best, search.result, search.invariant, search.runs, exhausted)


def _take_out_faults(search: _Search) -> None:
    names = sorted(search.best.faults or ())
    size = len(names)
    while size:
        before, at = len(names), 0
        while at < len(names):
            kept = names[:at] + names[at + size :]
            if search.still_fails(replace(search.best, faults=frozenset(kept))):
                names = kept
            else:
                at += size
        # One by one again and again, until nothing can go: what went may have been what another was needed for.
        size = size // 2 if size > 1 else int(len(names) < before)


def _shorten(search: _Search) -> None:
    """To the slot of the first violation if that does, else between there and what is known to fail."""
    low, high = 1, search.best.slots
    first = search.first_slot()
    if 0 < first < high:
        if search.still_fails(replace(search.best, slots=first)):
            high = first
        else:
            low = first + 1
    while low < high:
        middle = (low + high) // 2
        if search.still_fails(replace(search.best, slots=middle)):
            high = middle
        else:
            low = middle + 1
