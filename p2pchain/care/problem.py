"""What is wrong with a home, in fields: where, what was found, what was wanted, what to do."""

from __future__ import annotations

from typing import NamedTuple

REPAIR = "p2pchain repair keeps what is good and fetches the rest from peers"
SYNC_AGAIN = "p2pchain repair sets it aside and builds it anew from the blocks"


class Problem(NamedTuple):
    place: str
    """The part of the home: `block`, `certificate`, `signature`, `state`, `index`, `rows`, `genesis`, `store`, or a file's name."""
    found: str
    wanted: str
    todo: str
    height: int | None = None
    """The first block that it concerns; None where it concerns none."""

    def __str__(self) -> str:
        where = self.place if self.height is None else f"{self.place} of height {self.height}"
        return f"{where}: {self.found}; {self.wanted}"


class ProblemError(Exception):
    """Ends a check at the first thing that is wrong."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def wrong(place: str, found: str, wanted: str, *, todo: str = REPAIR, height: int | None = None) -> ProblemError:
    return ProblemError(Problem(place, found, wanted, todo, height))
