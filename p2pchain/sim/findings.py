"""What the checkers found."""

from __future__ import annotations

from typing import NamedTuple

FINDINGS_MAX = 100
"""A broken world breaks everywhere; the first findings tell."""


class Violation(NamedTuple):
    """An invariant that did not hold."""

    invariant: str
    """Its name in docs/reliability.md, `honest_links` or `own_proofs`."""
    node: int
    """-1 where it is nobody's."""
    slot: int
    text: str


class Findings:
    """Violations in the order in which they were found, each once."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._known: set[tuple[str, int, str]] = set()

    def add(self, violation: Violation) -> None:
        key = (violation.invariant, violation.node, violation.text)
        if key not in self._known and len(self.violations) < FINDINGS_MAX:
            self._known.add(key)
            self.violations.append(violation)
