"""What was found in a small file of a home."""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.care.problem import Problem


class FileCheck(NamedTuple):
    name: str
    found: str
    problem: Problem | None = None
    is_grave: bool = False
    """Whether the node does not start, or signs nothing, because of it."""
