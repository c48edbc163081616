"""One thing that was looked at."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    WELL = "well"
    DOUBTFUL = "doubtful"
    """The node works, and its operator should know."""
    BROKEN = "broken"
    """The node does not work, or soon will not."""


class Finding(NamedTuple):
    check: str
    state: State
    found: str
    todo: str = ""
    """What to do; empty where nothing is."""


def well(check: str, found: str) -> Finding:
    return Finding(check, State.WELL, found)


def doubtful(check: str, found: str, todo: str) -> Finding:
    return Finding(check, State.DOUBTFUL, found, todo)


def broken(check: str, found: str, todo: str) -> Finding:
    return Finding(check, State.BROKEN, found, todo)
